"""Accuracy over size, bytes or milliseconds: the one figure of every front.

A figure is made of series of networks and of fronts as step lines. Networks far below the others stand as triangles on
its lower edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from explorer.arch.size import Size
from explorer.plots.labels import ABOVE, ASIDE, label_places, published_name
from explorer.plots.markers import Marker, accuracy_range
from explorer.plots.style import AXIS, FONT, GREY, INK, SLATE, faded, size_ticks
from explorer.results.record import ACCURACY

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Axis:
    """What accuracy is drawn over, on a logarithmic scale.

    Attributes:
        title: of the axis.
        usual: its ends where there is nothing to draw.
    """

    title: str
    usual: tuple[float, float]


BYTES = Axis("bytes: fp32 parameters, or the compressed file (log scale)", (1_000, 1_000_000))
MILLISECONDS = Axis("median latency of a call, ms (log scale)", (0.1, 10))


def of_size(size: Size) -> Axis:
    """The axis of what a study minimises."""
    return Axis(f"{size.words} (log scale)", (1_000, 1_000_000))


@dataclass(frozen=True)
class Series:
    """Networks that look alike.

    Attributes:
        name: in the legend.
        markers: the networks.
        color, size, symbol, opacity: of the markers.
        bars: opacity of the bars: one standard error up and down, and `Marker.spread`.
        named: whether the published network's name stands beside it.
    """

    name: str
    markers: Sequence[Marker]
    color: str
    size: int = 10
    symbol: str = "circle"
    opacity: float = 1.0
    bars: float = 0.7
    named: bool = False


@dataclass(frozen=True)
class Step:
    """The best accuracy to be had up to each x.

    Attributes:
        front: by rising x.
        end: how far the last of them runs on.
        color, width, dash: of the line.
        name: in the legend; none: it is not there.
    """

    front: Sequence[Marker]
    end: float
    color: str
    width: float = 2.2
    dash: str = "solid"
    name: str = ""


@dataclass(frozen=True)
class Heading:
    """Words above and below the figure: a title, lines under it, and a note below the axis; each may be empty."""

    title: str = ""
    lines: tuple[str, ...] = ()
    note: str = ""


Box: TypeAlias = tuple[float, float, float, float]
WORDS_APART = 0.12
"""Least distance of two texts beside each other, as a share of the figure: of "10% to 42%" on a phone."""


def figure(
    axis: Axis,
    drawn: Sequence[Series | Step],
    heading: Heading,
    accuracy: str,
    limit: tuple[float, str] | None = None,
) -> Figure:
    """Draws series and fronts, the first at the bottom.

    Args:
        axis: what the accuracy is drawn over.
        drawn: what there is to see; a series without a network stays out of the legend.
        heading: words around it.
        accuracy: title of the accuracy axis; see `validation`.
        limit: an x that is not to be passed, and whose limit it is.
    """
    from plotly import graph_objects as go

    series = [one for one in drawn if isinstance(one, Series)]
    every = [marker for one in series for marker in one.markers]
    floor, ceiling = accuracy_range(every)
    traces = [_series(one, floor) if isinstance(one, Series) else _step(one) for one in drawn]
    ends = _ends(axis, [end for one in every for end in (one.spread or (one.x, one.x))])
    place = _Place(ends, (floor, ceiling))
    traces += [_below([one for one in every if one.accuracy < floor and one.stopped is stopped], place, stopped)
               for stopped in (True, False)]  # fmt: skip
    figure = go.Figure(traces)
    figure.update_traces(selector=lambda trace: not trace.x, visible=False)
    figure.update_layout(_layout(axis, heading, accuracy, place))
    steps = [one for one in drawn if isinstance(one, Step)]
    figure.update_layout(annotations=[*_note(heading.note), *_names(series, steps, every, place)])
    if limit is not None and ends[0] < math.log10(limit[0]) < ends[1]:
        figure.add_vline(x=limit[0], line={"color": SLATE, "width": 1.5, "dash": "dash"})
        words = {"text": f"{escape(limit[1])}: {limit[0]:,.0f}", "textangle": -90, "font": {"color": SLATE}}
        beside = {"xanchor": "right", "xshift": -4, "yanchor": "bottom", "showarrow": False}
        figure.add_annotation(x=math.log10(limit[0]), y=floor, **words, **beside)
    return figure


def validation(metric: str, images: int | None = None) -> str:
    """The title of the accuracy axis, of a study's metric on so many validation images."""
    name = "validation accuracy" if metric == ACCURACY else metric
    return name + (f" ({images:,} images)" if images is not None else "")


