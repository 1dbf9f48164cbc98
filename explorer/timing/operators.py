"""A network as the operators that a runtime executes: batch normalisation folded, an activation fused."""

from __future__ import annotations

from dataclasses import dataclass, replace

from explorer.arch import Architecture
from explorer.arch import layers as L
from explorer.arch.totals import shape_after

IMAGE = -1
"""Number of the operator that gives the image: none."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One step of a network.

    Attributes:
        layer: what it computes: a leaf, or a merge without its branches.
        inputs: numbers of the operators whose outputs it reads.
        shapes: of what it reads, (channels, height, width) of one image.
        shape: of what it puts out.
        activation: the one that is applied to its output, by its class; "" for none.
        bias: whether numbers are added to each channel, by the layer or the batch normalisation behind it.
        norm: whether a batch normalisation is folded into it.
    """

    layer: L.Layer
    inputs: tuple[int, ...]
    shapes: tuple[L.Shape, ...]
    shape: L.Shape
    activation: str = ""
    bias: bool = False
    norm: bool = False

    @property
    def kind(self) -> str:
        """The layer's class."""
        return type(self.layer).__name__


def operators(architecture: Architecture) -> tuple[Operator, ...]:
    """The operators in the order of the tree; the last one gives the logits."""
    found: list[Operator] = []
    _visit(architecture.tree, IMAGE, architecture.input_shape, found, sole=False)
    return tuple(found)


def readers(found: tuple[Operator, ...]) -> dict[int, list[int]]:
    """Which operators read what an operator puts out, by their numbers."""
    by: dict[int, list[int]] = {}
    for number, operator in enumerate(found):
        for read in operator.inputs:
            by.setdefault(read, []).append(number)
    return by


def _visit(
    layer: L.Layer, read: int, shape: L.Shape, found: list[Operator], *, sole: bool
) -> tuple[int, L.Shape, bool]:
    """Appends what a layer needs; returns the operator that gives its output, its shape, and whether it may be fused.

    Args:
        sole: whether nothing else reads its input.
    """
    match layer:
        case L.Sequential():
            for child in layer.layers:
                read, shape, sole = _visit(child, read, shape, found, sole=sole)
            return read, shape, sole
        case L.Concat() | L.Add() | L.Multiply():
            ends = [_visit(branch, read, shape, found, sole=False) for branch in layer.branches]
            inputs, shapes = tuple(end[0] for end in ends), tuple(end[1] for end in ends)
            merged = replace(layer, branches=())
            out = shape_after(layer, shape)
            found.append(Operator(merged, inputs, shapes, out))
            return len(found) - 1, out, True
        case L.Dropout():
            return read, shape, sole
        case L.BatchNorm2d() if sole and _plain(found[read], L.Conv2d):
            found[read] = replace(found[read], bias=True, norm=True)
            return read, shape, sole
        case L.ReLU() | L.ReLU6() | L.SiLU() | L.Hardswish() | L.Sigmoid() if sole and _plain(
            found[read], L.Conv2d, L.Linear, L.Add
        ):
            found[read] = replace(found[read], activation=type(layer).__name__)
            return read, shape, sole
        case _:
            out = shape_after(layer, shape)
            biased = isinstance(layer, L.Conv2d | L.Linear) and layer.bias
            found.append(Operator(layer, (read,), (shape,), out, bias=biased))
            return len(found) - 1, out, True


def _plain(operator: Operator, *kinds: type) -> bool:
    return isinstance(operator.layer, kinds) and not operator.activation


def weights(operator: Operator) -> int:
    """Numbers that it multiplies by."""
    match operator.layer:
        case L.Conv2d() as layer:
            height, width = L.sides(layer.kernel_size)
            return layer.out_channels * operator.shapes[0][0] // layer.groups * height * width
        case L.Linear() as layer:
            return layer.out_features * operator.shapes[0][0]
        case _:
            return 0
