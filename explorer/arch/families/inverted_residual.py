"""MobileNetV2's family: thin maps between blocks that widen, filter each channel alone, narrow (arXiv:1801.04381)."""

from __future__ import annotations

from math import ceil

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture
from explorer.arch.blocks import IDENTITY, check, divisible, normed

NAMED: dict[str, dict[str, object]] = {"mobilenet_v2": {}}
# Table 2 of the paper: filters and blocks of each stage.
FILTERS = (16, 24, 32, 64, 96, 160, 320)
BLOCKS = (1, 2, 3, 4, 3, 3, 1)


def inverted_residual(
    input_shape: L.Shape,
    classes: int,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    expand_ratio: float = 6,
    strides: str = "1-2-2-2-1-2-1",
    stem: int = 32,
    head: int = 1280,
) -> Architecture:
    """A MobileNetV2; the default has 3,504,872 params. Weights carry torchvision's names.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the stem and the strides, see `small.py`.
        classes: outputs of the classifier.
        width: factor of all filters, which are then rounded to multiples of 8; of the head's only above 1.
        depth: factor of the blocks of each stage (1, 2, 3, 4, 3, 3, 1), rounded up.
        expand_ratio: filters inside a block over those it reads, but for the first, which does not widen.
        strides: of the seven stages' first blocks. Later strides mean larger maps and more macs at equal params.
        stem: filters of the first convolution at width 1.
        head: filters of the last convolution at width 1.
    """
    check("classes", classes, classes >= 1, "at least 1")
    for name, value in (("width", width), ("depth", depth)):
        check(name, value, 0 < value <= 64, "above 0 and at most 64")
    check("expand_ratio", expand_ratio, 1 <= expand_ratio <= 64, "from 1 to 64")
    for name, value in (("stem", stem), ("head", head)):
        check(name, value, value >= 1, "at least 1")
    schedule = str(strides).split("-")
    good = len(schedule) == len(FILTERS) and set(schedule) <= {"1", "2"}
    check("strides", strides, good, "seven of 1 and 2, as 1-2-2-2-1-2-1")

    adapted: list[str] = []
    channels = divisible(stem * width)
    first, norm = normed("0", "1", channels, 3, stride=2)
    first, side = small.stem(first, min(input_shape[1:]), adapted, "features.0.0")
    features: list[L.Layer] = [L.Sequential("0", (first, norm, L.ReLU6()))]
    for stage, (filters, blocks, wanted) in enumerate(zip(FILTERS, BLOCKS, schedule, strict=True)):
        stride, side = small.stride(int(wanted), side, adapted, f"features.{len(features)}")
        for i in range(ceil(depth * blocks)):
            out, ratio = divisible(filters * width), expand_ratio if stage else 1
            block = _block(str(len(features)), channels, out, stride if i == 0 else 1, ratio)
            features.append(block)
            channels = out
    last = divisible(head * max(1.0, width))
    features.append(L.Sequential(str(len(features)), (*normed("0", "1", last), L.ReLU6())))
    classifier = (L.Dropout("0"), L.Linear("1", classes))
    layers = (
        L.Sequential("features", tuple(features)),
        L.GlobalAvgPool2d("avgpool"),
        L.Sequential("classifier", classifier),
    )
    return Architecture(input_shape, layers, tuple(adapted))


def _block(name: str, channels: int, out: int, stride: int, ratio: float) -> L.Layer:
    """[1x1 widen, ReLU6, 3x3 on each channel alone, ReLU6, 1x1 narrow], and the identity where shapes allow it."""
    hidden = round(channels * ratio)
    parts: list[L.Layer] = []
    if ratio != 1:
        parts.append(L.Sequential("0", (*normed("0", "1", hidden), L.ReLU6())))
    alone = (*normed("0", "1", hidden, 3, stride, groups=hidden), L.ReLU6())
    parts.append(L.Sequential(str(len(parts)), alone))
    parts += normed(str(len(parts)), str(len(parts) + 1), out)
    block = L.Sequential(name, (L.Sequential("conv", tuple(parts)),))
    return L.Add("", (block, IDENTITY)) if stride == 1 and channels == out else block
