"""Names and numbers as figures and tables show them, and where a name finds room."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

SHORT = {
    "pct_3x3": "p3",
    "squeeze_ratio": "sr",
    "bypass": "by",
    "modules": "m",
    "downsampling": "ds",
    "base_width": "w",
    "width": "w",
    "growth": "g",
    "depth": "d",
    "freq": "f",
    "expand_ratio": "t",
    "group_width": "gw",
    "se_ratio": "se",
    "shift": "sh",
}
PUBLISHED = {
    "squeezenet": "SqueezeNet",
    "squeezenext": "SqueezeNext",
    "mobilenet": "MobileNet",
    "shufflenet": "ShuffleNet",
    "regnet_x_": "RegNetX-",
    "regnet_y_": "RegNetY-",
    "resnet": "ResNet-",
    "vgg": "VGG-",
    "alexnet": "AlexNet",
    "nin": "NiN",
}
"""How names of networks start, as the data has them and as their authors write them."""

Box: TypeAlias = tuple[float, float, float, float]

Direction: TypeAlias = tuple[int, int]

# From a marker to its name, in the order tried: beside it first, for error bars run upright.
DIRECTIONS: tuple[Direction, ...] = ((1, 0), (-1, 0), (1, -1), (-1, 1), (1, 1), (-1, -1), (0, 1), (0, -1))
ASIDE = 15  # px from a marker's middle to the near end of a name beside it
ABOVE = 21  # px to the middle of a name above or below it
WIDTH, HEIGHT = 1000.0, 500.0  # px of a typical figure; letters are about 9 px wide, lines 18 px high


def published_name(anchor: str) -> str:
    """squeezenet_v1_0_simple_bypass -> SqueezeNet v1.0 simple bypass; regnet_x_400mf -> RegNetX-400MF."""
    name = re.sub(r"(?<=\d)_(?=\d)", ".", anchor)
    for start, written in PUBLISHED.items():
        if name.startswith(start):
            rest = name.removeprefix(start)
            name = written + (rest.upper() if written.endswith("-") else rest)
    return name.replace("_", " ")


def si(value: float, digits: int = 3) -> str:
    """48211 -> 48.2k; 727306 -> 727k; 1248424 -> 1.25M."""
    rounded = float(f"{value:.{digits}g}")
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rounded >= limit:
            return f"{rounded / limit:.{digits}g}{suffix}"
    return f"{rounded:.{digits}g}"


def shorthand(metaparameters: Mapping[str, Any]) -> str:
    """e=64+32/2 p3=.5 sr=.25: the Fire family's expand filters as base+increment/frequency, then the others.

    Where the family is a parameter it comes first: residual w=40 g=1 d=10. A network that came in a file has none.
    """
    if not metaparameters:
        return "from a file"
    left = {name.rpartition(".")[2]: value for name, value in metaparameters.items()}
    words = [str(left.pop("family"))] if "family" in left else []
    if "base_e" in left:
        e = f"e={left.pop('base_e')}"
        e += f"+{left.pop('incr_e')}" if "incr_e" in left else ""
        words.append(e + (f"/{left.pop('freq')}" if "freq" in left else ""))
    return " ".join(words + [f"{SHORT.get(name, name)}={_brief(value)}" for name, value in left.items()])


def _brief(value: object) -> str:
    return re.sub(r"^0\.", ".", f"{value:.3g}") if isinstance(value, float) else str(value)


def label_places(
    places: Sequence[tuple[float, float]], names: Sequence[str], obstacles: Sequence[Box]
) -> list[Direction]:
    """For each name, the side of its marker where it covers the fewest other names, then the fewest obstacles.

    Args:
        places: of the named markers, as shares (x, y) of the figure, from the lower left.
        names: one a place.
        obstacles: markers, bars and lines, as boxes (left, bottom, right, top) in shares.
    """
    chosen: list[Direction] = []
    taken: list[Box] = []
    covered = [(x0 * WIDTH - 6, y0 * HEIGHT - 6, x1 * WIDTH + 6, y1 * HEIGHT + 6) for x0, y0, x1, y1 in obstacles]
    for (x, y), name in zip(places, names, strict=True):
        width = 9.0 * len(name)
        boxes = {
            (dx, dy): _box(x * WIDTH + dx * (width / 2 + ASIDE), y * HEIGHT + dy * ABOVE, width, 18)
            for dx, dy in DIRECTIONS
        }
        crowding = {
            side: (_touched(box, taken), not _inside(box), _touched(box, covered)) for side, box in boxes.items()
        }
        best = min(DIRECTIONS, key=crowding.__getitem__)
        chosen.append(best)
        taken.append(boxes[best])
    return chosen


def _inside(box: Box) -> bool:
    left, bottom, right, top = box
    return left >= 0 and bottom >= 0 and right <= WIDTH and top <= HEIGHT


def _box(x: float, y: float, width: float, height: float) -> Box:
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _touched(box: Box, others: Sequence[Box]) -> int:
    left, bottom, right, top = box
    return sum(left < x1 and x0 < right and bottom < y1 and y0 < top for x0, y0, x1, y1 in others)
