"""Accuracy over latency: what each millisecond buys, with either runtime."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from explorer.plots.history import COLOURS
from explorer.plots.labels import published_name
from explorer.plots.marks import accuracy_axis, marks
from explorer.plots.style import AXIS, FONT, GREY, INK, SLATE, faded, size_ticks
from explorer.plots.style import html as html
from explorer.results.latency import RUNTIMES, Latency, Timed
from explorer.results.pareto import pareto_front
from explorer.results.record import StudyRecord
from explorer.results.selection import CANONICAL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SYMBOLS = ("circle", "square")


@dataclass(frozen=True)
class Point:
    """A network under one runtime.

    Attributes:
        trial: its number.
        canonical: whether it is SqueezeNet v1.0.
        latency: of a call.
        accuracy, error: val_acc in [0, 1] and its standard error.
        text: what the pointer shows, lines separated by <br>.
    """

    trial: int
    canonical: bool
    latency: Latency
    accuracy: float
    error: float
    text: str


@dataclass(frozen=True)
class LatencyInfo:
    """What the figure shows.

    Attributes:
        study: its name.
        images: size of the validation split.
        conditions: of the measurement, in words.
        points: by runtime.
        floor, ceiling: of the accuracy axis.
    """

    study: str
    images: int
    conditions: str
    points: dict[str, tuple[Point, ...]]
    floor: float
    ceiling: float

    def front(self, runtime: str) -> list[Point]:
        """What no other network is both as fast and as accurate as, by rising median."""
        points = self.points[runtime]
        return [points[i] for i in pareto_front([(point.latency.median, point.accuracy) for point in points])]


def info(record: StudyRecord, found: Sequence[Timed]) -> LatencyInfo:
    """The networks of a study that were measured, all under the same conditions."""
    known = {mark.trial: mark for mark in marks(record) if not mark.stopped}
    timed = [(one, known[one.trial]) for one in found if one.trial in known]
    points = {
        runtime: tuple(
            Point(
                mark.trial, mark.anchor == CANONICAL, one.latencies[runtime], mark.accuracy, mark.error,
                f"{mark.text}<br>{runtime} {words(one.latencies[runtime])}",
            )
            for one, mark in timed
        )
        for runtime in RUNTIMES
    }  # fmt: skip
    floor, ceiling = accuracy_axis([mark for _, mark in timed])
    return LatencyInfo(record.name, record.val_images, found[0].conditions if found else "", points, floor, ceiling)


def words(latency: Latency) -> str:
    """0.187 ms (10 to 90 %: 0.184 to 0.203)"""
    return f"{latency.median:.3g} ms (10 to 90 %: {latency.p10:.3g} to {latency.p90:.3g})"


def figure(info: LatencyInfo) -> Figure:
    """Draws it."""
    from plotly import graph_objects as go

    figure = go.Figure(layout=_layout(info))
    for runtime, (colour, dash), symbol in zip(reversed(RUNTIMES), COLOURS, SYMBOLS, strict=True):
        shown = [point for point in info.points[runtime] if point.accuracy >= info.floor]
        front = info.front(runtime)
        plain, canonical = [p for p in shown if not p.canonical], [p for p in shown if p.canonical]
        figure.add_trace(_step_line(info, runtime, front, colour, dash))
        figure.add_trace(_points(f"{runtime}: front", [p for p in plain if p in front], colour, symbol))
        dominated = [p for p in plain if p not in front]
        figure.add_trace(_points("dominated", dominated, colour, symbol, opacity=0.35))
        figure.add_trace(_points("SqueezeNet", canonical, colour, "star", size=20))
        for point in canonical:
            figure.add_annotation(_name(point, info, colour))
    figure.update_traces(selector=lambda trace: not trace.x, visible=False)
    return figure


def _step_line(info: LatencyInfo, runtime: str, front: Sequence[Point], colour: str, dash: str) -> Any:
    from plotly import graph_objects as go

    slowest = [max(point.latency.median for point in info.points[runtime])] if front else []
    return go.Scatter(
        x=[point.latency.median for point in front] + slowest,
        y=[point.accuracy for point in front] + [front[-1].accuracy for _ in slowest],
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash, "shape": "hv"},
        hoverinfo="skip",
        showlegend=False,
    )


def _points(
    name: str, points: Sequence[Point], colour: str, symbol: str, *, size: int = 10, opacity: float = 1.0
) -> Any:
    from plotly import graph_objects as go

    bars = {"type": "data", "color": faded(colour, 0.7 * opacity), "thickness": 1.4, "width": 3}
    return go.Scatter(
        name=name,
        x=[point.latency.median for point in points],
        y=[point.accuracy for point in points],
        mode="markers",
        customdata=[point.text for point in points],
        hovertemplate="%{customdata}<extra></extra>",
        marker={
            "symbol": symbol,
            "size": size,
            "color": colour,
            "opacity": opacity,
            "line": {"color": "#fff", "width": 1},
        },
        error_x=bars
        | {
            "symmetric": False,
            "array": [point.latency.p90 - point.latency.median for point in points],
            "arrayminus": [point.latency.median - point.latency.p10 for point in points],
        },
        error_y=bars
        | {
            "symmetric": False,
            "array": [min(point.error, 1 - point.accuracy) for point in points],
            "arrayminus": [point.error for point in points],
        },
    )


def _name(point: Point, info: LatencyInfo, colour: str) -> dict[str, Any]:
    """Names the canonical network, on the side where there is room."""
    low, high = _range(info)
    right = math.log10(point.latency.median) > (low + high) / 2
    place = {"x": math.log10(point.latency.median), "y": point.accuracy, "yanchor": "top", "yshift": -12}
    side = {"xanchor": "right" if right else "left", "xshift": -8 if right else 8}
    words = f"<b>{escape(published_name(CANONICAL))}</b>"
    return place | side | {"text": words, "showarrow": False, "font": {"color": colour, "size": 13}}


def _range(info: LatencyInfo) -> tuple[float, float]:
    """Ends of the latency axis, in decades."""
    latencies = [point.latency for points in info.points.values() for point in points if point.accuracy >= info.floor]
    low = math.log10(min((one.p10 for one in latencies), default=0.1))
    high = math.log10(max((one.p90 for one in latencies), default=10.0))
    margin = max(0.05 * (high - low), 0.05)
    return low - margin, high + margin


def _layout(info: LatencyInfo) -> dict[str, Any]:
    networks = info.points[RUNTIMES[0]]
    below = sum(point.accuracy < info.floor for point in networks)
    counts = f"{len(networks)} networks" + (f", {below} below the axis" if below else "")
    bars = "bars: 10th to 90th percentile; ± 1 standard error"
    title = f"<b>{escape(info.study)}</b><br><span style='font-size:13px;color:{SLATE}'>{escape(info.conditions)}"
    title += f"<br>{counts}; {bars}</span>"
    return {
        "template": "plotly_white",
        "font": {"family": FONT, "size": 14, "color": INK},
        "title": {"text": title, "x": 0, "xref": "paper", "xanchor": "left", "y": 0.965, "yanchor": "top"},
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "xanchor": "left", "yanchor": "bottom"},
        "margin": {"l": 84, "r": 32, "t": 128, "b": 76},
        "hoverlabel": {"align": "left", "bgcolor": "#fff", "bordercolor": GREY, "font": {"family": FONT, "size": 13}},
        "xaxis": AXIS
        | {"type": "log", "title": {"text": "median latency of a call, ms (log scale)", "standoff": 14}}
        | size_ticks(*_range(info)),
        "yaxis": AXIS
        | {"title": {"text": f"validation accuracy ({info.images:,} images)", "standoff": 14}}
        | {"range": [info.floor, info.ceiling], "tickformat": ".1%" if info.ceiling - info.floor < 0.06 else ".0%"},
    }


def verdict(info: LatencyInfo) -> list[str]:
    """The canonical network against the fastest that is as accurate, a line a runtime."""
    lines = []
    for runtime in RUNTIMES:
        other = next((point for point in info.points[runtime] if point.canonical), None)
        better = [point for point in info.front(runtime) if other and point.accuracy >= other.accuracy]
        if other and better and not better[0].canonical:
            times = other.latency.median / better[0].latency.median
            how = f"{times:.2f} times as fast as SqueezeNet v1.0" if times >= 1 else "no faster than SqueezeNet v1.0"
            lines.append(f"{runtime}: trial {better[0].trial}, which measured no less accurate, is {how}")
    return lines
