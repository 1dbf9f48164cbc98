"""What an operator's time depends on: its shapes, and what stands before and behind it.

Whether onnxruntime keeps a map in blocks of channels, and so whether it reorders it for a neighbour, hangs on multiples
of 4, 8 and 16 channels; a convolution's filters are taken up to four blocks at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, prod

from explorer.arch import layers as L
from explorer.timing.operators import IMAGE, Operator, weights

BLOCK = 8
ACTIVATIONS = ("", "ReLU", "ReLU6", "SiLU", "Hardswish", "Sigmoid")
NEIGHBOURS = (
    ("Conv2d",), ("Add",), ("Concat",), ("MaxPool2d",), ("Chunk", "ChannelShuffle"), ("Multiply",),
    ("GlobalAvgPool2d", "AdaptiveAvgPool2d"), ("Linear", "Flatten"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Described:
    """An operator as the prediction sees it; equal ones take the same time.

    Attributes:
        kind: operators of one kind are compared with one another.
        work: amounts of which its time is about a sum.
        traits: everything else.
    """

    kind: str
    work: tuple[float, ...]
    traits: tuple[float, ...]


def describe(number: int, found: Sequence[Operator], readers: Mapping[int, Sequence[int]]) -> Described:
    """One operator of a network.

    Args:
        number: of it.
        found: all of them.
        readers: see `explorer.timing.operators.readers`.
    """
    operator = found[number]
    behind = [found[reader] for reader in readers.get(number, ())]
    before = [found[read] for read in operator.inputs if read != IMAGE]
    return Described(_kind(operator), _work(operator), (*_traits(operator), *_around(before, behind)))


def _up(channels: int) -> int:
    return -(-channels // BLOCK) * BLOCK


def _groups(operator: Operator) -> int:
    return operator.layer.groups if isinstance(operator.layer, L.Conv2d | L.ChannelShuffle) else 1


def _kernel(operator: Operator) -> tuple[int, int]:
    return L.sides(operator.layer.kernel_size) if isinstance(operator.layer, L.Conv2d | L.MaxPool2d) else (1, 1)


def _kind(operator: Operator) -> str:
    if not isinstance(operator.layer, L.Conv2d):
        return operator.kind
    groups, read, put = _groups(operator), operator.shapes[0][0], operator.shape[0]
    if groups == 1:
        name = "few" if read < BLOCK else "pointwise" if _kernel(operator) == (1, 1) else "full"
        blocked = read < BLOCK or read % 4 == 0
    elif groups == read == put:
        name, blocked = "depthwise", put % 4 == 0
    else:
        name, blocked = "grouped", (read // groups) % BLOCK == (put // groups) % BLOCK == 0
    return f"Conv2d {name}" + ("" if blocked else " unaligned")


def _work(operator: Operator) -> tuple[float, ...]:
    put, height, width = operator.shape
    work: list[float] = [1, sum(map(prod, operator.shapes)), prod(operator.shape)]
    if isinstance(operator.layer, L.Conv2d | L.Linear):
        groups, read, window, pixels = _groups(operator), operator.shapes[0][0], prod(_kernel(operator)), height * width
        filters, each = put // groups, read // groups
        padded = _up(put) * (_up(read) if groups == 1 else each) * window
        numbers = weights(operator)
        work += [
            groups * -(-filters // (4 * BLOCK)) * _up(each) * window * pixels,
            groups * -(-filters // BLOCK) * window * each * height,
            groups * pixels,
            numbers,
            numbers * pixels,
            padded * pixels,
            padded,
            _up(put) * pixels * window,
        ]
    return tuple(float(amount) for amount in work)


def _traits(operator: Operator) -> tuple[float, ...]:
    (read, in_height, in_width), (put, height, width) = operator.shapes[0], operator.shape
    groups, kernel = _groups(operator), _kernel(operator)
    each, filters = max(read // groups, 1), max(put // groups, 1)
    numbers, pixels = weights(operator), height * width
    stride = operator.layer.stride if isinstance(operator.layer, L.Conv2d | L.MaxPool2d) else 1
    macs = numbers * pixels
    return (
        log(1 + macs), log(1 + macs) - log(groups), log(1 + numbers), log(sum(map(prod, operator.shapes))),
        log(prod(operator.shape)), log(read), log(put), log(pixels), log(in_height * in_width), *kernel, prod(kernel),
        stride, log(groups), groups == read > 1, 1 < groups < read, log(each), log(filters),
        -(-filters // BLOCK) % 4, log(-(-filters // BLOCK)), filters / _up(filters), put / _up(put), read / _up(read),
        read % 4 == 0, put % 4 == 0, read % 8 == 0, put % 8 == 0, read % 16 == 0, put % 16 == 0,
        each % 8 == 0, filters % 8 == 0, read < BLOCK, width, min(width % BLOCK, BLOCK) if width < 16 else BLOCK,
        len(operator.inputs), ACTIVATIONS.index(operator.activation), operator.bias + operator.norm,
        min(shape[0] for shape in operator.shapes) % 8 == 0, all(shape[0] % 8 == 0 for shape in operator.shapes),
        all(shape[0] % 4 == 0 for shape in operator.shapes),
    )  # fmt: skip


def _around(before: Sequence[Operator], behind: Sequence[Operator]) -> tuple[float, ...]:
    convolutions = [each for each in behind if isinstance(each.layer, L.Conv2d)]
    whole = [each for each in convolutions if _groups(each) == 1]
    kinds = [each.kind for each in behind], [each.kind for each in before]
    return (
        *(sum(kind in names for kind in side) for names in NEIGHBOURS for side in kinds),
        len(behind), len(before), len(whole), sum(each.shapes[0][0] % 4 > 0 for each in whole),
        len(convolutions) - len(whole),
    )  # fmt: skip
