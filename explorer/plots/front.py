"""The Pareto figure: accuracy over size, the front as a step line, the published networks marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.arch.size import Size
from explorer.plots.markers import Marker, accuracy_range, front_of, markers
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
        metric, size: what the study maximises and minimises.
        markers: by trial number, the networks with an accuracy that are drawn; see `explorer.plots.markers`.
        networks: number of networks with an accuracy.
        failed: number of trials that ended without one.
    """

    study: str
    images: int
    metric: str
    size: Size
    markers: tuple[Marker, ...]
    networks: int
    failed: int

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


def info(record: StudyRecord, index: TrialIndex | None = None) -> ParetoInfo:
    """What there is to see in a study; an empty study gives an empty figure.

    Args:
        record: the study.
        index: of the study, for a caller who has it.
    """
    index = index or TrialIndex(record)
    shown = markers(record, index)
    return ParetoInfo(
        record.name, record.val_images, record.metric, record.size, shown, len(index.measured), index.failed
    )


def figure(info: ParetoInfo) -> Figure:
    """Draws it."""
    plain = [marker for marker in info.markers if not marker.anchor]
    dominated = [marker for marker in plain if not (marker.stopped or marker.on_front)]
    canonical = [marker for marker in info.markers if marker.anchor == CANONICAL]
    others = [marker for marker in info.markers if marker.anchor and marker.anchor != CANONICAL]
    stopped, on_front = [m for m in plain if m.stopped], [m for m in plain if m.on_front]
    drawn: list[Series | Step] = [
        Series("stopped early", stopped, SLATE, 8, "circle-open", opacity=0.8, bars=0.25),
        Series("dominated", dominated, SLATE, 8, opacity=0.7, bars=0.3),
        Step(info.front, max((marker.x for marker in info.markers), default=1), BLUE),
        Series("Pareto front", on_front, BLUE),
        Series("SqueezeNet", canonical, VERMILLION, 22, "star", named=True),
        Series("published networks", others, GREEN, 13, "diamond-open", named=True),
    ]
    return scatter(
        of_size(info.size), drawn, Heading(info.study, (_counts(info),), BARS), validation(info.metric, info.images)
    )


def _counts(info: ParetoInfo) -> str:
    counts = f"{info.networks:,} network" + "s" * (info.networks != 1) + f", {len(info.front)} on the front"
    counts += f", {info.failed:,} failed" if info.failed else ""
    left_out = info.networks - len(info.markers)
    return counts + (f"; {left_out:,} of the others left out of the figure" if left_out else "")
