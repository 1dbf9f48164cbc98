"""What the cycles of an operator on an NPU depend on: its shapes, in blocks of channels, and what stands around it."""

from __future__ import annotations

from math import log, prod

from explorer.arch import Architecture, tflite
from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.operators import Operator, Program
from explorer.timing.features import Described

BLOCKS = (8, 16, 32)
"""Channels that are taken at once, by the NPU and the kind of work."""
KINDS = (ops.CONV, ops.DEPTHWISE, ops.MAX_POOL, ops.CONCATENATION, ops.ADD, ops.MUL)


def described(architecture: Architecture) -> list[Described]:
    """The operators of a network, as the prediction sees them."""
    program = tflite.program(architecture)
    readers: dict[int, list[Operator]] = {}
    for each in program.operators:
        for read in each.inputs:
            readers.setdefault(read, []).append(each)
    writers = {each.output: each for each in program.operators}
    return [_describe(each, program, readers, writers) for each in program.operators]


def _describe(
    operator: Operator, program: Program, readers: dict[int, list[Operator]], writers: dict[int, Operator]
) -> Described:
    reads, put = [program.maps[number] for number in operator.inputs], program.maps[operator.output]
    (in_height, in_width, read), (height, width, out) = reads[0], put
    window, numbers = prod(operator.kernel), prod(operator.weights) if operator.weights else 0
    pixels, moved = height * width, sum(map(prod, reads))
    depthwise = operator.kind == ops.DEPTHWISE
    each = read if not operator.weights or depthwise else operator.weights[-1]
    padded = [pixels * window * _up(out, block) * (1 if depthwise else _up(each, block)) for block in BLOCKS]
    work = (
        1,
        moved,
        prod(put),
        numbers,
        numbers * pixels,
        *padded,
        pixels * _up(out, 8),
        pixels * window * _up(read, 8),
    )
    traits = (
        log(1 + numbers), log(1 + pixels * numbers), log(moved), log(prod(put)), log(read), log(out), log(pixels),
        *operator.kernel, operator.stride, log(in_height * in_width), log(max(each, 1)), width, height,
        *(out / _up(out, block) for block in BLOCKS), *(each / _up(each, block) for block in BLOCKS),
        len(reads), operator.padding == ops.VALID, ["NONE", "RELU", "RELU6"].index(operator.activation),
        *(sum(after.kind == kind for after in readers.get(operator.output, [])) for kind in KINDS),
        *(sum(writers[number].kind == kind for number in operator.inputs if number in writers) for kind in KINDS),
    )  # fmt: skip
    return Described(_kind(operator, read), tuple(map(float, work)), tuple(map(float, traits)))


def _kind(operator: Operator, read: int) -> str:
    if operator.kind != ops.CONV:
        return operator.kind
    if operator.weights[-1] < read:
        return "CONV_2D grouped"
    return "CONV_2D " + ("pointwise" if prod(operator.kernel) == 1 else "full")


def _up(channels: int, block: int) -> int:
    return -(-channels // block) * block