def on_page(figure: Figure) -> Figure:
    """The figure as part of a page: without title and note, which the page has, on the page's ground."""
    ground = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "height": 560}
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"}
    names = [note for note in figure.layout.annotations if note.yref != "paper"]
    figure.update_layout(title=None, legend=legend, margin={"l": 64, "r": 16, "t": 16, "b": 100}, **ground)
    figure.layout.annotations = names  # update_layout would merge them with those that are there
    return figure


@dataclass(frozen=True)
class _Place:
    """The ends of both axes: `x` in decades, `y` in accuracy."""

    x: tuple[float, float]
    y: tuple[float, float]

    def __call__(self, x: float, accuracy: float) -> tuple[float, float]:
        """Where something is, as shares of the figure from the lower left."""
        (left, right), (floor, ceiling) = self.x, self.y
        return (math.log10(x) - left) / (right - left), (accuracy - floor) / (ceiling - floor)


def _series(series: Series, floor: float) -> Any:
    from plotly import graph_objects as go

    shown = [marker for marker in series.markers if marker.accuracy >= floor]
    outline = {"color": series.color, "width": series.size / 6}
    bars = {"type": "data", "symmetric": False, "color": faded(series.color, series.bars), "thickness": 1.4, "width": 3}
    spreads = [(marker.x, *(marker.spread or (marker.x, marker.x))) for marker in shown]
    return go.Scatter(
        name=series.name,
        ids=[marker.id for marker in shown],
        x=[marker.x for marker in shown],
        y=[marker.accuracy for marker in shown],
        mode="markers",
        customdata=[marker.text for marker in shown],
        hovertemplate="%{customdata}<extra></extra>",
        marker={
            "symbol": series.symbol,
            "size": series.size,
            "color": series.color,
            "opacity": series.opacity,
            "line": outline if series.symbol.endswith("open") else {"color": "#fff", "width": 1},
        },
        error_y=bars
        | {
            "array": [min(marker.error, 1 - marker.accuracy) for marker in shown],
            "arrayminus": [min(marker.error, marker.accuracy) for marker in shown],
        },
        error_x=bars | {"array": [high - x for x, _, high in spreads], "arrayminus": [x - low for x, low, _ in spreads]}
        if any(marker.spread for marker in shown)
        else None,
    )


def _step(step: Step) -> Any:
    from plotly import graph_objects as go

    last = step.front[-1:]
    return go.Scatter(
        name=step.name or None,
        x=[marker.x for marker in step.front] + [step.end for _ in last],
        y=[marker.accuracy for marker in (*step.front, *last)],
        mode="lines",
        line={"color": step.color, "width": step.width, "dash": step.dash, "shape": "hv"},
        hoverinfo="skip",
        showlegend=bool(step.name),
    )


def _below(markers: Sequence[Marker], place: _Place, stopped: bool) -> Any:
    """Networks under the axis, on its lower edge: triangles that say how far below; of those stopped early open ones.

    What a network that was stopped had reached by then says little, and there may be many.
    """
    from plotly import graph_objects as go

    markers = sorted(markers, key=lambda marker: marker.x)
    return go.Scatter(
        name="stopped below the axis" if stopped else "below the axis",
        ids=[marker.id for marker in markers],
        x=[marker.x for marker in markers],
        y=[place.y[0]] * len(markers),
        mode="markers" if stopped else "markers+text",
        text=None if stopped else _accuracies(markers, place),
        textposition="top center",
        textfont={"color": SLATE, "size": 11},
        customdata=[marker.text for marker in markers],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
        marker={"symbol": "triangle-down-open", "size": 7, "color": GREY, "opacity": 0.8}
        if stopped
        else {"symbol": "triangle-down", "size": 10, "color": GREY},
    )


