"""How every figure looks: colours, font, axes, and the page it stands on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from explorer.plots.labels import si

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's colours, which stay apart for colour-blind readers.
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
GREY, SLATE, INK = "#8A9099", "#5B626B", "#22262B"
FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
AXIS = {"showline": True, "linecolor": INK, "ticks": "outside", "gridcolor": "#EBEDF0", "zeroline": False}


def html(figure: Figure) -> str:
    """The figure as one self-contained page, plotly.js inside: it opens offline. Equal figures give equal pages."""
    config = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
    page = figure.to_html(include_plotlyjs=True, full_html=True, default_height="100vh", div_id="pareto", config=config)
    return str(page).replace("<body>", '<body style="margin:0;background:#fff">', 1)


def size_ticks(low: float, high: float) -> dict[str, Any]:
    """Ticks at 1, 2, 5 of each decade, in k and M."""
    steps = (1, 2, 5) if high - low < 4 else (1,)
    ticks = [step * 10**decade for decade in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    return {"tickvals": ticks, "ticktext": [si(tick) for tick in ticks], "range": [low, high]}


def faded(color: str, opacity: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
