"""A network as the operators of TFLite, in the order in which they run, on int8 tensors without values yet.

Maps lie as TFLite has them, (height, width, channels). Batch normalisation is part of the convolution before it, or a
depthwise convolution of 1x1 where there is none; ReLU and ReLU6 are fused into what they follow. A linear layer is a
convolution over its whole map, so that flattening costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

from explorer.arch import Architecture
from explorer.arch import layers as L
from explorer.arch.totals import shape_after

CONV, DEPTHWISE = "CONV_2D", "DEPTHWISE_CONV_2D"
MAX_POOL, AVERAGE_POOL = "MAX_POOL_2D", "AVERAGE_POOL_2D"
PAD, PADV2, CONCATENATION, GATHER = "PAD", "PADV2", "CONCATENATION", "GATHER"
ADD, MUL = "ADD", "MUL"
RELU, RELU6, LOGISTIC, HARD_SWISH = "RELU", "RELU6", "LOGISTIC", "HARD_SWISH"
WEIGHTED = (CONV, DEPTHWISE)
FUSES = (CONV, DEPTHWISE, ADD, MUL, MAX_POOL)
"""Operators that apply a ReLU themselves."""
KEEPS_SCALE = (MAX_POOL, AVERAGE_POOL, PAD, PADV2, CONCATENATION, GATHER)
"""Operators whose output has the scale of their inputs: their kernels copy, compare or average, but do not rescale."""
SAME, VALID = "SAME", "VALID"

Map: TypeAlias = tuple[int, int, int]
"""(height, width, channels)."""
Constant: TypeAlias = tuple[str | int, ...]


class OperatorError(L.ArchitectureError):
    """A layer that TFLite Micro has no operator for; one line naming it."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One call of a kernel.

    Attributes:
        kind: its name in TFLite.
        inputs: numbers of the tensors that it reads, weights aside.
        output: number of the tensor that it writes.
        layer: path of the layer that has its weights; "" for batch normalisation on its own and for what has none.
        norm: path of the batch normalisation that becomes part of it, or "".
        kernel: (height, width) of its window.
        stride: of the window.
        padding: SAME or VALID.
        activation: RELU, RELU6 or NONE, applied to its output.
        weights: shape of its weights as TFLite has them; () for none.
        constants: int32 numbers in tensors of their own: pads, or the channels that GATHER takes.
    """

    kind: str
    inputs: tuple[int, ...]
    output: int
    layer: str = ""
    norm: str = ""
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = VALID
    activation: str = "NONE"
    weights: tuple[int, ...] = ()
    constants: tuple[int, ...] = ()

    @property
    def filters(self) -> int:
        """Output channels that have a scale and a bias each; 0 for an operator without weights."""
        return 0 if not self.weights else self.weights[3 if self.kind == DEPTHWISE else 0]


@dataclass(frozen=True, slots=True)
class Program:
    """All operators of a network.

    Attributes:
        maps: shapes of the tensors, by their number; the first is the image.
        operators: in the order in which they run.
        output: number of the tensor that holds the logits.
    """

    maps: tuple[Map, ...]
    operators: tuple[Operator, ...]
    output: int

    def constants(self) -> dict[Constant, int]:
        """Constants in the order in which operators read them, each once, with their bytes.

        A constant is known by what it says: `("weights", i)` and `("bias", i)` of operator i; `("whole", flat,
        *numbers)`; `("lowest", root)`, the value that PADV2 pads a map of the scale of tensor `root` with.
        """
        found: dict[Constant, int] = {}
        roots = self.sharing()
        for i, each in enumerate(self.operators):
            if each.weights:
                found |= {("weights", i): prod(each.weights), ("bias", i): 4 * each.filters}
            elif each.constants:
                found["whole", each.kind == GATHER, *each.constants] = 4 * len(each.constants)
                if each.kind == PADV2:
                    found["lowest", roots[each.inputs[0]]] = 1
        return found

    def sharing(self) -> tuple[int, ...]:
        """For each tensor the lowest number of those that have its scale and zero point."""
        roots = list(range(len(self.maps)))

        def root(number: int) -> int:
            while roots[number] != number:
                number = roots[number]
            return number

        for each in self.operators:
            if each.kind in KEEPS_SCALE:
                together = sorted(map(root, (*each.inputs, each.output)))
                for number in together:
                    roots[number] = together[0]
        return tuple(map(root, range(len(roots))))


def program(architecture: Architecture) -> Program:
    """The operators of a network.

    Raises:
        OperatorError: if TFLite Micro lacks one, naming the layer.
        ArchitectureError: if the network cannot be built.
    """
    channels, height, width = architecture.input_shape
    lowered = _Lowered([(height, width, channels)])
    output = lowered.chain([(architecture.tree, "")], 0, architecture.input_shape)
    return Program(tuple(lowered.maps), tuple(lowered.operators), output)


class _Lowered:
    """Tensors and operators so far."""

    def __init__(self, maps: list[Map]) -> None:
        self.maps = maps
        self.operators: list[Operator] = []
        self._kept: set[int] = set()  # tensors that other branches read as they are

    def chain(self, layers: Sequence[tuple[L.Layer, str]], x: int, shape: L.Shape) -> int:
        """Appends layers, each with the path above it, that follow each other; returns their output's number."""
        left = list(reversed(layers))
        while left:
            layer, above = left.pop()
            path = L.join(above, layer.name)
            if isinstance(layer, L.Sequential):
                left += [(child, path) for child in reversed(layer.layers)]
                continue
            x = self._layer(layer, path, x, shape)
            shape = shape_after(layer, shape)
        return x

    def _layer(self, layer: L.Layer, path: str, x: int, shape: L.Shape) -> int:
        height, width, channels = self.maps[x]
        match layer:
            case L.Concat():
                return self._put(CONCATENATION, self._branches(layer, path, x, shape), shape_after(layer, shape))
            case L.Add() | L.Multiply():
                out, *others = self._branches(layer, path, x, shape)
                for other in others:
                    larger = max(self.maps[out], self.maps[other], key=prod)
                    out = self._put(ADD if isinstance(layer, L.Add) else MUL, (out, other), _back(larger))
                return out
            case L.Conv2d():
                return self._conv(layer, path, x, shape)
            case L.Linear():  # what was flattened before it is still a map
                weights = (layer.out_features, height, width, channels)
                return self._put(
                    CONV, (x,), (layer.out_features, 1, 1), layer=path, kernel=(height, width), weights=weights
                )
            case L.BatchNorm2d():
                return self._norm(path, x)
            case L.ReLU() | L.ReLU6():
                return self._activation(RELU if isinstance(layer, L.ReLU) else RELU6, x)
            case L.Sigmoid():
                return self._put(LOGISTIC, (x,), shape)
            case L.SiLU():
                return self._put(MUL, (x, self._put(LOGISTIC, (x,), shape)), shape)
            case L.Hardswish():
                return self._put(HARD_SWISH, (x,), shape)
            case L.MaxPool2d():
                return self._max_pool(layer, path, x, shape)
            case L.GlobalAvgPool2d() | L.AdaptiveAvgPool2d():
                return self._mean(1 if isinstance(layer, L.GlobalAvgPool2d) else layer.output_size, path, x, shape)
            case L.Chunk() | L.ChannelShuffle():
                return self._put(GATHER, (x,), shape_after(layer, shape), constants=_order(layer, channels))
            case L.Dropout() | L.Flatten():
                return x
            case _:
                raise OperatorError(f"{path or 'layers'}: TFLite Micro has no operator for {type(layer).__name__}")

    def _branches(self, layer: L.Merge, path: str, x: int, shape: L.Shape) -> tuple[int, ...]:
        self._kept.add(x)
        return tuple(self.chain([(branch, path)], x, shape) for branch in layer.branches)

    def _conv(self, layer: L.Conv2d, path: str, x: int, shape: L.Shape) -> int:
        _, height, width = shape_after(layer, shape)
        kernel, pads = L.sides(layer.kernel_size), L.sides(layer.padding)
        ends = [_end(*each, layer.stride) for each in zip(self.maps[x], (height, width), kernel, pads, strict=False)]
        x, padding = self._padded(PAD, x, kernel, layer.stride, pads, ends, (height, width))
        channels = shape[0]
        depthwise = layer.groups == channels > 1
        taps = layer.out_channels if depthwise else channels // layer.groups
        weights = (1 if depthwise else layer.out_channels, *kernel, taps)
        return self._put(
            DEPTHWISE if depthwise else CONV,
            (x,),
            (layer.out_channels, height, width),
            layer=path,
            kernel=kernel,
            stride=layer.stride,
            padding=padding,
            weights=weights,
        )

    def _max_pool(self, layer: L.MaxPool2d, path: str, x: int, shape: L.Shape) -> int:
        out = shape_after(layer, shape)
        kernel, pads = (layer.kernel_size,) * 2, (layer.padding,) * 2
        ends = [_end(*each, layer.stride) for each in zip(self.maps[x], out[1:], kernel, pads, strict=False)]
        x, padding = self._padded(PADV2, x, kernel, layer.stride, pads, ends, (out[1], out[2]))
        return self._put(MAX_POOL, (x,), out, kernel=kernel, stride=layer.stride, padding=padding)

    def _padded(
        self,
        kind: str,
        x: int,
        kernel: tuple[int, int],
        stride: int,
        begins: tuple[int, int],
        ends: Sequence[int],
        out: tuple[int, int],
    ) -> tuple[int, str]:
        """The tensor that a window slides over, and SAME or VALID; what neither gives is padded by an operator."""
        height, width, channels = self.maps[x]
        if not any(begins) and max(ends) <= 0:
            return x, VALID
        same = True
        for size, window, before, after in zip((height, width), kernel, begins, out, strict=True):
            same = same and after == -(-size // stride) and before == border(size, window, stride) // 2
        if same:
            return x, SAME
        (top, left), (bottom, right) = begins, (max(0, end) for end in ends)
        padded = (channels, height + top + bottom, width + left + right)
        return self._put(kind, (x,), padded, constants=(0, 0, top, bottom, left, right, 0, 0)), VALID

    def _mean(self, side: int, path: str, x: int, shape: L.Shape) -> int:
        height, width, _ = self.maps[x]
        if (height, width) == (side, side):
            return x
        if height % side or width % side or (height // side != width // side and side > 1):
            raise OperatorError(f"{path or 'layers'}: the mean of {height}x{width} in {side}x{side} windows is uneven")
        kernel = (height // side, width // side)
        return self._put(AVERAGE_POOL, (x,), (shape[0], side, side), kernel=kernel, stride=kernel[0])

    def _norm(self, path: str, x: int) -> int:
        place = self._producer(x)
        if place is not None and (last := self.operators[place]).kind in WEIGHTED and not last.norm:
            self.operators[place] = replace(last, norm=path)
            return x
        shape = _back(self.maps[x])
        return self._put(DEPTHWISE, (x,), shape, norm=path, weights=(1, 1, 1, shape[0]))

    def _activation(self, kind: str, x: int) -> int:
        place = self._producer(x)
        places = [place]
        if place is not None and self.operators[place].kind == CONCATENATION:  # the same before it, branch by branch
            places = [self._producer(each) for each in self.operators[place].inputs]
        fused = [each for each in places if each is not None and self.operators[each].kind in FUSES]
        if len(fused) < len(places):
            return self._put(kind, (x,), _back(self.maps[x]))
        for each in fused:
            self.operators[each] = replace(self.operators[each], activation=kind)
        return x

    def _producer(self, x: int) -> int | None:
        """The operator that writes a tensor, if something can still be fused into it; it is among the last."""
        found = next((i for i in reversed(range(len(self.operators))) if self.operators[i].output == x), None)
        free = found is not None and x not in self._kept and self.operators[found].activation == "NONE"
        return found if free else None

    def _put(self, kind: str, inputs: Sequence[int], shape: L.Shape, **options: object) -> int:
        channels, height, width = shape
        self.maps.append((height, width, channels))
        self.operators.append(Operator(kind, tuple(inputs), len(self.maps) - 1, **options))  # type: ignore[arg-type]
        return len(self.maps) - 1


def border(size: int, window: int, stride: int) -> int:
    """Pixels that SAME adds along one axis, the larger half at the end."""
    return max((-(-size // stride) - 1) * stride + window - size, 0)


def _back(shape: Map) -> L.Shape:
    height, width, channels = shape
    return channels, height, width


def _end(size: int, out: int, kernel: int, before: int, stride: int) -> int:
    """Pixels that a window reaches beyond the end of a map, which may be below 0."""
    return (out - 1) * stride + kernel - size - before


def _order(layer: L.Chunk | L.ChannelShuffle, channels: int) -> tuple[int, ...]:
    if isinstance(layer, L.Chunk):
        each = channels // layer.chunks
        return tuple(range(layer.index * each, (layer.index + 1) * each))
    each = channels // layer.groups
    return tuple(group * each + i for i in range(each) for group in range(layer.groups))