def _accuracies(markers: Sequence[Marker], place: _Place) -> list[str]:
    """Words over markers that stand side by side: those that would overprint have one, from the least to the most."""
    groups: list[list[Marker]] = []
    for marker in markers:
        if groups and place(marker.x, 0)[0] - place(groups[-1][0].x, 0)[0] < WORDS_APART:
            groups[-1].append(marker)
        else:
            groups.append([marker])
    texts = []
    for group in groups:
        ends = sorted({f"{marker.accuracy:.0%}": marker.accuracy for marker in group}.items(), key=lambda one: one[1])
        words = ends[0][0] if len(ends) == 1 else f"{ends[0][0]} to {ends[-1][0]}"
        texts += [words if i == len(group) // 2 else "" for i in range(len(group))]
    return texts


def _ends(axis: Axis, values: Sequence[float]) -> tuple[float, float]:
    """The ends of the horizontal axis, in decades, with room for names."""
    low, high = (math.log10(edge(values or axis.usual)) for edge in (min, max))
    margin = max(0.08 * (high - low), 0.05)
    return low - margin, high + margin


def _layout(axis: Axis, heading: Heading, accuracy: str, place: _Place) -> dict[str, Any]:
    floor, ceiling = place.y
    lines = "<br>".join(map(escape, heading.lines))
    title = f"<b>{escape(heading.title)}</b><br><span style='font-size:13px;color:{SLATE}'>{lines}</span>"
    return {
        "template": "plotly_white",
        "font": {"family": FONT, "size": 14, "color": INK},
        "title": {"text": title, "x": 0, "xref": "paper", "xanchor": "left", "y": 0.965, "yanchor": "top"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.01,
            "xanchor": "left",
            "yanchor": "bottom",
            "itemsizing": "trace",
        },
        "margin": {"l": 84, "r": 32, "t": 100 + 16 * len(heading.lines), "b": 88},
        "hoverlabel": {"align": "left", "bgcolor": "#fff", "bordercolor": GREY, "font": {"family": FONT, "size": 13}},
        "xaxis": AXIS | {"type": "log", "title": {"text": axis.title, "standoff": 14}} | size_ticks(*place.x),
        "yaxis": AXIS
        | {"title": {"text": accuracy, "standoff": 14}}
        | {"range": [floor, ceiling], "tickformat": ".1%" if ceiling - floor < 0.06 else ".0%"},
    }


def _note(text: str) -> list[dict[str, Any]]:
    """Words under the figure."""
    place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": 0, "yanchor": "top", "yshift": -62}
    return [place | {"text": text, "showarrow": False, "font": {"size": 12, "color": SLATE}}] if text else []


def _names(
    series: Sequence[Series], steps: Sequence[Step], every: Sequence[Marker], place: _Place
) -> list[dict[str, Any]]:
    """Annotations that name the published networks, clear of bars and of the step lines."""
    bars: list[Box] = [
        (*place(marker.x, marker.accuracy - marker.error), *place(marker.x, marker.accuracy + marker.error))
        for marker in every
    ]
    lines: list[Box] = [
        (*place(marker.x, marker.accuracy), *place(end, marker.accuracy))
        for step in steps
        for marker, end in zip(step.front, [*(after.x for after in step.front[1:]), step.end], strict=bool(step.front))
    ]
    named = [
        (marker, one.color) for one in series if one.named for marker in one.markers if marker.accuracy >= place.y[0]
    ]
    names = [published_name(marker.anchor or "") for marker, _ in named]
    sides = label_places([place(marker.x, marker.accuracy) for marker, _ in named], names, bars + lines)
    return [
        {
            "text": f"<b>{escape(name)}</b>",
            "x": math.log10(marker.x),
            "y": marker.accuracy,
            "xanchor": {1: "left", 0: "center", -1: "right"}[dx],
            "xshift": ASIDE * dx,
            "yshift": ABOVE * dy,
            "showarrow": False,
            "borderpad": 0,
            "font": {"color": color, "size": 14},
        }
        for (marker, color), name, (dx, dy) in zip(named, names, sides, strict=True)
    ]
