"""A program in fp32, operator by operator: what the int8 numbers are chosen and corrected by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.arena import lifetimes
from explorer.arch.tflite.operators import Operator, Program
from explorer.int8.folded import Folded

Step = Callable[[int, Operator, Sequence[Tensor]], Tensor]
"""What operator number i makes of the maps (N, C, H, W) that it reads."""


def maps(program: Program, image: Tensor, step: Step) -> Iterator[tuple[int, Tensor]]:
    """Every tensor of a program with its number, the image first; each is dropped once no operator needs it."""
    _, last = lifetimes(program)
    held = {0: image}
    yield 0, image
    for i, operator in enumerate(program.operators):
        held[operator.output] = step(i, operator, [held[each] for each in operator.inputs])
        yield operator.output, held[operator.output]
        for number in [number for number in held if last[number] <= i + 1 and number != program.output]:
            del held[number]


def fp32(folded: Sequence[Folded | None]) -> Step:
    """The operators in fp32."""

    def step(i: int, operator: Operator, inputs: Sequence[Tensor]) -> Tensor:
        return activated(operator, before_activation(operator, inputs, folded[i]))

    return step


def before_activation(operator: Operator, inputs: Sequence[Tensor], folded: Folded | None) -> Tensor:
    """What an operator computes, its fused activation left out."""
    x = inputs[0]
    match operator.kind:
        case ops.CONV | ops.DEPTHWISE:
            assert folded is not None
            return convolved(operator, x, folded.weights, folded.bias)
        case ops.MAX_POOL:
            return F.max_pool2d(same(operator, x, -torch.inf), operator.kernel, operator.stride)
        case ops.AVERAGE_POOL:
            return F.avg_pool2d(x, operator.kernel, operator.stride)
        case ops.PAD:
            return F.pad(x, sides(operator))
        case ops.PADV2:
            return F.pad(x, sides(operator), value=-torch.inf)
        case ops.CONCATENATION:
            return torch.cat(list(inputs), 1)
        case ops.GATHER:
            return x[:, list(operator.constants)]
        case ops.ADD:
            return x + inputs[1]
        case ops.MUL:
            return x * inputs[1]
        case ops.RELU:
            return x.relu()
        case ops.RELU6:
            return x.clamp(0, 6)
        case ops.LOGISTIC:
            return x.sigmoid()
        case ops.HARD_SWISH:
            return F.hardswish(x)
    raise AssertionError(operator.kind)


def convolved(operator: Operator, x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution, padded with 0 as the operator says."""
    groups = x.shape[1] // weights.shape[1]
    return F.conv2d(same(operator, x, 0.0), weights, bias, operator.stride, groups=groups)


def same(operator: Operator, x: Tensor, value: float) -> Tensor:
    """A map with the border that SAME stands for: what is needed, the larger half at the end."""
    if operator.padding != ops.SAME:
        return x
    pads: list[int] = []
    for size, window in zip(x.shape[:1:-1], reversed(operator.kernel), strict=True):
        needed = ops.border(size, window, operator.stride)
        pads += [needed // 2, needed - needed // 2]
    return F.pad(x, pads, value=value)


def sides(operator: Operator) -> list[int]:
    """The pads of PAD and PADV2 in torch's order: left, right, top, bottom."""
    _, _, top, bottom, left, right, _, _ = operator.constants
    return [left, right, top, bottom]


def activated(operator: Operator, x: Tensor) -> Tensor:
    """The fused activation."""
    match operator.activation:
        case ops.RELU:
            return x.relu()
        case ops.RELU6:
            return x.clamp(0, 6)
        case _:
            return x
