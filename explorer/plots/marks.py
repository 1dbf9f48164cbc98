"""The networks of a study as a figure marks them, and how much of the accuracy axis they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from statistics import quantiles
from typing import Any, Protocol, TypeVar

from explorer.plots.labels import published_name
from explorer.plots.style import faded
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import TrialIndex

MOST = 400
"""Networks that a figure of a study shows: the front, the published ones, and of the others evenly spaced ones."""
T = TypeVar("T")


@dataclass(frozen=True)
class Mark:
    """One network in the figure.

    Attributes:
        trial: its number.
        params: number of parameters.
        accuracy: val_acc in [0, 1], the mean over its seeds.
        error: standard error of `accuracy`.
        anchor: name of the published network, or None.
        on_front: whether nothing dominates it.
        stopped: whether its training was stopped early; such a network is on no front.
        text: what the pointer shows, lines separated by <br>.
    """

    trial: int
    params: int
    accuracy: float
    error: float
    anchor: str | None
    on_front: bool
    stopped: bool
    text: str


def marks(record: StudyRecord, index: TrialIndex | None = None) -> tuple[Mark, ...]:
    """The networks with an accuracy, by trial number: the front, the published ones, and others, of each kind half.

    Args:
        record: the study.
        index: of the study, for a caller who has it.
    """
    index = index or TrialIndex(record)
    front = {trial.number for trial in index.front}
    shown = front.union(index.published)
    room = max(MOST - len(shown), 0)
    stopped = spaced(index.stopped, max(room // 2, room - len(index.dominated)))
    shown.update(stopped, spaced(index.dominated, room - len(stopped)))
    trials = (index.measured[number] for number in sorted(shown))
    return tuple(_mark(trial, record.val_images, trial.number in front) for trial in trials)


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly spaced."""
    return list(items) if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


def _mark(trial: TrialRecord, images: int, on_front: bool) -> Mark:
    assert trial.accuracy is not None
    error = trial.error(images)
    return Mark(
        trial=trial.number,
        params=trial.params,
        accuracy=trial.accuracy,
        error=error,
        anchor=trial.anchor,
        on_front=on_front,
        stopped=trial.state != "COMPLETE",
        text=_text(trial, trial.accuracy, error, images, on_front),
    )


class Shown(Protocol):
    """What a point of a scatter needs: val_acc in [0, 1], its standard error, what the pointer shows."""

    @property
    def accuracy(self) -> float: ...
    @property
    def error(self) -> float: ...
    @property
    def text(self) -> str: ...


def scatter(
    name: str,
    sizes: Sequence[float],
    marks: Sequence[Shown],
    color: str,
    size: int,
    symbol: str,
    *,
    bars: float,
    opacity: float = 1.0,
) -> Any:
    """Points over their sizes, with bars of one standard error that stay within 0 and 1.

    Args:
        name: in the legend.
        sizes: of the networks, the places on the horizontal axis.
        marks: the networks.
        color, size, symbol, opacity: of the points.
        bars: opacity of the bars.
    """
    from plotly import graph_objects as go

    return go.Scatter(
        name=name,
        x=list(sizes),
        y=[mark.accuracy for mark in marks],
        mode="markers",
        customdata=[mark.text for mark in marks],
        hovertemplate="%{customdata}<extra></extra>",
        marker={
            "symbol": symbol,
            "size": size,
            "color": color,
            "opacity": opacity,
            "line": {"color": color, "width": size / 6} if symbol.endswith("open") else {"color": "#fff", "width": 1},
        },
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [min(mark.error, 1 - mark.accuracy) for mark in marks],
            "arrayminus": [min(mark.error, mark.accuracy) for mark in marks],
            "color": faded(color, bars),
            "thickness": 1.4,
            "width": 3,
        },
    )


def accuracy_axis(marks: Sequence[Mark]) -> tuple[float, float]:
    """The axis' ends, in accuracy: all fully trained networks but the far outliers below, by Tukey's outer fence
    (Q1 - 3 IQR).

    Failures at chance, and trials stopped while they had still to learn, would otherwise squeeze everything else into a
    thin band. Published networks are never cut off, nor is the front, except for members with less than half the best
    accuracy, which are failures that happen to be small.
    """
    if not marks:
        return 0.0, 1.0
    whole = [mark for mark in marks if not mark.stopped] or marks
    accuracies = sorted(mark.accuracy for mark in whole)
    q1, _, q3 = quantiles(accuracies, method="inclusive") if len(accuracies) > 1 else accuracies * 3
    half = accuracies[-1] / 2
    kept = (mark.accuracy for mark in whole if mark.anchor or (mark.on_front and mark.accuracy >= half))
    fence = min([q1 - 3 * max(q3 - q1, 0.01), *kept])
    low = min(mark.accuracy - mark.error for mark in whole if mark.accuracy >= fence)
    high = max(min(1.0, mark.accuracy + mark.error) for mark in marks)
    margin = max(0.06 * (high - low), 0.004)
    return max(low - margin, 0.0), high + margin


def _text(trial: TrialRecord, accuracy: float, error: float, images: int, on_front: bool) -> str:
    head = f"trial {trial.number}" + (f", {published_name(trial.anchor)}" if trial.anchor else "")
    seeds = len(trial.accuracies)
    source = f"{seeds} seeds" if seeds > 1 else f"{images} images"
    lines = [
        f"<b>{head}</b>" + (", on the front" if on_front else ""),
        f"val_acc {accuracy:.2%} ± {error:.2%} ({source})",
        f"params {trial.params:,}   macs {trial.macs:,}",
        f"epochs {trial.epochs}" + (f" ({escape(trial.reason)})" if trial.reason else ""),
    ]
    lines += [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
              for name, value in trial.metaparameters.items()]  # fmt: skip
    return "<br>".join(lines)
