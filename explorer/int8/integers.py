"""A program in int8, bit for bit as TFLite Micro's reference kernels compute it, over whole batches.

Convolutions accumulate whole numbers in fp64, which is exact below 2**53, and are rescaled by a multiplier of 31 bits
and a shift, as the kernels do. What works number by number (sums, products, activations) is looked up in tables of all
256 or 65,536 cases that TFLite Micro itself has filled.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from math import frexp, prod

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.operators import Operator, Program
from explorer.int8 import file
from explorer.int8.floats import Step, convolved, same, sides
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantized import Filters, Quantized

LOW, HIGH = -128, 127
BY_NUMBER = (ops.ADD, ops.MUL, ops.RELU, ops.RELU6, ops.LOGISTIC, ops.HARD_SWISH)
"""Operators that are looked up."""


def int8(network: Quantized) -> Step:
    """The operators in int8; maps are int8 tensors (N, C, H, W)."""
    return partial(kernel, network)


def kernel(network: Quantized, i: int, operator: Operator, inputs: Sequence[Tensor]) -> Tensor:
    """What operator number i makes of int8 maps."""
    x = inputs[0]
    zero_point = network.zero_points[operator.output]
    match operator.kind:
        case ops.CONV | ops.DEPTHWISE:
            filters = network.filters[i]
            assert filters is not None
            sums = accumulated(operator, x, network.zero_points[operator.inputs[0]], filters)
            found = rescaled(sums, _multipliers(network, operator, filters)) + zero_point
            return _clamped(network, operator, found)
        case ops.MAX_POOL:
            padded = same(operator, x.float(), LOW)  # every int8 is a float
            return _clamped(network, operator, F.max_pool2d(padded, operator.kernel, operator.stride).long())
        case ops.AVERAGE_POOL:
            count = prod(operator.kernel)
            sums = F.avg_pool2d(x.double(), operator.kernel, operator.stride, divisor_override=1).round().long()
            rounded = torch.where(sums > 0, sums + count // 2, sums - count // 2)
            return torch.div(rounded, count, rounding_mode="trunc").clamp(LOW, HIGH).to(torch.int8)
        case ops.PAD:
            return F.pad(x, sides(operator), value=network.zero_points[operator.inputs[0]])
        case ops.PADV2:
            return F.pad(x, sides(operator), value=LOW)
        case ops.CONCATENATION:
            return torch.cat(list(inputs), 1)
        case ops.GATHER:
            return x[:, list(operator.constants)]
        case _:
            return _looked_up(network, operator, inputs)


def accumulated(operator: Operator, x: Tensor, zero_point: int, filters: Filters) -> Tensor:
    """The sums of a convolution in units of the input's scale times the weights', bias included: int64 (N, C, H, W)."""
    weights = torch.from_numpy(filters.weights).double()
    order = (3, 0, 1, 2) if operator.kind == ops.DEPTHWISE else (0, 3, 1, 2)
    sums = convolved(operator, x.double() - zero_point, weights.permute(order), None)
    return sums.round().long() + torch.from_numpy(filters.bias).long().view(-1, 1, 1)


def multiplier(real: float) -> tuple[int, int]:
    """A factor above 0 as `QuantizeMultiplier` has it: a whole number, in units of 2**-31, and a shift to the left."""
    share, shift = frexp(real)
    fixed = round(share * 2**31)  # never halfway: 53 bits at most
    if fixed == 2**31:
        fixed, shift = fixed // 2, shift + 1
    return (0, 0) if shift < -31 else (fixed, shift)


def rescaled(sums: Tensor, factors: Sequence[tuple[int, int]]) -> Tensor:
    """`MultiplyByQuantizedMultiplier` of int64 (N, C, H, W), with a multiplier and a shift for each channel."""
    fixed = torch.tensor([each for each, _ in factors]).view(-1, 1, 1)
    left = torch.tensor([max(shift, 0) for _, shift in factors]).view(-1, 1, 1)
    right = torch.tensor([max(-shift, 0) for _, shift in factors]).view(-1, 1, 1)
    product = (sums << left) * fixed
    nudge = torch.where(product >= 0, 1 << 30, 1 - (1 << 30))
    doubled = torch.div(product + nudge, 1 << 31, rounding_mode="trunc")  # rounds to nearest, halves away from 0
    mask = (torch.ones_like(right) << right) - 1
    rest = doubled & mask
    return (doubled >> right) + (rest > (mask >> 1) + (doubled < 0).long()).long()


def _multipliers(network: Quantized, operator: Operator, filters: Filters) -> list[tuple[int, int]]:
    into, out = (float(np.float32(network.scales[each])) for each in (operator.inputs[0], operator.output))
    return [multiplier(into * float(scale) / out) for scale in filters.scales.astype(np.float32)]


def _clamped(network: Quantized, operator: Operator, values: Tensor) -> Tensor:
    """Whole numbers in the range of int8 that the fused activation leaves."""
    zero_point, scale = network.zero_points[operator.output], np.float32(network.scales[operator.output])
    low, high = LOW, HIGH
    if operator.activation != "NONE":
        low = max(low, zero_point)
    if operator.activation == ops.RELU6:
        high = min(high, zero_point + round(float(np.float32(6) / scale)))
    return values.clamp(low, high).to(torch.int8)


def _looked_up(network: Quantized, operator: Operator, inputs: Sequence[Tensor]) -> Tensor:
    ends = [(network.scales[each], network.zero_points[each]) for each in (*operator.inputs, operator.output)]
    cases = table(operator.kind, operator.activation, *ends)
    places = inputs[0].long() + 128
    for other in inputs[1:]:
        places = places * 256 + (other.long() + 128)
    return cases[places]


@lru_cache(maxsize=256)
def table(kind: str, activation: str, *ends: tuple[float, int]) -> Tensor:
    """What TFLite Micro answers in every case: of each input and the output a scale and a zero point."""
    values = np.arange(LOW, HIGH + 1).astype(np.int8)
    if len(ends) == 2:
        program = Program(((1, 256, 1),) * 2, (Operator(kind, (0,), 1, activation=activation),), 1)
        case, image = _case(program, ends, (None,)), values.reshape(1, 1, 256, 1)
    else:  # the inputs are the channels of one image, taken apart by convolutions that change no number
        parts = [_channel(i, *ends[i]) for i in (0, 1)]
        apart = [Operator(ops.CONV, (0,), i + 1, weights=(1, 1, 1, 2)) for i in (0, 1)]
        whole = (*apart, Operator(kind, (1, 2), 3, activation=activation))
        program = Program(((256, 256, 2), *((256, 256, 1),) * 3), whole, 3)
        case, image = _case(program, ((1.0, 0), *ends), (*parts, None)), np.stack(np.meshgrid(values, values), -1)
        image = image[None, ..., ::-1].copy()
    return torch.from_numpy(Interpreter(file.write(case)).run(image).ravel().copy())


def _case(program: Program, ends: Sequence[tuple[float, int]], filters: Sequence[Filters | None]) -> Quantized:
    return Quantized(program, tuple(scale for scale, _ in ends), tuple(zero for _, zero in ends), tuple(filters))


def _channel(i: int, scale: float, zero_point: int) -> Filters:
    """A convolution that hands on channel i of two, whose zero point is 0, as it is."""
    weights = np.zeros((1, 1, 1, 2), np.int8)
    weights[..., i] = 1
    return Filters(weights, np.array([scale], np.float32), np.array([-zero_point], np.int32))
