"""RegNet: widths of all blocks from a quantised line (arXiv:2003.13678); X without, Y with squeeze-and-excitation."""

from __future__ import annotations

from collections import Counter
from math import log

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture
from explorer.arch.blocks import IDENTITY, MOST_BLOCKS, check, divisible, normed, squeeze_excitation

NAMED: dict[str, dict[str, object]] = {
    "regnet_x_400mf": {},
    "regnet_y_400mf": {
        "depth": 16,
        "w_0": 48,
        "w_a": 27.89,
        "w_m": 2.09,
        "group_width": 8,
        "se_ratio": 0.25,
    },
}


def regnet(
    input_shape: L.Shape,
    classes: int,
    *,
    depth: int = 22,
    w_0: int = 24,
    w_a: float = 24.48,
    w_m: float = 2.54,
    group_width: int = 16,
    se_ratio: float = 0.0,
    stem: int = 32,
) -> Architecture:
    """A RegNet; the default is RegNetX-400MF, 5,495,976 params. Weights carry torchvision's names, `_` for its `-`.

    Block j (from 0) should have u_j = w_0 + w_a * j filters; it gets the nearest w_0 * w_m ** k, k whole, as a multiple
    of 8 and then of group_width (section 3.3 of the paper). Blocks of equal width are a stage, which halves the map.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the stem and the strides, see `small.py`.
        classes: outputs of fc.
        depth: blocks (the paper's d).
        w_0: filters of the first blocks, a multiple of 8.
        w_a: slope of the filters over the blocks.
        w_m: factor from one stage's filters to the next's, above 1.
        group_width: channels of a group of the 3x3 convolutions, at most.
        se_ratio: filters of the squeeze over what the block reads, 0 for none.
        stem: filters of the stem.
    """
    for name, value in (("classes", classes), ("depth", depth), ("group_width", group_width), ("stem", stem)):
        check(name, value, value >= 1, "at least 1")
    check("depth", depth, depth <= MOST_BLOCKS, f"at most {MOST_BLOCKS:,}")
    check("w_0", w_0, w_0 >= 8 and w_0 % 8 == 0, "a multiple of 8")
    check("w_a", w_a, 0 <= w_a < 2**20, "at least 0")
    check("w_m", w_m, 1 < w_m <= 64, "above 1 and at most 64")
    check("se_ratio", se_ratio, 0 <= se_ratio <= 1, "within [0, 1]")

    adapted: list[str] = []
    conv, norm = normed("0", "1", stem, 3, stride=2)
    conv, side = small.stem(conv, min(input_shape[1:]), adapted, "stem.0")
    channels, stages = stem, list[L.Layer]()
    for stage, (wanted, count) in enumerate(Counter(widths(depth, w_0, w_a, w_m)).items(), start=1):
        stride, side = small.stride(2, side, adapted, f"trunk_output.block{stage}")
        group = min(group_width, wanted)
        width = divisible(wanted, group)
        blocks: list[L.Layer] = []
        for i in range(count):
            squeeze = round(se_ratio * channels)
            blocks.append(
                _block(f"block{stage}_{i}", channels, width, stride if i == 0 else 1, width // group, squeeze)
            )
            channels = width
        stages.append(L.Sequential(f"block{stage}", tuple(blocks)))
    layers = (L.Sequential("stem", (conv, norm, L.ReLU())), L.Sequential("trunk_output", tuple(stages)))
    return Architecture(input_shape, (*layers, L.GlobalAvgPool2d("avgpool"), L.Linear("fc", classes)), tuple(adapted))


def widths(depth: int, w_0: int, w_a: float, w_m: float) -> list[int]:
    """Filters of each block, in multiples of 8."""
    steps = [round(log((w_0 + w_a * j) / w_0) / log(w_m)) for j in range(depth)]
    return [round(w_0 * w_m**step / 8) * 8 for step in steps]


def _block(name: str, channels: int, width: int, stride: int, groups: int, squeeze: int) -> L.Layer:
    """[1x1, 3x3 in groups, perhaps squeeze and excitation, 1x1], plus what it reads, ReLU."""
    same = stride == 1 and channels == width
    shortcut = IDENTITY if same else L.Sequential("proj", normed("0", "1", width, stride=stride))
    a = L.Sequential("a", (*normed("0", "1", width), L.ReLU()))
    b = L.Sequential("b", (*normed("0", "1", width, 3, stride, groups), L.ReLU()))
    excite = (squeeze_excitation("se", width, squeeze),) if squeeze else ()
    f = L.Sequential("f", (a, b, *excite, L.Sequential("c", normed("0", "1", width))))
    return L.Sequential(name, (L.Add("", (shortcut, f)), L.ReLU()))
