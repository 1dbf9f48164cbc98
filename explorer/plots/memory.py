"""Flash over RAM of a compressed network: the more layers TFLite Micro unpacks, the less flash and the more RAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.plots.style import AXIS, BLUE, VERMILLION
from explorer.plots.style import html as html
from explorer.plots.sweep import layout
from explorer.results.compressed import Memory

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def figure(found: Sequence[Memory], network: str) -> Figure:
    """Draws it.

    Args:
        found: with every layer packed first, then with one more of them plain each time.
        network: its name, for the title.
    """
    from plotly import graph_objects as go

    words = ["every layer packed", *(f"{one.plain} plain as well" for one in found[1:-1]), "every layer plain"]
    best = [one for one in found if not any(o.ram <= one.ram and o.flash <= one.flash and o != one for o in found)]
    line = {"color": BLUE, "width": 2, "shape": "hv"}
    ordered = sorted(best, key=lambda one: one.ram)
    traces = [
        go.Scatter(
            name="least flash",
            x=[one.ram for one in ordered],
            y=[one.flash for one in ordered],
            mode="lines",
            line=line,
            hoverinfo="skip",
        ),
        go.Scatter(
            name="layers plain",
            x=[one.ram for one in found],
            y=[one.flash for one in found],
            mode="markers",
            marker={"color": VERMILLION, "size": 9},
            text=words[: len(found)],
            hovertemplate="%{text}<br>arena %{x:,} bytes<br>file %{y:,} bytes<extra></extra>",
        ),
    ]
    title = f"{network}: flash over RAM, from every layer packed to none"
    figure = go.Figure(traces, layout(title, "arena of TFLite Micro, bytes"))
    figure.update_xaxes(AXIS | {"rangemode": "tozero"})
    figure.update_yaxes(AXIS | {"title": {"text": "file, bytes", "font": {"size": 13}}, "rangemode": "tozero"})
    figure.update_layout(height=None, margin={"l": 80, "r": 30, "t": 50, "b": 60})
    return figure
