"""Every number that the paper prints (arXiv:1602.07360v4, 2016-11-08), as it is printed, errors included.

Accuracies are per cent on ImageNet's validation images, each from a single training. Sizes are in the paper's "MB".
What comes from the authors' repositories instead says so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A line of Table 1 (page 6).

    Attributes:
        name: conv1, fire2, maxpool4, ...
        output: as printed, height x width x channels.
        filters: s1x1, e1x1, e3x3 of a Fire module.
        density: per cent of the weights kept by pruning: of the layer, or of squeeze, expand1x1, expand3x3. The paper
            calls it sparsity.
        params, pruned: "#parameter before pruning" and "after pruning".
    """

    name: str
    output: str
    filters: tuple[int, ...] = ()
    density: tuple[int, ...] = ()
    params: int = 0
    pruned: int = 0


TABLE_1 = (
    Layer("input", "224x224x3"),
    Layer("conv1", "111x111x96", (), (100,), 14_208, 14_208),
    Layer("maxpool1", "55x55x96"),
    Layer("fire2", "55x55x128", (16, 64, 64), (100, 100, 33), 11_920, 5_746),
    Layer("fire3", "55x55x128", (16, 64, 64), (100, 100, 33), 12_432, 6_258),
    Layer("fire4", "55x55x256", (32, 128, 128), (100, 100, 33), 45_344, 20_646),
    Layer("maxpool4", "27x27x256"),
    Layer("fire5", "27x27x256", (32, 128, 128), (100, 100, 33), 49_440, 24_742),
    Layer("fire6", "27x27x384", (48, 192, 192), (100, 50, 33), 104_880, 44_700),
    Layer("fire7", "27x27x384", (48, 192, 192), (50, 100, 33), 111_024, 46_236),
    Layer("fire8", "27x27x512", (64, 256, 256), (100, 50, 33), 188_992, 77_581),
    Layer("maxpool8", "13x12x512"),
    Layer("fire9", "13x13x512", (64, 256, 256), (50, 100, 30), 197_184, 77_581),
    Layer("conv10", "13x13x1000", (), (20,), 513_000, 103_400),
    Layer("avgpool10", "1x1x1000"),
)
TOTAL = Layer("total", "", (), (), 1_248_424, 421_098)


@dataclass(frozen=True)
class Compressed:
    """A line of Table 2 (page 7): a network, how it was compressed, and to what."""

    network: str
    method: str
    type: str
    megabytes: str
    times: int
    top1: str
    top5: str


TABLE_2 = (
    Compressed("AlexNet", "none", "32 bit", "240", 1, "57.2", "80.3"),
    Compressed("AlexNet", "SVD", "32 bit", "48", 5, "56.0", "79.4"),
    Compressed("AlexNet", "Network Pruning", "32 bit", "27", 9, "57.2", "80.3"),
    Compressed("AlexNet", "Deep Compression", "5-8 bit", "6.9", 35, "57.2", "80.3"),
    Compressed("SqueezeNet", "none", "32 bit", "4.8", 50, "57.5", "80.3"),
    Compressed("SqueezeNet", "Deep Compression", "8 bit", "0.66", 363, "57.5", "80.3"),
    Compressed("SqueezeNet", "Deep Compression", "6 bit", "0.47", 510, "57.5", "80.3"),
)
# Their own file, compressed_SqueezeNet.net in the repository songhan/SqueezeNet-Deep-Compression: 8 bits a code.
COMPRESSED_FILE_BYTES = 675_763


@dataclass(frozen=True)
class Figure3Point:
    """A point of Figure 3 (page 9).

    Attributes:
        value: of the metaparameter.
        megabytes: as the tick of the size axis says.
        top5: read from the vector drawing of the figure, exact to 0.1 point.
    """

    value: float
    megabytes: str
    top5: str


FIGURE_3A = (
    Figure3Point(0.125, "4.8", "80.3"),
    Figure3Point(0.25, "7.6", "83.4"),
    Figure3Point(0.5, "13", "85.4"),
    Figure3Point(0.75, "19", "86.0"),
    Figure3Point(1.0, "24", "86.1"),
)
FIGURE_3B = (
    Figure3Point(0.01, "5.7", "76.3"),
    Figure3Point(0.125, "7.4", "80.9"),
    Figure3Point(0.25, "9.3", "84.0"),
    Figure3Point(0.375, "11", "84.7"),
    Figure3Point(0.5, "13", "85.3"),
    Figure3Point(0.625, "15", "85.6"),
    Figure3Point(0.75, "17", "85.4"),
    Figure3Point(0.875, "19", "85.5"),
    Figure3Point(0.99, "21", "85.3"),
)


@dataclass(frozen=True)
class Variant:
    """A line of Table 3 (page 10)."""

    bypass: str
    name: str
    top1: str
    top5: str
    megabytes: str


TABLE_3 = (
    Variant("none", "vanilla SqueezeNet", "57.5", "80.3", "4.8"),
    Variant("simple", "simple bypass", "60.4", "82.5", "4.8"),
    Variant("complex", "complex bypass", "58.8", "82.0", "7.7"),
)
# The authors' README of v1.1, "GFLOPS/image": two operations a multiply-accumulate.
GFLOPS = {"squeezenet_v1_0": "1.72", "squeezenet_v1_1": "0.72"}
