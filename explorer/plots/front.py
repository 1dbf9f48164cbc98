"""The Pareto figure: accuracy over parameters, the front as a step line, the published networks marked."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from explorer.plots.labels import ABOVE, ASIDE, label_places, published_name
from explorer.plots.marks import Mark, accuracy_axis, marks, scatter
from explorer.plots.style import AXIS, BLUE, FONT, GREEN, GREY, INK, SLATE, VERMILLION, size_ticks
from explorer.plots.style import html as html
from explorer.results.record import StudyRecord
from explorer.results.selection import CANONICAL
from explorer.results.trial_index import TrialIndex

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class ParetoInfo:
    """What the figure shows.

    Attributes:
        study: its name.
        images: size of the validation split.
        marks: by trial number, the networks with an accuracy that are drawn; see `explorer.plots.marks`.
        networks: number of networks with an accuracy.
        failed: number of trials that ended without one.
        floor: lower end of the accuracy axis; marks below are drawn on it as triangles.
        ceiling: upper end of the accuracy axis.
    """

    study: str
    images: int
    marks: tuple[Mark, ...]
    networks: int
    failed: int
    floor: float
    ceiling: float

    @property
    def front(self) -> list[Mark]:
        """The front, by rising params."""
        return sorted((mark for mark in self.marks if mark.on_front), key=lambda mark: mark.params)

    @property
    def below(self) -> list[Mark]:
        """Marks under the axis' floor."""
        return [mark for mark in self.marks if mark.accuracy < self.floor]


def info(record: StudyRecord, index: TrialIndex | None = None) -> ParetoInfo:
    """What there is to see in a study; an empty study gives an empty figure.

    Args:
        record: the study.
        index: of the study, for a caller who has it.
    """
    index = index or TrialIndex(record)
    shown = marks(record, index)
    floor, ceiling = accuracy_axis(shown)
    return ParetoInfo(record.name, record.val_images, shown, len(index.measured), index.failed, floor, ceiling)


def figure(info: ParetoInfo) -> Figure:
    """Draws it."""
    from plotly import graph_objects as go

    shown = [mark for mark in info.marks if mark.accuracy >= info.floor]
    plain = [mark for mark in shown if not mark.anchor]
    canonical = [mark for mark in shown if mark.anchor == CANONICAL]
    others = [mark for mark in shown if mark.anchor and mark.anchor != CANONICAL]
    figure = go.Figure()
    figure.add_trace(_scatter("stopped early", (m for m in plain if m.stopped), GREY, 8, "circle-open", bars=0.15))
    dominated = (m for m in plain if not (m.stopped or m.on_front))
    figure.add_trace(_scatter("dominated", dominated, GREY, 8, "circle", opacity=0.45, bars=0.2))
    figure.add_trace(_step_line(info))
    figure.add_trace(_scatter("Pareto front", (m for m in plain if m.on_front), BLUE, 10, "circle", bars=0.7))
    figure.add_trace(_scatter("SqueezeNet", canonical, VERMILLION, 22, "star", bars=0.7))
    figure.add_trace(_scatter("published networks", others, GREEN, 13, "diamond-open", bars=0.7))
    figure.add_trace(_arrows(info, stopped=True))
    figure.add_trace(_arrows(info, stopped=False))
    figure.update_traces(selector=lambda trace: not trace.x, visible=False)
    figure.update_layout(_layout(info))
    figure.update_layout(annotations=[_note(), *_names(info, [*canonical, *others])])
    return figure


def _scatter(name: str, marks: Iterable[Mark], color: str, size: int, symbol: str, **look: float) -> Any:
    shown = list(marks)
    return scatter(name, [mark.params for mark in shown], shown, color, size, symbol, **look)


def _step_line(info: ParetoInfo) -> Any:
    """The best accuracy to be had with at most so many parameters; runs on to the largest network."""
    from plotly import graph_objects as go

    front = info.front
    x = [mark.params for mark in front]
    y = [mark.accuracy for mark in front]
    if front:
        x.append(max(mark.params for mark in info.marks))
        y.append(y[-1])
    line = {"color": BLUE, "width": 2.2, "shape": "hv"}
    return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _arrows(info: ParetoInfo, stopped: bool) -> Any:
    """Networks under the axis, on its lower edge: arrows that say how far below; of those stopped early open ones.

    What a network that was stopped had reached by then says little, and there may be many.
    """
    from plotly import graph_objects as go

    marks = [mark for mark in info.below if mark.stopped == stopped]
    return go.Scatter(
        name="stopped below the axis" if stopped else "below the axis",
        x=[mark.params for mark in marks],
        y=[info.floor] * len(marks),
        mode="markers" if stopped else "markers+text",
        text=None if stopped else [f"{mark.accuracy:.0%}" for mark in marks],
        textposition="top center",
        textfont={"color": GREY, "size": 11},
        customdata=[mark.text for mark in marks],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
        marker={"symbol": "triangle-down-open", "size": 7, "color": GREY, "opacity": 0.8}
        if stopped
        else {"symbol": "triangle-down", "size": 10, "color": GREY},
    )


