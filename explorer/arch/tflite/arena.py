"""How much memory TFLite Micro needs to run a program, computed from the program alone.

The head of its arena holds the tensors under way. `GreedyMemoryPlanner` (tensorflow/lite/micro/memory_planner) places
them from the largest to the smallest, of equals the last first, each at the lowest offset where no tensor lies that is
alive at the same time. The tail holds what the runtime keeps: a structure for each tensor and operator, what each
kernel was told and has computed, a multiplier and a shift for each output channel of a convolution.

The structures' sizes are those of tflite-micro 0.dev20261023182759, measured with its recording allocator on a 64-bit
host. Those of a 32-bit board follow from the same structures with pointers of 4 bytes; no board was at hand to confirm
them. Kernels that a vendor has optimized may ask for scratch memory beside this; the reference kernels ask for none.
"""

from __future__ import annotations

from bisect import insort_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import prod
from operator import itemgetter
from types import MappingProxyType
from typing import TypeAlias

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.operators import Program

MOST_PLACED = 1000
"""Tensors up to which both orders are tried: the planner's work grows with their square."""
ALIGNMENT = 16
"""Of every tensor and of every kernel's data."""
LUT, HUFFMAN, PRUNING = 0, 1, 2
"""Numbers of the ways in which DECODE unpacks weights."""
UNPACKING = {LUT: 96, HUFFMAN: 80, PRUNING: 96}
"""Bytes of DECODE's own data, by its way, on a 64-bit machine; a 32-bit one needs no more."""
Packed: TypeAlias = Mapping[int, int]
"""Operators (by number) whose weights are packed, and the way."""
NOTHING: Packed = MappingProxyType({})


@dataclass(frozen=True)
class Structures:
    """Sizes in bytes of what the runtime keeps.

    Attributes:
        fixed: whatever the network.
        tensor: for each tensor, constants among them.
        operator: for each operator.
        told: by kind, what the file says of an operator, unpacked.
        data: by kind, a kernel's own.
    """

    fixed: int
    tensor: int
    operator: int
    told: dict[str, int]
    data: dict[str, int]


TOLD = {ops.CONV: 28, ops.DEPTHWISE: 28, ops.MAX_POOL: 40, ops.AVERAGE_POOL: 40, ops.CONCATENATION: 8, ops.GATHER: 8}
TOLD |= {ops.ADD: 8, ops.MUL: 4}
DATA = {ops.CONV: 80, ops.DEPTHWISE: 80, ops.MAX_POOL: 32, ops.AVERAGE_POOL: 32, ops.PAD: 56, ops.PADV2: 56}
DATA |= {ops.CONCATENATION: 80, ops.GATHER: 20, ops.ADD: 60, ops.MUL: 36, ops.RELU: 28, ops.RELU6: 8}
DATA |= {ops.LOGISTIC: 16, ops.HARD_SWISH: 20}
HOST = Structures(712, 24, 64, TOLD, DATA)
"""Of a 64-bit machine."""
BOARD = Structures(480, 12, 32, TOLD, DATA | {ops.CONV: 72, ops.DEPTHWISE: 72})
"""Of a 32-bit one; `fixed` is rounded up."""


@dataclass(frozen=True)
class Arena:
    """Bytes of memory.

    Attributes:
        head: activations, at most at once.
        tail: what the runtime keeps beside them.
    """

    head: int
    tail: int

    @property
    def total(self) -> int:
        """What `tensor_arena` must have."""
        return self.head + self.tail


def arena(program: Program, structures: Structures = BOARD, packed: Packed = NOTHING) -> Arena:
    """The memory that a program needs.

    Args:
        program: the network's.
        structures: of a board or of this host.
        packed: whose weights are unpacked while it runs: each layer's lie among the activations meanwhile.
    """
    return Arena(head(program, packed), tail(program, structures, packed))


