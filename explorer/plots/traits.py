"""Where the front lies in one metaparameter: the values of its members against those of uniform draws."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from explorer.analysis.equal_size import shown, shown_range
from explorer.analysis.traits import Trait
from explorer.plots.style import AXIS, BLUE, GREY, faded
from explorer.plots.sweep import layout

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

GROUPS = 8
"""Bars beyond which values are grouped into so many ranges of equal width."""


@dataclass(frozen=True)
class TraitInfo:
    """What the figure shows.

    Attributes:
        name: of the metaparameter.
        significant: whether chance does not explain the difference.
        values: or ranges of them, in words, in order.
        front: share of the front's members at each.
        space: share of uniform draws at each.
        members: of the front.
    """

    name: str
    significant: bool
    values: tuple[str, ...]
    front: tuple[float, ...]
    space: tuple[float, ...]
    members: int


def info(trait: Trait) -> TraitInfo:
    """Shares of the values; a number with many values is counted in ranges, in log where its draws are."""
    everything = [*trait.drawn, *trait.on_front]
    words = any(isinstance(value, str | bool) for value in everything)
    known = sorted(set(everything), key=lambda value: (isinstance(value, str), value))
    if words or len(known) <= GROUPS:
        place = {value: i for i, value in enumerate(known)}
        names = [shown(value) for value in known]
        own, space = ([place[value] for value in values] for values in (trait.on_front, trait.drawn))
    else:
        edges = _edges(np.array(everything, dtype=np.float64))
        own, space, groups = (
            list(np.clip(np.searchsorted(edges, np.array(values, dtype=np.float64), side="right") - 1, 0, GROUPS - 1))
            for values in (trait.on_front, trait.drawn, known)
        )
        names = [  # by what lies in a range, which neighbours do not share as they do an edge
            shown_range([value for value, i in zip(known, groups, strict=True) if i == group] or ends, digits=3)
            for group, ends in enumerate(pairwise(edges))
        ]
    shares = [np.bincount(each, minlength=len(names)) / max(len(each), 1) for each in (own, space)]
    return TraitInfo(
        name=trait.name,
        significant=trait.significant,
        values=tuple(names),
        front=tuple(float(share) for share in shares[0]),
        space=tuple(float(share) for share in shares[1]),
        members=len(trait.on_front),
    )


def figure(info: TraitInfo) -> Figure:
    """Two bars a value: the front's share and the space's."""
    from plotly import graph_objects as go

    counts = [round(share * info.members) for share in info.front]
    front = go.Bar(
        name="front",
        x=list(info.values),
        y=list(info.front),
        marker={"color": BLUE if info.significant else faded(BLUE, 0.55)},
        customdata=counts,
        hovertemplate=f"%{{customdata}} of {info.members} members of the front at %{{x}}<extra></extra>",
    )
    space = go.Bar(
        name="uniform draws",
        x=list(info.values),
        y=list(info.space),
        marker={"color": faded(GREY, 0.5)},
        hovertemplate="%{y:.0%} of uniform draws at %{x}<extra></extra>",
    )
    common = layout(f"<b>{escape(info.name)}</b>", "")
    own = {
        "margin": {"l": 42, "r": 10, "t": 34, "b": 34},
        "height": 210,
        "bargap": 0.25,
        "bargroupgap": 0.05,
        "xaxis": AXIS | {"type": "category", "ticks": "", "automargin": True, "showgrid": False},
        "yaxis": AXIS | {"tickformat": ".0%", "rangemode": "tozero", "nticks": 4},
    }
    return go.Figure([front, space], common | own)


def _edges(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """GROUPS ranges of equal width; of equal ratio where the lower half of the values takes a quarter of the range."""
    low, high = float(values.min()), float(values.max())
    skewed = low > 0 and float(np.median(values)) - low < (high - low) / 3
    return np.geomspace(low, high, GROUPS + 1) if skewed else np.linspace(low, high, GROUPS + 1)
