"""Networks of every family in int8 with random numbers, and what runs them."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

from explorer import load_space
from explorer.arch import Architecture, totals
from explorer.arch.tflite import operators as ops
from explorer.arch.tflite import program
from explorer.int8.quantized import Filters, Quantized

SPACES = ("all", "fire", "inverted_residual", "regnet", "residual", "shuffle", "squeezenext")
SIDES = (8, 9, 16, 24, 28, 32, 33, 48)


def drawn(
    name: str, count: int, macs: float = 40e6, sides: tuple[int, ...] = SIDES, seed: int = 5
) -> Iterator[Architecture]:
    """Random networks of a space on random images, not too large to run often."""
    space, random = load_space(name), Random(seed)
    while count:
        side = random.choice(sides)
        network = space.architecture(space.sample(random), (random.choice((1, 3)), side, side), 10)
        if totals(network).macs <= macs:
            count -= 1
            yield network


def with_random_numbers(network: Architecture, seed: int = 0) -> Quantized:
    """Scales, zero points and weights such that few numbers are at the ends of their range."""
    operators, chance = program(network), np.random.default_rng(seed)
    roots = operators.sharing()
    scales = {root: float(np.float32(chance.uniform(0.02, 0.06))) for root in roots}
    zeros = {root: int(chance.integers(-128, 0)) for root in roots}
    for each in operators.operators:
        if each.kind == ops.LOGISTIC:
            scales[roots[each.output]], zeros[roots[each.output]] = 1 / 256, -128
    filters: list[Filters | None] = []
    for each in operators.operators:
        if not each.weights:
            filters.append(None)
            continue
        read = np.prod(each.kernel if each.kind == ops.DEPTHWISE else each.weights[1:])
        unit = scales[roots[each.output]] / scales[roots[each.inputs[0]]] / np.sqrt(read) / 60
        own: dict[str, Any] = {
            "weights": chance.integers(-127, 128, each.weights).astype(np.int8),
            "scales": (chance.uniform(0.5, 1.5, each.filters) * unit).astype(np.float32),
            "bias": chance.integers(-2000, 2000, each.filters).astype(np.int32),
        }
        filters.append(Filters(**own))
    return Quantized(
        operators, tuple(scales[root] for root in roots), tuple(zeros[root] for root in roots), tuple(filters)
    )
