"""Accuracy against what running a network costs beside its parameters: multiply-accumulates, activation memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from explorer.plots.style import AXIS, BLUE, faded
from explorer.plots.sweep import SweepInfo, bars, hover, layout
from explorer.plots.sweep import info as info

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def figure(info: SweepInfo) -> Figure:
    """Two panels that share nothing but the networks: val_acc over macs, val_acc over activation bytes."""
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=2,
        vertical_spacing=0.2,
        subplot_titles=["val_acc over multiply-accumulates", "val_acc over activation memory (KiB)"],
    )
    figure.add_trace(_trace(info, [point.macs for point in info.points]), row=1, col=1)
    figure.add_trace(_trace(info, [point.activation_bytes / 1024 for point in info.points]), row=2, col=1)
    figure.update_layout(layout(height=640))
    figure.update_yaxes(AXIS | {"tickformat": ".1%"})
    figure.update_xaxes(AXIS)
    figure.update_xaxes(title={"text": "macs"}, row=1)
    figure.update_xaxes(title={"text": "KiB of layer outputs, one image"}, row=2)
    for title in figure.layout.annotations:
        title.update(x=0, xanchor="left", font={"size": 13}, yshift=4)
    return figure


def _trace(info: SweepInfo, costs: list[Any]) -> Any:
    from plotly import graph_objects as go

    return go.Scatter(
        x=costs,
        y=[point.accuracy for point in info.points],
        mode="lines+markers+text",
        text=[str(point.values[0]) for point in info.points],
        textposition="top right",
        line={"color": faded(BLUE, 0.4), "width": 1.2},
        marker={"color": BLUE, "size": 10},
        error_y=bars(info.points),
        customdata=[hover(point, info.parameter) for point in info.points],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
    )
