"""Names and numbers as figures and tables show them, and where a name finds room."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

Box: TypeAlias = tuple[float, float, float, float]

# plotly's text positions in the order tried, with the direction from the mark.
PLACES = {
    "top center": (0, 1),
    "bottom center": (0, -1),
    "top left": (-1, 1),
    "bottom right": (1, -1),
    "middle left": (-1, 0),
    "middle right": (1, 0),
    "bottom left": (-1, -1),
    "top right": (1, 1),
}
WIDTH, HEIGHT = 1000.0, 500.0  # px of a typical figure; letters are about 9 px wide, lines 18 px high


def published_name(anchor: str) -> str:
    """squeezenet_v1_0 -> SqueezeNet v1.0; squeezenet_v1_0_simple_bypass -> SqueezeNet v1.0 simple bypass."""
    words = anchor.replace("squeezenet", "SqueezeNet").split("_")
    name = words[0]
    for before, word in pairwise(words):
        decimal = word.isdigit() and before.lstrip("v").isdigit()
        name += f".{word}" if decimal else f" {word}"
    return name


def si(value: float, digits: int = 3) -> str:
    """48211 -> 48.2k; 727306 -> 727k; 1248424 -> 1.25M."""
    rounded = float(f"{value:.{digits}g}")
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rounded >= limit:
            return f"{rounded / limit:.{digits}g}{suffix}"
    return f"{rounded:.{digits}g}"


def label_places(
    places: Sequence[tuple[float, float]], names: Sequence[str], marks: Sequence[tuple[float, float]]
) -> list[str]:
    """For each name, the position around its mark where it covers the fewest other names, then the fewest marks.

    Args:
        places: of the named marks, as shares (x, y) of the figure, from the lower left.
        names: one a place.
        marks: all marks, as shares.

    Returns:
        plotly's textposition, one a name.
    """
    chosen: list[str] = []
    taken: list[Box] = []
    dots = [_box(x * WIDTH, y * HEIGHT, 12, 12) for x, y in marks]
    for (x, y), name in zip(places, names, strict=True):
        width = 9.0 * len(name)
        boxes = {
            place: _box(x * WIDTH + dx * (width / 2 + 12), y * HEIGHT + dy * 22, width, 18)
            for place, (dx, dy) in PLACES.items()
        }
        crowding = {place: (_touched(box, taken), _touched(box, dots)) for place, box in boxes.items()}
        best = min(PLACES, key=crowding.__getitem__)
        chosen.append(best)
        taken.append(boxes[best])
    return chosen


def _box(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _touched(box: Box, others: Sequence[Box]) -> int:
    left, bottom, right, top = box
    return sum(left < x1 and x0 < right and bottom < y1 and y0 < top for x0, y0, x1, y1 in others)
