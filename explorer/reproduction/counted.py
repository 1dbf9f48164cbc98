"""What this program counts for the paper's tables and figures: parameters, bytes, multiply-accumulates, activations."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from explorer.arch import Architecture, Cost, architecture, cost
from explorer.arch.cost import show
from explorer.arch.families.fire import fire
from explorer.reproduction import printed

INPUT_SHAPE, CLASSES = (3, 227, 227), 1000
CONVENTIONS = ("MB = 10^6 bytes, rounded", "MiB = 2^20 bytes, rounded", "MiB, rounded up")
"""Ways to print a size; see `megabytes`."""
UP = CONVENTIONS[2]


@dataclass(frozen=True)
class Layer:
    """A layer or Fire module as counted.

    Attributes:
        output: height x width x channels.
        filters: squeeze, expand1x1, expand3x3 of a Fire module.
        weights: of each convolution, biases left out.
        biases: of all of them.
    """

    output: str
    filters: tuple[int, ...]
    weights: tuple[int, ...]
    biases: int

    @property
    def params(self) -> int:
        return sum(self.weights) + self.biases

    def pruned(self, density: tuple[int, ...]) -> int:
        """Parameters left if so many per cent of each convolution's weights stay, and every bias."""
        kept = sum(Fraction(share, 100) * weights for share, weights in zip(density, self.weights, strict=True))
        return ceil(kept) + self.biases


def table_1() -> dict[str, Layer]:
    """SqueezeNet v1.0 at 227 px, a whole Fire module being one layer."""
    network = architecture("squeezenet_v1_0", INPUT_SHAPE, CLASSES)
    layers = {"input": Layer(show(INPUT_SHAPE), (), (), 0)}
    for row in cost(network).layers:
        module, _, part = row.name.partition(".")
        if row.type not in ("Conv2d", "MaxPool2d", "GlobalAvgPool2d"):
            continue
        before = layers.get(module, Layer("", (), (), 0))
        channels, height, width = row.output_shape
        filters = (*before.filters, channels) if part else ()
        conv = row.type == "Conv2d"
        layers[module] = Layer(
            output=show((sum(filters[1:]) if part else channels, height, width)),
            filters=filters,
            weights=(*before.weights, row.params - channels) if conv else before.weights,
            biases=before.biases + (channels if conv else 0),
        )
    return layers


def squeeze_ratio(value: float) -> Cost:
    """A point of Figure 3a."""
    return cost(fire(INPUT_SHAPE, CLASSES, squeeze_ratio=value))


def pct_3x3(value: float) -> Cost:
    """A point of Figure 3b."""
    return cost(fire(INPUT_SHAPE, CLASSES, squeeze_ratio=0.5, pct_3x3=value))


def bypass(value: str) -> Cost:
    """A line of Table 3."""
    return cost(fire(INPUT_SHAPE, CLASSES, bypass=value))


def downsampling(value: float) -> Cost:
    """SqueezeNet v1.0 with its pools elsewhere."""
    return cost(fire(INPUT_SHAPE, CLASSES, downsampling=value))


def published(name: str, side: int = 227, **options: object) -> Cost:
    """A published network for images of side x side."""
    return cost(published_architecture(name, side, **options))


def published_architecture(name: str, side: int, **options: object) -> Architecture:
    return architecture(name, (3, side, side), CLASSES, options)


def megabytes(count: int, convention: str = UP) -> str:
    """Bytes the way the paper prints them: one decimal below 10, none above.

    The paper does not say how it rounds. Rounding MiB up, as `ls -lh` and `du -h` do, matches most of what it prints.
    """
    unit = 10**6 if convention == CONVENTIONS[0] else 2**20
    tenth = Fraction(count * 10, unit)
    whole = Fraction(count, unit)
    if convention == UP:
        return f"{ceil(tenth) / 10:.1f}" if ceil(tenth) < 100 else str(ceil(whole))
    half = Fraction(1, 2)
    return f"{floor(tenth + half) / 10:.1f}" if floor(tenth + half) < 100 else str(floor(whole + half))


def printed_sizes() -> list[tuple[str, int, str]]:
    """(what, bytes counted, MB printed) of every network whose size Figure 3 or Table 3 prints: 17."""
    sizes = [
        (f"squeeze_ratio {point.value:g}", squeeze_ratio(point.value).bytes, point.megabytes)
        for point in printed.FIGURE_3A
    ]
    sizes += [(f"pct_3x3 {point.value:g}", pct_3x3(point.value).bytes, point.megabytes) for point in printed.FIGURE_3B]
    return sizes + [(variant.name, bypass(variant.bypass).bytes, variant.megabytes) for variant in printed.TABLE_3]
