"""Accuracy over latency: what each millisecond buys, with either runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from explorer.plots.history import COLOURS
from explorer.plots.markers import Marker, front_of, markers, with_front
from explorer.plots.scatter import MILLISECONDS, Heading, Series, Step, validation
from explorer.plots.scatter import figure as scatter
from explorer.plots.style import html as html
from explorer.results.latency import Latency, Timed
from explorer.results.record import StudyRecord
from explorer.results.selection import CANONICAL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SYMBOLS = ("circle", "square")


@dataclass(frozen=True)
class LatencyInfo:
    """What the figure shows.

    Attributes:
        study: its name.
        images: size of the validation split.
        metric: what the study maximises.
        conditions: of the measurement, in words.
        markers: by runtime, the networks over the median latency of a call in ms, from its 10th to its 90th percentile.
    """

    study: str
    images: int
    metric: str
    conditions: str
    markers: dict[str, tuple[Marker, ...]]

    def front(self, runtime: str) -> list[Marker]:
        """What no other network is both as fast and as accurate as, by rising median."""
        return front_of(self.markers[runtime])


def info(record: StudyRecord, found: Sequence[Timed]) -> LatencyInfo:
    """The networks of a study that were measured, all under the same conditions."""
    finished = {marker.trial: marker for marker in markers(record) if not marker.stopped}
    timed = [(one, finished[one.trial]) for one in found if one.trial in finished]
    shown = {
        runtime: with_front([_timed(marker, runtime, one.latencies[runtime]) for one, marker in timed])
        for runtime in (found[0].runtimes if found else ())
    }
    return LatencyInfo(record.name, record.val_images, record.metric, found[0].conditions if found else "", shown)


def _timed(marker: Marker, runtime: str, latency: Latency) -> Marker:
    text = f"{marker.text}<br>{runtime} {words(latency)}"
    return replace(marker, x=latency.median, spread=(latency.p10, latency.p90), text=text)


def words(latency: Latency) -> str:
    """0.187 ms (10 to 90 %: 0.184 to 0.203)"""
    return f"{latency.median:.3g} ms (10 to 90 %: {latency.p10:.3g} to {latency.p90:.3g})"


def figure(info: LatencyInfo) -> Figure:
    """Draws it."""
    drawn: list[Series | Step] = []
    for runtime, (colour, dash), symbol in zip(reversed(info.markers), COLOURS, SYMBOLS, strict=False):
        own = info.markers[runtime]
        plain = [marker for marker in own if marker.anchor != CANONICAL]
        canonical = [marker for marker in own if marker.anchor == CANONICAL]
        dominated = [marker for marker in plain if not marker.on_front]
        drawn += [
            Step(info.front(runtime), max((marker.x for marker in own), default=1), colour, 2, dash),
            Series(f"{runtime}: front", front_of(plain), colour, symbol=symbol),
            Series("dominated", dominated, colour, symbol=symbol, opacity=0.55, bars=0.35),
            Series("SqueezeNet", canonical, colour, 20, "star", named=True),
        ]
    lines = (info.conditions, f"{max(map(len, info.markers.values()), default=0)} networks")
    note = "bars: 10th to 90th percentile; ± 1 standard error"
    return scatter(MILLISECONDS, drawn, Heading(info.study, lines, note), validation(info.metric, info.images))


def verdict(info: LatencyInfo) -> list[str]:
    """The canonical network against the fastest that is as accurate, a line a runtime."""
    lines = []
    for runtime in info.markers:
        other = next((marker for marker in info.markers[runtime] if marker.anchor == CANONICAL), None)
        better = [marker for marker in info.front(runtime) if other and marker.accuracy >= other.accuracy]
        if other and better and better[0].anchor != CANONICAL:
            times = other.x / better[0].x
            how = f"{times:.2f} times as fast as SqueezeNet v1.0" if times >= 1 else "no faster than SqueezeNet v1.0"
            lines.append(f"{runtime}: trial {better[0].trial}, which measured no less accurate, is {how}")
    return lines
