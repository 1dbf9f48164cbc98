"""ShuffleNetV2's family: half of the channels goes through a block, half past it, then they mix (arXiv:1807.11164)."""

from __future__ import annotations

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture
from explorer.arch.blocks import MOST_BLOCKS, check, normed

NAMED: dict[str, dict[str, object]] = {
    "shufflenet_v2_x0_5": {"width": 48},
    "shufflenet_v2_x1_0": {},
}


def shuffle(
    input_shape: L.Shape,
    classes: int,
    *,
    width: int = 116,
    growth: float = 2.0,
    depth: int = 4,
    stem: int = 24,
    head: int = 1024,
) -> Architecture:
    """A ShuffleNetV2; the default is x1.0, 2,278,604 params. Weights carry torchvision's names.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the stem, the pool and the strides, see `small.py`.
        classes: outputs of fc.
        width: filters of the first of three stages, rounded down to an even number.
        growth: factor of the filters from one stage to the next, at least 1.
        depth: units of the first and the last stage; the middle one has twice as many.
        stem: filters of conv1.
        head: filters of conv5.
    """
    for name, value in (("classes", classes), ("depth", depth), ("stem", stem), ("head", head)):
        check(name, value, value >= 1, "at least 1")
    check("depth", depth, depth <= MOST_BLOCKS, f"at most {MOST_BLOCKS:,}")
    check("width", width, width >= 2, "at least 2")
    check("growth", growth, 1 <= growth <= 16, "from 1 to 16")

    adapted: list[str] = []
    conv, norm = normed("0", "1", stem, 3, stride=2)
    conv, side = small.stem(conv, min(input_shape[1:]), adapted, "conv1.0")
    pool, side = small.pool(L.MaxPool2d("maxpool", 3, 2, padding=1), side, adapted)
    layers: list[L.Layer] = [L.Sequential("conv1", (conv, norm, L.ReLU())), *pool]
    channels = stem
    for stage, units in enumerate((depth, 2 * depth, depth)):
        name, half = f"stage{stage + 2}", int(width * growth**stage / 2)
        stride, side = small.stride(2, side, adapted, name)
        layers.append(L.Sequential(name, (_whole(channels, half, stride), *(_split(i, half) for i in range(1, units)))))
        channels = 2 * half
    layers += [
        L.Sequential("conv5", (*normed("0", "1", head), L.ReLU())),
        L.GlobalAvgPool2d("avgpool"),
        L.Linear("fc", classes),
    ]
    return Architecture(input_shape, tuple(layers), tuple(adapted))


def _whole(channels: int, half: int, stride: int) -> L.Layer:
    """The first unit of a stage: both branches read the whole map."""
    past = (*normed("0", "1", channels, 3, stride, groups=channels), *normed("2", "3", half), L.ReLU())
    branches = (L.Sequential("branch1", past), _branch2(half, stride))
    return L.Sequential("0", (L.Concat("", branches), L.ChannelShuffle("shuffle", 2)))


def _split(i: int, half: int) -> L.Layer:
    """A later unit: the first half of the channels goes past it."""
    through = L.Sequential("", (L.Chunk("through", 2, 1), _branch2(half, 1)))
    return L.Sequential(str(i), (L.Concat("", (L.Chunk("past", 2, 0), through)), L.ChannelShuffle("shuffle", 2)))


def _branch2(half: int, stride: int) -> L.Sequential:
    """1x1, 3x3 on each channel alone, 1x1."""
    alone = normed("3", "4", half, 3, stride, groups=half)
    return L.Sequential("branch2", (*normed("0", "1", half), L.ReLU(), *alone, *normed("5", "6", half), L.ReLU()))
