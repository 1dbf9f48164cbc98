"""A network as data: frozen layers, three containers, an input shape.

Leaf layers carry torch's names and arguments. Containers hold leaves:

    Sequential   one after the other
    Concat       branches side by side, joined along the channels
    Add          branches side by side, summed; an empty Sequential is the identity
    Multiply     branches side by side, multiplied; one of a single pixel scales the others channel by channel

A container with an empty name groups without naming, so the path of a weight reads
`fire2.expand1x1.weight` whether or not a bypass runs around fire2.

Channels are never written twice: a layer says what it puts out, what comes in follows from the layer before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

Sides: TypeAlias = int | tuple[int, int]
"""Of a square, or (height, width)."""


class ArchitectureError(ValueError):
    """A network that cannot exist: a map that shrinks below one pixel, branches that do not fit together."""


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Convolution with `out_channels` filters; kernel and padding are of a square, or (height, width)."""

    name: str
    out_channels: int
    kernel_size: Sides
    stride: int = 1
    padding: Sides = 0
    groups: int = 1
    bias: bool = True


@dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer over a (features, 1, 1) map."""

    name: str
    out_features: int
    bias: bool = True


@dataclass(frozen=True, slots=True)
class BatchNorm2d:
    """Batch normalisation: weight and bias are parameters, the running statistics are not."""

    name: str


@dataclass(frozen=True, slots=True)
class LocalResponseNorm:
    """x / (k + alpha / size * sum of squares over `size` channels around it) ** beta; no parameters (AlexNet)."""

    name: str
    size: int
    alpha: float
    beta: float
    k: float


@dataclass(frozen=True, slots=True)
class ReLU:
    name: str = ""


@dataclass(frozen=True, slots=True)
class ReLU6:
    """min(max(x, 0), 6) (MobileNet)."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class SiLU:
    """x * sigmoid(x), also called swish."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Hardswish:
    """x * min(max(x + 3, 0), 6) / 6."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    name: str = ""


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    name: str
    kernel_size: int
    stride: int
    padding: int = 0
    ceil_mode: bool = False


@dataclass(frozen=True, slots=True)
class AdaptiveAvgPool2d:
    """Mean over windows that share the map out evenly: (C, H, W) -> (C, output_size, output_size)."""

    name: str
    output_size: int


@dataclass(frozen=True, slots=True)
class GlobalAvgPool2d:
    """Mean over the whole map: (C, H, W) -> (C, 1, 1)."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Dropout:
    """The place where dropout happens. The rate is a matter of training, so the recipe says it, not the network."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Flatten:
    """(C, H, W) -> (C * H * W, 1, 1), channels first as torch does."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One of `chunks` equal shares of the channels, `index` counting from 0."""

    name: str
    chunks: int
    index: int


@dataclass(frozen=True, slots=True)
class ChannelShuffle:
    """Channels of `groups` equal groups, dealt out in turn: of 6 in 2 groups 0, 3, 1, 4, 2, 5."""

    name: str
    groups: int


@dataclass(frozen=True, slots=True)
class Sequential:
    name: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Concat:
    name: str
    branches: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Add:
    name: str
    branches: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Multiply:
    name: str
    branches: tuple[Layer, ...]


Weighted: TypeAlias = Conv2d | Linear | BatchNorm2d
"""Layers with weights; each needs a name."""
Activation: TypeAlias = ReLU | ReLU6 | SiLU | Hardswish | Sigmoid
Reordering: TypeAlias = Chunk | ChannelShuffle | Flatten
"""Layers that compute nothing: numbers change their places."""
Leaf: TypeAlias = (
    Weighted | Activation | Reordering | LocalResponseNorm | MaxPool2d | AdaptiveAvgPool2d | GlobalAvgPool2d | Dropout
)
Merge: TypeAlias = Concat | Add | Multiply
"""Containers whose branches all read the same map."""
Layer: TypeAlias = Leaf | Sequential | Merge
Shape: TypeAlias = tuple[int, int, int]
"""(channels, height, width) of one sample."""


def sides(extent: Sides) -> tuple[int, int]:
    """(height, width)."""
    return extent if isinstance(extent, tuple) else (extent, extent)


def window(layer: Conv2d | MaxPool2d) -> str:
    """Its kernel as the paper writes it: 3x3."""
    height, width = sides(layer.kernel_size)
    return f"{height}x{width}"


def children(layer: Layer) -> tuple[Layer, ...]:
    """What a container holds; nothing for a leaf."""
    match layer:
        case Sequential():
            return layer.layers
        case Concat() | Add() | Multiply():
            return layer.branches
        case _:
            return ()


def join(prefix: str, name: str) -> str:
    """The path of a layer below `prefix`; an empty name adds nothing."""
    return f"{prefix}.{name}" if prefix and name else prefix or name


def walk(layer: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer of a tree with its path, containers before what they hold."""
    left = [(prefix, layer)]
    while left:
        prefix, layer = left.pop()
        path = join(prefix, layer.name)
        yield path, layer
        left += ((path, child) for child in reversed(children(layer)))
