"""Accuracy against what running a network costs beside its parameters: multiply-accumulates, activation memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from explorer.plots.style import AXIS, BLUE, faded
from explorer.plots.sweep import SweepInfo, bars, hover, layout
from explorer.plots.sweep import info as info

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COSTS = {"macs": "million multiply-accumulates", "activations": "KiB of activations (all layer outputs)"}


def figure(info: SweepInfo, cost: Literal["macs", "activations"]) -> Figure:
    """val_acc over one of the costs, for one image; each network named by its value of the metaparameter."""
    from plotly import graph_objects as go

    costs = [point.macs / 1e6 if cost == "macs" else point.activation_bytes / 1024 for point in info.points]
    trace = go.Scatter(
        x=costs,
        y=[point.accuracy for point in info.points],
        mode="lines+markers+text",
        text=[str(point.values[0]) for point in info.points],
        textposition="bottom right",
        line={"color": faded(BLUE, 0.4), "width": 1.2},
        marker={"color": BLUE, "size": 10},
        error_y=bars(info.points),
        customdata=[hover(point, info.parameter) for point in info.points],
        hovertemplate="%{customdata}<extra></extra>",
        cliponaxis=False,
    )
    title = f"measured: val_acc over {'macs' if cost == 'macs' else 'activation memory'}"
    figure = go.Figure(trace, layout(title, COSTS[cost]) | {"yaxis": AXIS | {"tickformat": ".1%"}})
    if costs:  # room for the last name
        margin = 0.1 * (max(costs) - min(costs)) or 1
        figure.update_xaxes(range=[min(costs) - margin, max(costs) + 1.5 * margin])
    return figure
