"""The fronts of two studies in one figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.plots.history import COLOURS
from explorer.plots.marks import Mark, accuracy_axis, marks
from explorer.plots.style import AXIS, faded, size_ticks
from explorer.plots.sweep import layout
from explorer.results.record import StudyRecord
from explorer.results.selection import CANONICAL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SYMBOLS = ("circle", "square")


def figure(records: Sequence[StudyRecord]) -> Figure:
    """Draws them: dominated networks faint, published ones as stars and diamonds. An id is STUDY'S PLACE|TRIAL."""
    from plotly import graph_objects as go

    every = [marks(record) for record in records]
    together = [mark for own in every for mark in own]
    figure = go.Figure(layout=layout("", "parameters (log scale)"))
    for i, (record, own) in enumerate(zip(records, every, strict=True)):
        for trace in _traces(i, record.name, own, max((mark.params for mark in together), default=1)):
            figure.add_trace(trace)
    sizes = [mark.params for mark in together] or [1_000, 1_000_000]
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    margin = max(0.06 * (high - low), 0.05)
    figure.update_xaxes(AXIS | {"type": "log"} | size_ticks(low - margin, high + margin))
    figure.update_yaxes(AXIS | {"range": accuracy_axis(together), "tickformat": ".0%", "title": "validation accuracy"})
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    figure.update_layout(showlegend=True, legend=legend, height=540, margin={"l": 64, "r": 16, "t": 16, "b": 110})
    return figure


def _traces(place: int, study: str, own: Sequence[Mark], largest: int) -> list[Any]:
    from plotly import graph_objects as go

    colour, dash = COLOURS[place]
    front = sorted((mark for mark in own if mark.on_front), key=lambda mark: mark.params)
    ends = [largest] if front else []
    line = go.Scatter(
        x=[*(mark.params for mark in front), *ends],
        y=[*(mark.accuracy for mark in front), *(front[-1].accuracy for _ in ends)],
        mode="lines",
        line={"color": colour, "width": 2.2, "dash": dash, "shape": "hv"},
        hoverinfo="skip",
        showlegend=False,
    )
    plain = [mark for mark in own if not (mark.on_front or mark.anchor or mark.stopped)]
    published = [mark for mark in own if mark.anchor]
    on_front = [mark for mark in front if not mark.anchor]
    stars = ["star" if mark.anchor == CANONICAL else "diamond-open" for mark in published]
    return [
        _points(place, f"{study}: dominated", plain, faded(colour, 0.3), 6, SYMBOLS[place], bars=False),
        line,
        _points(place, f"{study}: front", on_front, colour, 10, SYMBOLS[place], bars=True),
        _points(place, f"{study}: published", published, colour, 17, stars, bars=True),
    ]


def _points(place: int, name: str, shown: Sequence[Mark], colour: str, size: int, symbol: Any, *, bars: bool) -> Any:
    from plotly import graph_objects as go

    errors = {"type": "data", "array": [mark.error for mark in shown], "color": colour, "thickness": 1.2, "width": 3}
    return go.Scatter(
        name=name,
        ids=[f"{place}|{mark.trial}" for mark in shown],
        x=[mark.params for mark in shown],
        y=[mark.accuracy for mark in shown],
        mode="markers",
        marker={"color": colour, "size": size, "symbol": symbol},
        error_y=errors if bars else None,
        customdata=[mark.text for mark in shown],
        hovertemplate="%{customdata}<extra></extra>",
        visible=bool(shown),
    )
