"""The Pareto figure: accuracy over size, the front as a step line, the published networks marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.arch.size import Size
from explorer.arch.tflite.board import Board
from explorer.plots.markers import Marker, accuracy_range, front_of, markers, steps_of
from explorer.plots.scatter import Heading, Series, Step, of_size, validation
from explorer.plots.scatter import figure as scatter
from explorer.plots.style import BLUE, GREEN, SLATE, VERMILLION
from explorer.plots.style import html as html
from explorer.results.record import StudyRecord
from explorer.results.selection import CANONICAL
from explorer.results.trial_index import TrialIndex

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BARS = "bars: ± 1 standard error; networks whose bars overlap are not told apart"


@dataclass(frozen=True)
class ParetoInfo:
    """What the figure shows.

    Attributes:
        study: its name.
        images: size of the validation split.
        metric, size: what the study maximises and minimises; of two sizes the one that is drawn.
        markers: by trial number, the networks with an accuracy that are drawn; see `explorer.plots.markers`.
        networks: number of networks with an accuracy.
        failed: number of trials that ended without one.
        board: that the study was made for.
    """

    study: str
    images: int
    metric: str
    size: Size
    markers: tuple[Marker, ...]
    networks: int
    failed: int
    board: Board | None = None

    @property
    def front(self) -> list[Marker]:
        """The front, by rising size."""
        return front_of(self.markers)

    @property
    def floor(self) -> float:
        """Lower end of the accuracy axis; networks below stand on it as triangles."""
        return accuracy_range(self.markers)[0]

    @property
    def ceiling(self) -> float:
        """Upper end of the accuracy axis."""
        return accuracy_range(self.markers)[1]

    @property
    def below(self) -> list[Marker]:
        """Networks under the axis' floor."""
        return [marker for marker in self.markers if marker.accuracy < self.floor]


def info(record: StudyRecord, index: TrialIndex | None = None, axis: int = 0) -> ParetoInfo:
    """What there is to see in a study; an empty study gives an empty figure.

    Args:
        record: the study.
        index: of the study, for a caller who has it.
        axis: which of its sizes the accuracy is drawn over.
    """
    index = index or TrialIndex(record)
    shown, size = markers(record, index, axis), record.sizes[axis]
    measured, failed = len(index.measured), index.failed
    return ParetoInfo(record.name, record.val_images, record.metric, size, shown, measured, failed, record.board)


def figure(info: ParetoInfo) -> Figure:
    """Draws it."""
    too_large = [marker for marker in info.markers if marker.lacks]
    fit = [marker for marker in info.markers if not marker.lacks]
    plain = [marker for marker in fit if not marker.anchor]
    dominated = [marker for marker in plain if not (marker.stopped or marker.on_front)]
    canonical = [marker for marker in fit if marker.anchor == CANONICAL]
    others = [marker for marker in fit if marker.anchor and marker.anchor != CANONICAL]
    stopped, on_front = [m for m in plain if m.stopped], [m for m in plain if m.on_front]
    drawn: list[Series | Step] = [
        Series("stopped early", stopped, SLATE, 8, "circle-open", opacity=0.8, bars=0.25),
        Series("dominated", dominated, SLATE, 8, opacity=0.7, bars=0.3),
        Step(steps_of(info.markers), max((marker.x for marker in info.markers), default=1), BLUE),
        Series("Pareto front", on_front, BLUE),
        Series("SqueezeNet", canonical, VERMILLION, 22, "star", named=True),
        Series("published networks", others, GREEN, 13, "diamond-open", named=True),
        Series("too large for the board", too_large, SLATE, 13, "x-open", opacity=0.5, bars=0.2, named=True),
    ]
    lines = (_counts(info), *([] if info.board is None else [room(info.board)]))
    limit = None if info.board is None else info.board.limits.get(info.size.name)
    line = None if limit is None or info.board is None else (float(limit), info.board.name)
    return scatter(
        of_size(info.size), drawn, Heading(info.study, lines, BARS), validation(info.metric, info.images), line
    )


def room(board: Board) -> str:
    """What a board has for a network, in words."""
    left = board.limits
    return f"{board.name} has {left['flash']:,} bytes of flash and {left['ram']:,} of RAM for a network"


def _counts(info: ParetoInfo) -> str:
    counts = f"{info.networks:,} network" + "s" * (info.networks != 1) + f", {len(info.front)} on the front"
    counts += f", {info.failed:,} failed" if info.failed else ""
    left_out = info.networks - len(info.markers)
    return counts + (f"; {left_out:,} of the others left out of the figure" if left_out else "")