def _layout(info: ParetoInfo) -> dict[str, Any]:
    title = {"text": _title(info), "x": 0, "xref": "paper", "xanchor": "left", "y": 0.965, "yanchor": "top"}
    legend = {"orientation": "h", "x": 0, "y": 1.01, "xanchor": "left", "yanchor": "bottom", "itemsizing": "trace"}
    return {
        "template": "plotly_white",
        "font": {"family": FONT, "size": 14, "color": INK},
        "title": title,
        "legend": legend,
        "margin": {"l": 84, "r": 32, "t": 116, "b": 88},
        "hoverlabel": {"align": "left", "bgcolor": "#fff", "bordercolor": GREY, "font": {"family": FONT, "size": 13}},
        "xaxis": AXIS
        | {"type": "log", "title": {"text": "parameters (log scale)", "standoff": 14}}
        | size_ticks(*_size_range(info)),
        "yaxis": AXIS
        | {"title": {"text": f"validation accuracy ({info.images:,} images)", "standoff": 14}}
        | {"range": [info.floor, info.ceiling], "tickformat": ".1%" if info.ceiling - info.floor < 0.06 else ".0%"},
    }


def _note() -> dict[str, Any]:
    """What the bars are, under the figure."""
    text = "bars: ± 1 standard error; networks whose bars overlap are not told apart"
    place = {"xref": "paper", "x": 0, "xanchor": "left", "yref": "paper", "y": 0, "yanchor": "top", "yshift": -62}
    return place | {"text": text, "showarrow": False, "font": {"size": 12, "color": SLATE}}


def _title(info: ParetoInfo) -> str:
    counts = f"{info.networks:,} network" + "s" * (info.networks != 1) + f", {len(info.front)} on the front"
    counts += f", {info.failed:,} failed" if info.failed else ""
    left_out = info.networks - len(info.marks)
    counts += f"; {left_out:,} of the others left out of the figure" if left_out else ""
    return f"<b>{escape(info.study)}</b><br><span style='font-size:13px;color:{SLATE}'>{counts}</span>"


def _size_range(info: ParetoInfo) -> tuple[float, float]:
    """The ends of the size axis, in decades, with room for names."""
    sizes = [mark.params for mark in info.marks] or [1_000, 1_000_000]
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    margin = max(0.08 * (high - low), 0.05)
    return low - margin, high + margin


def _names(info: ParetoInfo, named: list[Mark]) -> list[dict[str, Any]]:
    """Annotations that name the published networks, clear of bars and of the step line."""
    left, right = _size_range(info)

    def place(params: float, accuracy: float) -> tuple[float, float]:
        x = (math.log10(params) - left) / (right - left)
        return x, (accuracy - info.floor) / (info.ceiling - info.floor)

    bars = [
        (*place(mark.params, mark.accuracy - mark.error), *place(mark.params, mark.accuracy + mark.error))
        for mark in info.marks
    ]
    ends = [mark.params for mark in info.front[1:]] + [max((mark.params for mark in info.marks), default=1)]
    steps = [
        (*place(mark.params, mark.accuracy), *place(end, mark.accuracy))
        for mark, end in zip(info.front, ends, strict=False)
    ]
    names = [published_name(mark.anchor or "") for mark in named]
    sides = label_places([place(mark.params, mark.accuracy) for mark in named], names, bars + steps)
    return [
        {
            "text": f"<b>{escape(name)}</b>",
            "x": math.log10(mark.params),
            "y": mark.accuracy,
            "xanchor": {1: "left", 0: "center", -1: "right"}[dx],
            "xshift": ASIDE * dx,
            "yshift": ABOVE * dy,
            "showarrow": False,
            "borderpad": 0,
            "font": {"color": VERMILLION if mark.anchor == CANONICAL else GREEN, "size": 14},
        }
        for mark, name, (dx, dy) in zip(named, names, sides, strict=True)
    ]
