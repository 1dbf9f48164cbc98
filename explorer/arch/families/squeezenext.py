"""SqueezeNext's family: two squeezes, a 3x3 taken apart, and a shortcut around both (arXiv:1803.10615)."""

from __future__ import annotations

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture
from explorer.arch.blocks import IDENTITY, check, whole

NAMED: dict[str, dict[str, object]] = {
    "squeezenext_23": {},
    "squeezenext_23_x1_5": {"width": 1.5},
    "squeezenext_23_x2_0": {"width": 2.0},
}
FILTERS = (32, 64, 128, 256)
"""Of each stage, times width; the stem has twice those of the first, the last convolution half those of the last."""
BLOCKS = (6, 6, 8, 1)


def squeezenext(
    input_shape: L.Shape,
    classes: int,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    shift: float = 0.0,
    squeeze_ratio: float = 0.5,
    stages: str = "",
) -> Architecture:
    """A SqueezeNext; the default is 1.0-SqNxt-23, 724,056 params.

    A block of C filters is a chain of convolutions, each with bias, batch normalisation and ReLU: 1x1 to s C, 1x1 to
    s^2 C, 1x3 and 3x1 to s C, 1x1 to C, where s is the squeeze_ratio. What it reads is added to that, through a 1x1
    where shapes differ. Counts that are no whole numbers are rounded half up, never below 1.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the stem, the pool and the strides, see `small.py`.
        classes: outputs of fc.
        width: factor of all filters.
        depth: factor of the blocks of each stage, 6, 6, 8 and 1.
        shift: share of the blocks of the first two stages that stand in the third instead, as the paper's variants v3
            to v5 move them to where a processor has more to do.
        squeeze_ratio: s, in (0, 1].
        stages: blocks of each stage, as 2-4-14-1, instead of depth and shift.
    """
    check("classes", classes, classes >= 1, "at least 1")
    check("width", width, 0 < width <= 64, "above 0, at most 64")
    check("depth", depth, 0 < depth <= 16, "above 0, at most 16")
    check("shift", shift, 0 <= shift <= 1, "within [0, 1]")
    check("squeeze_ratio", squeeze_ratio, 0 < squeeze_ratio <= 1, "within (0, 1]")
    counts = [whole(depth * count) for count in BLOCKS]
    moved = [min(int(shift * count + 0.5), count - 1) for count in counts[:2]]
    counts = [counts[0] - moved[0], counts[1] - moved[1], counts[2] + sum(moved), counts[3]]
    if stages:
        numbers = str(stages).split("-")
        good = len(numbers) == len(FILTERS) and all(map(_is_count, numbers))
        check("stages", stages, good, "four numbers of blocks, as 2-4-14-1")
        counts = [int(number) for number in numbers]

    adapted: list[str] = []
    filters = [whole(width * count) for count in FILTERS]
    channels = whole(2 * width * FILTERS[0])
    conv, side = small.stem(L.Conv2d("conv1", channels, 7, stride=2, padding=1), min(input_shape[1:]), adapted)
    pool, side = small.pool(L.MaxPool2d("maxpool", 3, 2, ceil_mode=True), side, adapted)
    layers: list[L.Layer] = [conv, L.BatchNorm2d("bn1"), L.ReLU(), *pool]
    for stage, count in enumerate(counts):
        stride = 1
        if stage:
            stride, side = small.stride(2, side, adapted, f"stage{stage + 1}")
        blocks: list[L.Layer] = []
        for i in range(count):
            blocks.append(_block(str(i), channels, filters[stage], squeeze_ratio, stride if i == 0 else 1))
            channels = filters[stage]
        layers.append(L.Sequential(f"stage{stage + 1}", tuple(blocks)))
    layers += [*_conv("conv_last", whole(width * FILTERS[-1] / 2)), L.GlobalAvgPool2d("avgpool")]
    return Architecture(input_shape, (*layers, L.Linear("fc", classes)), tuple(adapted))


def _block(name: str, channels: int, out: int, squeeze_ratio: float, stride: int) -> L.Layer:
    less, least = whole(squeeze_ratio * out), whole(squeeze_ratio**2 * out)
    chain = [
        *_conv("squeeze1", less, stride=stride),
        *_conv("squeeze2", least),
        *_conv("conv1x3", less, (1, 3), (0, 1)),
        *_conv("conv3x1", less, (3, 1), (1, 0)),
        *_conv("expand", out),
    ]
    same = stride == 1 and channels == out
    shortcut = IDENTITY if same else L.Sequential("", tuple(_conv("shortcut", out, stride=stride)))
    return L.Sequential(name, (L.Add("", (L.Sequential("", tuple(chain)), shortcut)), L.ReLU()))


def _conv(
    name: str, filters: int, kernel_size: L.Sides = 1, padding: L.Sides = 0, stride: int = 1
) -> tuple[L.Layer, ...]:
    conv = L.Conv2d(name, filters, kernel_size, stride, padding)
    return conv, L.BatchNorm2d(f"{name}_bn"), L.ReLU()


def _is_count(number: str) -> bool:
    return number.isdecimal() and len(number) <= 2 and 1 <= int(number) <= 64
