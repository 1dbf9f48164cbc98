"""The distribution of errors in one space or two: which share of the networks has at most a given error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from explorer.analysis.statistics import Curve, Distribution
from explorer.plots.style import AXIS, BLUE, VERMILLION, faded
from explorer.plots.sweep import layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLORS = (BLUE, VERMILLION)


def figure(distribution: Distribution) -> Figure:
    """Steps with their bands; the axis of errors is logarithmic, so that good networks have room."""
    from plotly import graph_objects as go

    figure = go.Figure(layout=_layout(distribution))
    low, high = _range(distribution.curves)
    for curve, color in zip(distribution.curves, COLORS, strict=False):
        x = np.concatenate([[low], np.maximum(curve.edf.errors, low), [high]])
        lower, share, upper = (
            np.concatenate([[0.0], own, own[-1:]]) for own in (curve.edf.low, curve.edf.shares, curve.edf.high)
        )
        line = {"shape": "hv", "width": 0}
        hidden = {"x": x, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
        figure.add_trace(go.Scatter(y=lower, line=line, **hidden))
        figure.add_trace(go.Scatter(y=upper, line=line, fill="tonexty", fillcolor=faded(color, 0.2), **hidden))
        figure.add_trace(
            go.Scatter(
                name=f"{curve.name} ({curve.networks:,} networks)",
                x=x,
                y=share,
                mode="lines",
                line={"color": color, "width": 2, "shape": "hv"},
                hovertemplate="%{y:.1%} of the networks have an error of at most %{x:.2%}<extra></extra>",
            )
        )
    figure.update_xaxes(range=[float(np.log10(low)), float(np.log10(high))], **_ticks(low, high))
    return figure


def _layout(distribution: Distribution) -> dict[str, Any]:
    title = "at equal size" if distribution.normalised else "as drawn"
    legend = {"orientation": "h", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom", "font": {"size": 12}}
    legend["traceorder"] = "normal"
    common = layout(title, f"error, 1 - {distribution.metric} (log scale)")
    return common | {
        "margin": {"l": 62, "r": 18, "t": 62, "b": 50},
        "height": 380,
        "showlegend": True,
        "legend": legend,
        "title": common["title"] | {"y": 0.98},
        "xaxis": common["xaxis"] | {"type": "log"},
        "yaxis": AXIS
        | {"range": [0, 1.005], "tickformat": ".0%"}
        | {"title": {"text": "networks with at most this error", "font": {"size": 13}}},
    }


def _range(curves: Sequence[Curve]) -> tuple[float, float]:
    """Ends of the error axis; an error of 0 has its place at the lower end."""
    positive = [error for curve in curves for error in curve.edf.errors[curve.edf.errors > 0]]
    if not positive:
        return 0.001, 1.0
    return float(min(positive)) * 0.8, min(1.0, float(max(positive)) * 1.1)


def _ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks at 1, 2, 5 of each decade, in per cent."""
    values = [
        step * 10.0**decade for decade in range(-4, 1) for step in (1, 2, 5) if low <= step * 10.0**decade <= high
    ]
    return {"tickvals": values, "ticktext": [f"{100 * value:.3g} %" for value in values]}
