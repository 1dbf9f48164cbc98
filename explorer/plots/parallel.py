"""Metaparameters of all finished networks side by side, a line a network, coloured by accuracy.

Drawn as plain lines: they print, follow the page's ground and need no WebGL, which parallel coordinates of plotly do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from explorer.plots.labels import si
from explorer.plots.markers import spaced
from explorer.plots.style import BLUE, GREY, VERMILLION, faded
from explorer.plots.sweep import layout
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord, TrialRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SKY = "#56B4E9"
FEW = 6
"""Values of a metaparameter up to which each has its tick."""
ROOM = 0.07
"""Least distance of two ticks' words, as a share of an axis."""
MOST = 300
"""Lines of a share that are drawn; of more, evenly spaced ones."""


@dataclass(frozen=True)
class Axis:
    """One metaparameter, or a result.

    Attributes:
        name: of it.
        ticks: places in [0, 1] and their words.
        places: of each network, None where it has no such metaparameter.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    places: tuple[float | None, ...]


@dataclass(frozen=True)
class Parallel:
    """What the figure shows: axes, and for each share of the networks its name and which they are."""

    axes: tuple[Axis, ...]
    shares: tuple[tuple[str, tuple[int, ...]], ...]


def info(record: StudyRecord) -> Parallel:
    """What there is to see in a study's finished trials; published networks have no metaparameters and are left out."""
    trials = [trial for trial in record.finished if trial.metaparameters]
    names = list(dict.fromkeys(name for trial in trials for name in trial.metaparameters))
    axes = [_axis(name, [trial.metaparameters.get(name) for trial in trials]) for name in names]
    if trials:
        for axis, size in enumerate(record.sizes):
            axes.append(_numbers(size.name, [trial.sizes[axis] for trial in trials], log=True))
        axes.append(_numbers(record.metric, [trial.accuracy or 0.0 for trial in trials], log=False, share=True))
    front = {trial.number for trial in front_trials(record)}
    return Parallel(tuple(axes), _shares(record.metric, trials, front))


def figure(info: Parallel) -> Figure:
    """Draws it; a click in the legend hides a share."""
    from plotly import graph_objects as go

    styles = [(faded(GREY, 0.5), 1), (faded(SKY, 0.7), 1), (faded(BLUE, 0.8), 1.2), (VERMILLION, 2)]
    traces = [_trace(info, name, members, *style) for (name, members), style in zip(info.shares, styles, strict=True)]
    figure = go.Figure([trace for trace in traces if trace.x], layout("", ""))
    last = max(len(info.axes) - 1, 1)
    figure.update_xaxes(
        tickmode="array",
        tickvals=list(range(len(info.axes))),
        ticktext=[f"<b>{axis.name}</b>" for axis in info.axes],
        range=[-0.15, last + 0.55],
        showgrid=False,
        showline=False,
        ticks="",
        ticklabeloverflow="allow",
        tickangle=25 if len(info.axes) > FEW else 0,
    )
    figure.update_yaxes(visible=False, range=[-0.1, 1.1])
    for i, axis in enumerate(info.axes):
        figure.add_shape(type="line", x0=i, x1=i, y0=0, y1=1, line={"color": GREY, "width": 1})
        for y, words in _apart(axis.ticks):
            figure.add_annotation(text=words, x=i, y=y, showarrow=False, font={"size": 11}, **_beside(y))
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    figure.update_layout(showlegend=True, legend=legend, height=430, margin={"l": 16, "r": 40, "t": 12, "b": 120})
    return figure


def _apart(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The ticks that find room: both ends, and between them those that are not too near to one before."""
    kept = [tick for tick in ticks if tick[0] in (0, 1)]
    for tick in ticks:
        if tick not in kept and all(abs(tick[0] - other) >= ROOM for other, _ in kept):
            kept.append(tick)
    return kept


def _beside(y: float) -> dict[str, Any]:
    """Where a tick's words stand: at an end beyond it, where no line runs; else right of the axis, on a ground."""
    if y in (0, 1):
        return {"xanchor": "center", "yanchor": "bottom" if y else "top", "yshift": 2 if y else -2}
    return {"xanchor": "left", "xshift": 4, "bgcolor": "rgba(255,255,255,0.85)", "borderpad": 1}


def _trace(info: Parallel, name: str, members: Sequence[int], colour: str, width: float) -> Any:
    from plotly import graph_objects as go

    kept = spaced(members, MOST)
    x = [*range(len(info.axes)), None]
    y: Iterable[Any] = chain.from_iterable([*(_rounded(axis.places[i]) for axis in info.axes), None] for i in kept)
    line = {"color": colour, "width": width}
    return go.Scatter(name=name, x=x * len(kept), y=list(y), mode="lines", line=line, hoverinfo="skip")


def _rounded(place: float | None) -> float | None:
    return None if place is None else round(place, 4)


def _shares(metric: str, trials: Sequence[TrialRecord], front: set[int]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """The lower half by accuracy, the next four tenths, the best tenth, and the front, which counts as that alone."""
    order = sorted(
        (i for i, trial in enumerate(trials) if trial.number not in front), key=lambda i: _accuracy(trials[i])
    )
    half, most = len(order) // 2, len(order) * 9 // 10
    on_front = tuple(i for i, trial in enumerate(trials) if trial.number in front)
    return (
        (f"lower half by {metric}", tuple(order[:half])),
        ("next 40 %", tuple(order[half:most])),
        ("best 10 %", tuple(order[most:])),
        ("front", on_front),
    )


def _accuracy(trial: TrialRecord) -> float:
    return trial.accuracy or 0.0


def _axis(name: str, values: Sequence[Any]) -> Axis:
    """Numbers by size, words in the order of their appearance."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        numbers = [None if value is None else float(value) for value in values]
        log = min(known) > 0 and max(known) / min(known) >= 50 and len(set(known)) > FEW
        return _numbers(name, numbers, log=log)
    words = list(dict.fromkeys(map(str, known)))
    place = {word: i / max(len(words) - 1, 1) for i, word in enumerate(words)}
    places = tuple(None if value is None else place[str(value)] for value in values)
    return Axis(name, tuple((y, word) for word, y in place.items()), places)


def _numbers(name: str, values: Sequence[float | None], *, log: bool, share: bool = False) -> Axis:
    known = [value for value in values if value is not None]
    scale = math.log10 if log else float
    low, high = scale(min(known)), scale(max(known))

    def place(value: float) -> float:
        return (scale(value) - low) / (high - low) if high > low else 0.5

    distinct = sorted(set(known))
    shown = distinct if len(distinct) <= FEW else [distinct[0], distinct[-1]]
    ticks = tuple((place(value), f"{value:.1%}" if share else si(value)) for value in shown)
    return Axis(name, ticks, tuple(None if value is None else place(value) for value in values))
