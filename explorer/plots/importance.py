"""How much each metaparameter counts for accuracy at equal size, and what its values add."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from explorer.analysis.equal_size import Effect, Importance, Importances
from explorer.plots.style import AXIS, BLUE, GREY, VERMILLION, faded
from explorer.plots.sweep import layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def figure(importances: Importances) -> Figure:
    """A bar for each metaparameter, faint where chance would explain it; a tick marks what chance would reach."""
    from plotly import graph_objects as go

    names = [f"{escape(one.name)}  <b>{100 * one.share:.0f} %</b> " for one in importances.ranked]
    bars = go.Bar(
        x=[one.share for one in importances.ranked],
        y=names,
        orientation="h",
        marker={"color": [BLUE if one.significant else faded(BLUE, 0.35) for one in importances.ranked]},
        customdata=[hover(one) for one in importances.ranked],
        hovertemplate="%{customdata}<extra></extra>",
    )
    chance = go.Scatter(
        x=[min(one.chance, 1.0) for one in importances.ranked],
        y=names,
        mode="markers",
        marker={"symbol": "line-ns", "size": 18, "line": {"color": VERMILLION, "width": 2}},
        customdata=[by_chance(one) for one in importances.ranked],
        hovertemplate="chance stays below %{customdata} in 95 of 100<extra></extra>",
    )
    which = "uniform draws" if importances.uniform else "finished networks"
    figure = go.Figure(
        [bars, chance], _layout(f"importance, {importances.networks:,} {which}", len(importances.ranked))
    )
    longest = max((max(one.share, one.chance) for one in importances.ranked), default=1.0)
    figure.update_xaxes(AXIS | {"tickformat": ".0%", "range": [0, 1.05 * min(longest, 1.0)]})
    figure.update_yaxes(AXIS | {"autorange": "reversed", "ticks": "", "automargin": True, "showgrid": False})
    return figure


def effects_figure(importances: Importances) -> Figure:
    """What each value adds to the accuracy that is usual at a network's size, with one standard error."""
    from plotly import graph_objects as go

    rows = [(one, effect) for one in importances.ranked for effect in one.effects]
    trace = go.Scatter(
        x=[effect.gain for _, effect in rows],
        y=list(range(len(rows))),
        mode="markers",
        marker={"color": [BLUE if one.significant else faded(BLUE, 0.5) for one, _ in rows], "size": 8},
        error_x={
            "type": "data",
            "array": [0 if effect.networks < 2 else effect.error for _, effect in rows],
            "color": faded(BLUE, 0.6),
            "thickness": 1.6,
            "width": 4,
        },
        customdata=[f"<b>{escape(one.name)} {escape(effect.values)}</b><br>{gain(effect)}" for one, effect in rows],
        hovertemplate="%{customdata}<extra></extra>",
    )
    firsts = [i for i, (one, _) in enumerate(rows) if i == 0 or rows[i - 1][0] is not one]
    names = [
        (f"<b>{escape(one.name)}</b>  " if i in firsts else "") + f"{escape(effect.values)} "
        for i, (one, effect) in enumerate(rows)
    ]
    figure = go.Figure(trace, _layout(f"gain in {importances.metric} at equal size, by value", len(rows)))
    figure.update_xaxes(AXIS | {"tickformat": "+.1%", "zeroline": True, "zerolinecolor": GREY, "zerolinewidth": 1.5})
    figure.update_yaxes(AXIS | {"tickvals": list(range(len(rows))), "ticktext": names, "ticks": "", "automargin": True})
    figure.update_yaxes(range=[len(rows) - 0.4, -0.6], showgrid=False)
    for i in firsts[1:]:
        figure.add_hline(y=i - 0.5, line={"color": faded(GREY, 0.4), "width": 1})
    return figure


def hover(one: Importance) -> str:
    """What the pointer shows of a metaparameter."""
    lines = [f"<b>{escape(one.name)}</b> {one.share:.1%}, by chance up to {by_chance(one)}"]
    return "<br>".join(lines + [f"{escape(effect.values)}: {gain(effect)}" for effect in one.effects])


def by_chance(one: Importance) -> str:
    """What one that does not count would stay below: by chance all may reach more than all of them do together."""
    return f"{100 * one.chance:.0f} %" if one.chance <= 1 else "more than all together"


def gain(effect: Effect) -> str:
    """+1.22 ± 0.35 points, 277 networks"""
    error = f" ± {100 * effect.error:.2f}" if effect.networks > 1 else ""
    return f"{100 * effect.gain:+.2f}{error} points, {effect.networks:,} network{'s' * (effect.networks != 1)}"


def _layout(title: str, rows: int) -> dict[str, Any]:
    common = layout(title, "")
    place = {"y": 1, "yanchor": "top", "pad": {"t": 8}}
    margin = {"l": 40, "r": 18, "t": 36, "b": 36}
    return common | {"title": common["title"] | place, "margin": margin, "height": 84 + 26 * max(rows, 1)}
