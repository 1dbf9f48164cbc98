"""A sweep over one metaparameter: accuracy at each of its values, every seed, and bars over the seeds.

Accuracies from elsewhere (a paper's, on other images) are a figure of their own, with the same values along the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.plots.style import AXIS, BLUE, FONT, GREY, INK, faded
from explorer.results.record import ACCURACY, StudyRecord, TrialRecord
from explorer.space import DesignSpace, SpaceError, parse

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


OCHRE = "#9A7B22"


class SweepError(ValueError):
    """A study that is no sweep over the metaparameter."""


@dataclass(frozen=True)
class SweepPoint:
    """One network of a sweep.

    Attributes:
        values: of the metaparameter; several where they build the same network (on small images a pool may be dropped).
        trial: its number.
        by_seed: {seed: the study's metric}, each from a training of its own.
        accuracy: their mean.
        error: standard error of `accuracy`: over the seeds, or binomial if there is one.
        params, macs, activation_bytes, peak_activation_bytes: see `explorer.arch.cost.Cost`.
    """

    values: tuple[Any, ...]
    trial: int
    by_seed: dict[int, float]
    accuracy: float
    error: float
    params: int
    macs: int
    activation_bytes: int
    peak_activation_bytes: int

    @property
    def name(self) -> str:
        """0.125, or 0.125 = 0.1875 for values that build the same network."""
        return " = ".join(map(str, self.values))


@dataclass(frozen=True)
class SweepInfo:
    """What a sweep shows.

    Attributes:
        study: its name.
        parameter: the metaparameter.
        data: name of the data set.
        images: size of the validation split.
        epochs: of each training.
        commit: of the program that trained, 7 digits; empty if unknown.
        order: the values: numbers rising, words as the space lists them.
        points: in that order, those that are trained.
    """

    study: str
    parameter: str
    data: str
    images: int
    epochs: int
    commit: str
    order: tuple[Any, ...]
    points: tuple[SweepPoint, ...]

    @property
    def missing(self) -> tuple[Any, ...]:
        """Values that are not trained to the end."""
        return tuple(value for value in self.order if self.at(value) is None)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that every point has."""
        common = set.intersection(*(set(point.by_seed) for point in self.points)) if self.points else set()
        return tuple(sorted(common))

    def at(self, value: Any) -> SweepPoint | None:
        """The network of a value, if it is trained."""
        return next((point for point in self.points if value in point.values), None)


@dataclass(frozen=True)
class Elsewhere:
    """Accuracies from elsewhere.

    Attributes:
        title: of the figure.
        values: of the metaparameter.
        accuracies: in per cent.
    """

    title: str
    values: tuple[Any, ...]
    accuracies: tuple[float, ...]


def info(record: StudyRecord, parameter: str) -> SweepInfo:
    """Reads a sweep out of a study.

    Raises:
        SweepError: if the study is not a grid over this metaparameter alone, or not judged by accuracy, as the paper's.
    """
    space = _space(record, parameter)
    if record.metric != ACCURACY:
        raise SweepError(f"study {record.name}: it maximises {record.metric}, the paper's figures are accuracies")
    trials = {trial.identity: trial for trial in record.finished if trial.accuracies}
    shape, classes = record.facts["input_shape"], record.facts["classes"]
    order = [point[parameter] for point in space.points()]
    if not any(isinstance(value, str) for value in order):
        order.sort()
    values: dict[str, list[Any]] = {}
    for value in order:
        network = space.architecture({parameter: value}, (shape[0], shape[1], shape[2]), classes)
        values.setdefault(network.identity, []).append(value)
    data = record.config.get("data", "")
    return SweepInfo(
        study=record.name,
        parameter=parameter,
        data=str(data.get("name", "")) if isinstance(data, dict) else str(data),
        images=record.val_images,
        epochs=max((trials[identity].epochs for identity in values if identity in trials), default=0),
        commit=str(record.facts.get("git_commit") or "")[:7],
        order=tuple(order),
        points=tuple(
            _point(tuple(same), trials[identity], record.val_images)
            for identity, same in values.items()
            if identity in trials
        ),
    )


def figure(info: SweepInfo) -> Figure:
    """The measured accuracies: the mean over the seeds with its bars, and each seed as a faint dot."""
    from plotly import graph_objects as go

    seeds = len(info.seeds)
    title = f"measured: {info.data}, {seeds} seed{'s' * (seeds != 1)}, {info.epochs} epoch{'s' * (info.epochs != 1)}"
    return go.Figure(
        _measured(info), layout(title, info.parameter, info.order) | {"yaxis": AXIS | {"tickformat": ".1%"}}
    )


def elsewhere_figure(elsewhere: Elsewhere, parameter: str) -> Figure:
    """The accuracies from elsewhere, in per cent as they are given."""
    from plotly import graph_objects as go

    trace = go.Scatter(
        x=list(elsewhere.values),
        y=list(elsewhere.accuracies),
        mode=_mode(elsewhere.values),
        line={"color": faded(OCHRE, 0.6), "width": 1.5, "dash": "dot"},
        marker={"color": OCHRE, "size": 9, "symbol": "square"},
        hovertemplate="printed: %{y} at %{x}<extra></extra>",
    )
    axis = AXIS | {"ticksuffix": " %"}
    return go.Figure(trace, layout(elsewhere.title, parameter, elsewhere.values) | {"yaxis": axis})


def layout(title: str, below: str, values: Sequence[Any] = ()) -> dict[str, Any]:
    """What the figures of a page share: no ground of their own, so that the page may be light or dark.

    Args:
        title: above, small.
        below: title of the lower axis.
        values: that the lower axis has ticks for; none: any.
    """
    return {
        "template": "plotly_white",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": INK},
        "title": {"text": title, "font": {"size": 13}, "x": 0, "xref": "paper", "y": 0.97, "yanchor": "top"},
        "margin": {"l": 58, "r": 18, "t": 36, "b": 48},
        "height": 310,
        "showlegend": False,
        "hoverlabel": {"align": "left", "bgcolor": "#fff", "bordercolor": GREY, "font": {"family": FONT, "color": INK}},
        "xaxis": AXIS | {"title": {"text": below, "font": {"size": 13}}} | (_value_axis(values) if values else {}),
    }


def hover(point: SweepPoint, parameter: str) -> str:
    """What the pointer shows of a measured point."""
    each = ", ".join(f"{accuracy:.2%}" for accuracy in point.by_seed.values())
    return (
        f"<b>{parameter} {point.name}</b>, trial {point.trial}<br>val_acc {point.accuracy:.2%} ± {point.error:.2%}"
        f"<br>each seed: {each}<br>params {point.params:,}<br>macs {point.macs:,}"
        f"<br>activations {point.activation_bytes:,} bytes"
    )


def bars(points: Sequence[SweepPoint], color: str = BLUE) -> dict[str, Any]:
    """One standard error up and down."""
    errors = [point.error for point in points]
    return {"type": "data", "array": errors, "color": color, "thickness": 1.6, "width": 5}


def _space(record: StudyRecord, parameter: str) -> DesignSpace:
    try:
        space = parse(record.name, record.config["space"])
    except SpaceError as error:
        raise SweepError(f"study {record.name}: {error}") from None
    searched = [one.name for one in space.parameters]
    if searched != [parameter]:
        raise SweepError(
            f"study {record.name} searches {', '.join(searched) or 'nothing'}, expected a sweep over {parameter} alone"
        )
    if space.parameters[0].values is None:
        raise SweepError(f"study {record.name}: {parameter} is continuous, expected a list of values")
    return space


def _point(values: tuple[Any, ...], trial: TrialRecord, images: int) -> SweepPoint:
    assert trial.accuracy is not None
    counted = cost(Architecture.from_json(trial.architecture))
    return SweepPoint(
        values=values,
        trial=trial.number,
        by_seed={seed: curve[-1][trial.metric] for seed, curve in zip(trial.seeds, trial.curves, strict=True) if curve},
        accuracy=trial.accuracy,
        error=trial.error(images),
        params=counted.params,
        macs=counted.macs,
        activation_bytes=counted.activation_bytes,
        peak_activation_bytes=counted.peak_activation_bytes,
    )


def _measured(info: SweepInfo) -> list[Any]:
    from plotly import graph_objects as go

    seeds = [(point, accuracy) for point in info.points for accuracy in point.by_seed.values()]
    dots = go.Scatter(
        x=[point.values[0] for point, _ in seeds],
        y=[accuracy for _, accuracy in seeds],
        mode="markers",
        marker={"color": faded(BLUE, 0.45), "size": 6},
        hoverinfo="skip",
    )
    means = go.Scatter(
        x=[point.values[0] for point in info.points],
        y=[point.accuracy for point in info.points],
        mode=_mode([point.values[0] for point in info.points]),
        line={"color": faded(BLUE, 0.5), "width": 1.5},
        marker={"color": BLUE, "size": 10},
        error_y=bars(info.points),
        customdata=[hover(point, info.parameter) for point in info.points],
        hovertemplate="%{customdata}<extra></extra>",
    )
    return [dots, means]


def _mode(values: Sequence[Any]) -> str:
    """A line between numbers; words have nothing between them."""
    return "markers" if any(isinstance(value, str) for value in values) else "lines+markers"


def _value_axis(values: Sequence[Any]) -> dict[str, Any]:
    """Ticks at the values themselves, so far as they keep apart; words in the order given."""
    if any(isinstance(value, str) for value in values):
        return {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": list(values),
            "range": [-0.5, len(set(values)) - 0.5],
        }
    low, high = min(values, default=0), max(values, default=1)
    room = 0.05 * (high - low) or 0.5
    return {
        "range": [low - room, high + room],
        "tickmode": "array",
        "tickvals": _ticks(sorted(set(values))),
        "zeroline": False,
    }


def _ticks(values: Sequence[float]) -> list[float]:
    """Those values that keep a seventh of the axis between them, which is room for their figures on a phone."""
    least = 0.14 * (values[-1] - values[0]) if values else 0
    kept: list[float] = []
    for value in values:
        if not kept or value - kept[-1] >= least:
            kept.append(value)
    return kept