def arranged(program: Program) -> Program:
    """The program, its tensors numbered as they are or backwards, whichever needs the smaller head.

    Numbers decide which of equally large tensors the planner places first, and with that the head of one network in
    twelve, by up to a fifth.
    """
    if len(program.maps) >= MOST_PLACED:
        return program
    needed, sizes, lifetime = head(program), _sizes(program, NOTHING), lifetimes(program)
    if needed == _alive(sizes, *lifetime):  # no order needs less
        return program
    backwards = sorted(range(len(sizes)), key=lambda each: (-sizes[each], each or len(sizes)))
    return _backwards(program) if _placed(backwards, sizes, *lifetime) < needed else program


def _backwards(program: Program) -> Program:
    """The tensors in the opposite order, but for the image, which stays the first."""
    count = len(program.maps)
    numbers = [0, *reversed(range(1, count))]
    operators = (
        replace(each, inputs=tuple(numbers[i] for i in each.inputs), output=numbers[each.output])
        for each in program.operators
    )
    return Program(tuple(program.maps[number] for number in numbers), tuple(operators), numbers[program.output])


def head(program: Program, packed: Packed = NOTHING) -> int:
    """Bytes of the activations and of unpacked weights at once, as TFLite Micro places them."""
    sizes = _sizes(program, packed)
    order = sorted(range(len(sizes)), key=lambda each: (-sizes[each], -each))
    return _placed(order, sizes, *lifetimes(program, packed))


def _sizes(program: Program, packed: Packed) -> list[int]:
    """Bytes of each tensor, and of the unpacked weights."""
    sizes = [aligned(prod(shape)) for shape in program.maps]
    return sizes + [aligned(prod(program.operators[i].weights)) for i in sorted(packed)]


def _placed(order: Sequence[int], sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> int:
    """Bytes that are in use when each tensor, one after the other, has the lowest offset at which it fits."""
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first and last use; by offset, then by age
    for number in order:
        offset, size, begins, ends = 0, sizes[number], first[number], last[number]
        for start, end, begun, ended in placed:
            if begun <= ends and ended >= begins:
                if start - offset >= size:
                    break
                offset = max(offset, end)
        insort_right(placed, (offset, offset + size, begins, ends), key=itemgetter(0))
    return max((end for _, end, *_ in placed), default=0)


def _alive(sizes: Sequence[int], first: Sequence[int], last: Sequence[int]) -> int:
    """Most bytes alive at once: no order of the tensors needs less."""
    change = [0] * (max(last, default=0) + 2)
    for size, begins, ends in zip(sizes, first, last, strict=True):
        change[begins] += size
        change[ends + 1] -= size
    return max(accumulate(change))


def lifetimes(program: Program, packed: Packed = NOTHING) -> tuple[list[int], list[int]]:
    """The operators (from 1; 0: before the first) at which each tensor is first and last in use.

    Behind the program's tensors come the unpacked weights; an operator of its own unpacks them, just before the one
    that reads them.
    """
    first, last = [0] * len(program.maps), [0] * len(program.maps)
    weights, time = [], 0
    for i, operator in enumerate(program.operators):
        if i in packed:
            time += 1
            weights.append(time)
        time += 1
        first[operator.output] = last[operator.output] = time
        for each in operator.inputs:
            last[each] = time
    last[program.output] = time
    return first + weights, last + [each + 1 for each in weights]


def tail(program: Program, structures: Structures, packed: Packed = NOTHING) -> int:
    """Bytes of the structures that the runtime keeps."""
    tensors = len(program.maps) + len(program.constants()) + 2 * len(packed)  # what is packed, and how
    operators = len(program.operators) + len(packed)
    kept = structures.fixed + structures.tensor * tensors + structures.operator * operators
    kept += sum(UNPACKING[way] for way in packed.values())
    for each in program.operators:
        kept += structures.told.get(each.kind, 0) + aligned(structures.data[each.kind]) + 2 * aligned(4 * each.filters)
    return aligned(kept)


def aligned(size: int, alignment: int = ALIGNMENT) -> int:
    """A size rounded up to whole multiples."""
    return -(-size // alignment) * alignment
