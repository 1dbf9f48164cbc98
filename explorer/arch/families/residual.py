"""ResNet's family: stages of blocks around which the map goes unchanged (arXiv:1512.03385)."""

from __future__ import annotations

from dataclasses import replace

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture
from explorer.arch.blocks import IDENTITY, MOST_BLOCKS, check, normed

NAMED: dict[str, dict[str, object]] = {
    "resnet18": {},
    "resnet34": {"stages": "3-4-6-3"},
    "resnet50": {"stages": "3-4-6-3", "block": "bottleneck"},
    # MLPerf Tiny's for image classification on 3x32x32 (arXiv:2106.07597)
    "resnet8": {"base_width": 16, "stages": "1-1-1", "stem": "cifar"},
}
STEMS = ("imagenet", "cifar")
# Filters that a block puts out over those of its 3x3 convolution.
EXPANSION = {"basic": 1, "bottleneck": 4}


def residual(
    input_shape: L.Shape,
    classes: int,
    *,
    base_width: int = 64,
    growth: float = 2.0,
    depth: int = 8,
    freq: int = 2,
    block: str = "basic",
    stages: str = "",
    stem: str = "imagenet",
) -> Architecture:
    """A ResNet; the default is ResNet-18, 11,689,512 params. Weights carry torchvision's names.

    Block i (from 0) has base_width * growth ** floor(i / freq) filters, rounded half up; wherever they grow, the map is
    halved.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the stem, the pool and the strides, see `small.py`.
        classes: outputs of fc.
        base_width: filters of conv1 and of the first blocks.
        growth: factor of the filters from one stage to the next, at least 1.
        depth: blocks.
        freq: blocks of a stage; of the last one what is left.
        block: `basic`, two 3x3 convolutions; `bottleneck`, 1x1, 3x3, 1x1 to four times the filters, with the stride at
            the 3x3 as torchvision has it.
        stages: blocks of each stage, as 3-4-6-3, instead of depth and freq.
        stem: `imagenet`, 7x7 with stride 2 and a pool; `cifar`, 3x3 alone, which keeps the map's size.
    """
    check("stem", stem, stem in STEMS, f"one of {', '.join(STEMS)}")
    check("block", block, block in EXPANSION, f"one of {', '.join(EXPANSION)}")
    for name, value in (("classes", classes), ("base_width", base_width), ("depth", depth), ("freq", freq)):
        check(name, value, value >= 1, "at least 1")
    check("growth", growth, 1 <= growth <= 16, "from 1 to 16")
    check("depth", depth, depth <= MOST_BLOCKS, f"at most {MOST_BLOCKS:,}")
    counts = [freq] * (depth // freq) + ([depth % freq] if depth % freq else [])
    if stages:
        words = str(stages).split("-")
        check("stages", stages, all(map(_is_count, words)), "numbers of blocks, as 3-4-6-3")
        counts = [int(word) for word in words]
    check("stages" if stages else "depth", stages or depth, len(counts) <= 32, "at most 32 stages")

    adapted: list[str] = []
    side, pool = min(input_shape[1:]), list[L.Layer]()
    conv = L.Conv2d("conv1", base_width, 3, padding=1, bias=False)
    if stem == "imagenet":
        conv, side = small.stem(replace(conv, kernel_size=7, stride=2, padding=3), side, adapted)
        pool, side = small.pool(L.MaxPool2d("maxpool", 3, 2, padding=1), side, adapted)
    layers: list[L.Layer] = [conv, L.BatchNorm2d("bn1"), L.ReLU("relu"), *pool]
    channels = base_width
    for stage, count in enumerate(counts):
        width = int(base_width * growth**stage + 0.5)
        stride = 1
        if stage:
            stride, side = small.stride(2, side, adapted, f"layer{stage + 1}")
        blocks: list[L.Layer] = []
        for i in range(count):
            blocks.append(_block(str(i), channels, width, stride if i == 0 else 1, block))
            channels = width * EXPANSION[block]
        layers.append(L.Sequential(f"layer{stage + 1}", tuple(blocks)))
    return Architecture(input_shape, (*layers, L.GlobalAvgPool2d("avgpool"), L.Linear("fc", classes)), tuple(adapted))


def _block(name: str, channels: int, width: int, stride: int, kind: str) -> L.Layer:
    """The convolutions, plus what they read (through a 1x1 where shapes differ), ReLU."""
    out = width * EXPANSION[kind]
    convs: list[L.Layer]
    if kind == "basic":
        convs = [*normed("conv1", "bn1", width, 3, stride), L.ReLU(), *normed("conv2", "bn2", width, 3)]
    else:
        convs = [*normed("conv1", "bn1", width), L.ReLU(), *normed("conv2", "bn2", width, 3, stride), L.ReLU()]
        convs += normed("conv3", "bn3", out)
    same = stride == 1 and channels == out
    shortcut = IDENTITY if same else L.Sequential("downsample", normed("0", "1", out, stride=stride))
    return L.Sequential(name, (L.Add("", (L.Sequential("", tuple(convs)), shortcut)), L.ReLU()))


def _is_count(word: str) -> bool:
    return word.isdecimal() and len(word) <= 4 and 1 <= int(word) <= MOST_BLOCKS
