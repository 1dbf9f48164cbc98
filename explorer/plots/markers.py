"""The networks of a study as a figure marks them, and how much of the accuracy axis they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from statistics import quantiles
from typing import TypeVar

from explorer.arch import Architecture
from explorer.arch.tflite.board import Board
from explorer.plots.labels import published_name
from explorer.results.pareto import pareto_front
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import TrialIndex

MOST = 400
"""Networks that a figure of a study shows: the front, the published ones, and of the others evenly spaced ones."""
T = TypeVar("T")


@dataclass(frozen=True)
class Marker:
    """One network in a figure of accuracy.

    Attributes:
        trial: its number.
        x: what the accuracy is drawn over: size, bytes, milliseconds.
        accuracy: the study's metric, 1 at most, the mean over its seeds.
        error: standard error of `accuracy`.
        text: what the pointer shows, lines separated by <br>.
        anchor: name of the published network, or None.
        on_front: whether nothing dominates it.
        stopped: whether its training was stopped early; such a network is on no front.
        spread: ends of a horizontal bar through it, in units of `x`; None: no bar.
        study: place of its study among those of a page.
        lacks: by how much it is too large for the study's board, in words; "" where it fits, or there is no board.
    """

    trial: int
    x: float
    accuracy: float
    error: float
    text: str
    anchor: str | None = None
    on_front: bool = False
    stopped: bool = False
    spread: tuple[float, float] | None = None
    study: int = 0
    lacks: str = ""

    @property
    def id(self) -> str:
        """STUDY|TRIAL, which a click hands to the page's script."""
        return f"{self.study}|{self.trial}"


def markers(record: StudyRecord, index: TrialIndex | None = None, axis: int = 0) -> tuple[Marker, ...]:
    """The networks with an accuracy over size, by trial number: the front, the published ones, and others, of each
    kind half.

    Args:
        record: the study.
        index: of the study, for a caller who has it.
        axis: which of its sizes is drawn.
    """
    index = index or TrialIndex(record)
    front = {trial.number for trial in index.front}
    shown = front.union(index.published)
    room = max(MOST - len(shown), 0)
    stopped = spaced(index.stopped, max(room // 2, room - len(index.dominated)))
    shown.update(stopped, spaced(index.dominated, room - len(stopped)))
    trials = (index.measured[number] for number in sorted(shown))
    board = record.board
    return tuple(_marker(trial, axis, record.val_images, trial.number in front, board) for trial in trials)


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, evenly spaced."""
    return list(items) if len(items) <= most else [items[i * len(items) // most] for i in range(most)]


def with_front(markers: Sequence[Marker]) -> tuple[Marker, ...]:
    """The same, those that no other beats in both x and accuracy as the front."""
    front = set(pareto_front([(marker.x, marker.accuracy) for marker in markers]))
    return tuple(replace(marker, on_front=i in front) for i, marker in enumerate(markers))


def of_study(markers: Sequence[Marker], study: int) -> tuple[Marker, ...]:
    """The same, as those of the study at a place of the page."""
    return tuple(replace(marker, study=study) for marker in markers)


def front_of(markers: Sequence[Marker]) -> list[Marker]:
    """The front, by rising x."""
    return sorted((marker for marker in markers if marker.on_front), key=lambda marker: marker.x)


def steps_of(markers: Sequence[Marker]) -> list[Marker]:
    """The members of the front that no other beats in both x and accuracy, by rising x: all, if there is one size."""
    front = front_of(markers)
    return [front[i] for i in pareto_front([(marker.x, marker.accuracy) for marker in front])]


def accuracy_range(markers: Sequence[Marker]) -> tuple[float, float]:
    """The ends of the accuracy axis: all fully trained networks but the far outliers below, by Tukey's outer fence
    (Q1 - 3 IQR).

    Failures at chance, and trials stopped while they had still to learn, would otherwise squeeze everything else into a
    thin band. Published networks are never cut off, nor is the front, except for members with less than half the best
    accuracy, which are failures that happen to be small.
    """
    if not markers:
        return 0.0, 1.0
    whole = [marker for marker in markers if not marker.stopped] or markers
    accuracies = sorted(marker.accuracy for marker in whole)
    q1, _, q3 = quantiles(accuracies, method="inclusive") if len(accuracies) > 1 else accuracies * 3
    half = accuracies[-1] / 2
    kept = (marker.accuracy for marker in whole if marker.anchor or (marker.on_front and marker.accuracy >= half))
    fence = min([q1 - 3 * max(q3 - q1, 0.01), *kept])
    low = min(marker.accuracy - marker.error for marker in whole if marker.accuracy >= fence)
    high = max(min(1.0, marker.accuracy + marker.error) for marker in markers)
    margin = max(0.06 * (high - low), 0.004)
    return (max(low - margin, 0.0) if low >= 0 else low - margin), high + margin


def _marker(trial: TrialRecord, axis: int, images: int, on_front: bool, board: Board | None) -> Marker:
    assert trial.accuracy is not None
    error = trial.error(images)
    over = {} if board is None else board.lacks(Architecture.from_json(trial.architecture))
    lacks = " and ".join(f"{more:,} bytes of {name} too many" for name, more in over.items())
    text = _text(trial, trial.accuracy, error, images, on_front)
    if board is not None:
        memory = f"flash {trial.flash:,}   ram {trial.ram:,} bytes"
        text += f"<br>{memory}: " + (lacks or "fits") + f" ({escape(board.name)})"
    return Marker(
        trial=trial.number,
        x=trial.sizes[axis],
        accuracy=trial.accuracy,
        error=error,
        text=text,
        anchor=trial.anchor,
        on_front=on_front,
        stopped=trial.state != "COMPLETE",
        lacks=lacks,
    )


def _text(trial: TrialRecord, accuracy: float, error: float, images: int, on_front: bool) -> str:
    head = f"trial {trial.number}" + (f", {published_name(trial.anchor)}" if trial.anchor else "")
    seeds = len(trial.accuracies)
    source = f"{seeds} seeds" if seeds > 1 else f"{images} images"
    lines = [
        f"<b>{head}</b>" + (", on the front" if on_front else ""),
        f"{trial.metric} {accuracy:.2%} ± {error:.2%} ({source})",
        f"params {trial.params:,}   macs {trial.macs:,}   activations {trial.activations:,} bytes",
        f"epochs {trial.epochs}" + (f" ({escape(trial.reason)})" if trial.reason else ""),
    ]
    lines += [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
              for name, value in trial.metaparameters.items()]  # fmt: skip
    return "<br>".join(lines)
