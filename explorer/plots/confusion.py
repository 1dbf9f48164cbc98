"""The confusion matrix of a network: of each true class, which classes its images were taken for."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from explorer.plots.style import BLUE, FONT, INK
from explorer.results.confusion import Confusion

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

NUMBERED = 20
"""Classes up to which every cell shows its count."""


def figure(confusion: Confusion, title: str) -> Figure:
    """Rows are true classes, columns what the network said; colour is the share of the row."""
    from plotly import graph_objects as go

    counts, places = confusion.counts, list(range(len(confusion.counts)))
    names = [escape(confusion.name(number)) for number in places]
    shares = [[count / max(1, sum(row)) for count in row] for row in counts]
    cells = go.Heatmap(
        z=shares,
        x=places,
        y=places,
        zmin=0,
        zmax=1,
        colorscale=[[0, "#FFFFFF"], [1, BLUE]],
        colorbar={"tickformat": ".0%", "title": {"text": "of the class"}},
        customdata=[[f"{count:,} of {sum(row):,}" for count in row] for row in counts],
        text=[[f"{count:,}" if count else "" for count in row] for row in counts],
        texttemplate="%{text}" if len(places) <= NUMBERED else None,
        hovertemplate="%{y} taken for %{x}: %{customdata}<extra></extra>",
        xgap=1,
        ygap=1,
    )
    axis = {"tickvals": places, "ticktext": names, "showgrid": False, "zeroline": False, "automargin": True}
    plot = go.Figure(cells)
    plot.update_xaxes(axis | {"title": {"text": "taken for"}, "constrain": "domain"})
    plot.update_yaxes(axis | {"title": {"text": "class"}, "autorange": "reversed", "scaleanchor": "x"})
    plot.update_layout(
        title={"text": escape(title), "x": 0.02}, font={"family": FONT, "color": INK}, plot_bgcolor="#FFF"
    )
    return plot
