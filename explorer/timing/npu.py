"""The cycles that an Arm Ethos-U NPU takes for a network and its operators, as Arm's compiler Vela predicts them.

They follow neither multiply-accumulates nor widths: channels are taken in blocks, weights are streamed as they are
packed, and maps that do not fit are moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, prod

import numpy as np

from explorer.arch import Architecture, tflite
from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.operators import Operator, Program
from explorer.int8 import file, vela
from explorer.int8.quantized import Filters, Quantized

SCALE = 0.02
"""Of every tensor; no cycle hangs on it."""
INTO = (ops.CONCATENATION, ops.PAD, ops.PADV2, ops.LOGISTIC, ops.HARD_SWISH)
"""Operators into whose output a convolution may write: Vela makes them part of it."""


def untrained(program: Program) -> Quantized:
    """A program with random weights, as normal numbers are after rounding: Vela packs weights by what they are."""
    random = np.random.default_rng(0)
    filters = tuple(_filters(each, random) if each.weights else None for each in program.operators)
    return Quantized(program, (SCALE,) * len(program.maps), (0,) * len(program.maps), filters)


def _filters(operator: Operator, random: np.random.Generator) -> Filters:
    values = random.normal(0, 127 / 3, operator.weights).round().clip(-127, 127).astype("i1")
    return Filters(values, np.full(operator.filters, SCALE, "f4"), np.zeros(operator.filters, "i4"))


def ask(architecture: Architecture, npu: str) -> tuple[float, tuple[float, ...], tuple[int, ...]]:
    """What Vela says of a network with random weights.

    Returns:
        Cycles in all and of each operator of its program, see `explorer.arch.tflite`; infinite for what is left to the
        processor. What it costs to count them, which is nothing.

    Raises:
        ArchitectureError: if TFLite Micro has no operator for a layer.
        VelaError: if Vela does not compile it.
    """
    program = tflite.program(architecture)
    found = vela.cycles(file.write(untrained(program), "litert", named=True), npu)
    spent = [inf if str(each.output) in found.on_cpu else 0.0 for each in program.operators]
    total = inf if inf in spent else float(found.total)
    for number, cycles in _placed(program, found.steps):
        spent[number] += cycles
    return total, tuple(spent), (0,) * len(spent)


def _placed(program: Program, steps: Sequence[vela.Step]) -> Iterator[tuple[int, int]]:
    """Numbers of the operators that steps belong to, and their cycles.

    Of the convolutions that write into a concatenation one is told from the others by its multiply-accumulates.
    """
    writers = {each.output: number for number, each in enumerate(program.operators)}
    for step in steps:
        number = writers[int(step.writes.removesuffix("_act"))]
        if step.macs and program.operators[number].kind in INTO:
            written = _written(program, number, writers)
            number = min(written, key=lambda each: abs(_macs(program, each) - step.macs), default=number)
        yield number, step.cycles


def _written(program: Program, number: int, writers: Mapping[int, int]) -> Iterator[int]:
    """The operators that write what an operator has become part of."""
    for read in program.operators[number].inputs:
        if read in writers:
            before = writers[read]
            yield from _written(program, before, writers) if program.operators[before].kind in INTO else [before]


def _macs(program: Program, number: int) -> int:
    operator = program.operators[number]
    height, width, _ = program.maps[operator.output]
    return height * width * prod(operator.weights) if operator.weights else 0
