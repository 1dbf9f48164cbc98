"""How many bytes the .tflite file of a program has, without writing it; `explorer.int8.file` writes it to the byte.

A flatbuffer is its constants, vectors and tables. A table is its fields and an offset to a description of their places,
which tables of the same kind share. What is written there once is counted here once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.arena import aligned
from explorer.arch.tflite.operators import Operator, Program

ALIGNMENT = 16
"""Of the constants, and of the file."""
WORD = 4
Fields: TypeAlias = tuple[tuple[int, int], ...]
"""Number and bytes of each field that is not at its default, in the order in which they are written."""
SHAPE, TYPE, BUFFER, QUANTIZATION = (0, 4), (1, 1), (2, 4), (4, 4)
SCALE, ZERO_POINT, AXIS = (2, 4), (3, 4), (6, 4)
MAP: Fields = (SHAPE, QUANTIZATION, TYPE)
WEIGHTS: Fields = (SHAPE, BUFFER, QUANTIZATION, TYPE)
WHOLE: Fields = (SHAPE, BUFFER, TYPE)


def file_size(program: Program) -> int:
    """Bytes of the file for TFLite Micro, whatever the numbers in it."""
    counted = _Counted()
    constants = program.constants()
    for size in constants.values():
        counted.aligned(size, ALIGNMENT)
    roots = set(program.sharing())
    for _ in range(len(roots) + any(each.weights for each in program.operators)):
        counted.aligned(8, 8)  # zero points
    counted.table("Buffer", ())
    for key in constants:
        counted.table("Buffer", ((0, 4),))
        _constant(counted, key, program)
    for shape in program.maps:
        counted.vector("whole", 1, *shape)
        counted.table("Tensor", MAP)
    for _ in roots:
        counted.words(1 + 1)  # a scale
        counted.table("QuantizationParameters", (SCALE, ZERO_POINT))
    numbers = {key: len(program.maps) + i for i, key in enumerate(constants)}
    kinds = list(dict.fromkeys(each.kind for each in program.operators))
    for i, operator in enumerate(program.operators):
        _call(counted, program, i, kinds.index(operator.kind), numbers)
    for kind in kinds:
        counted.table("OperatorCode", () if kind == ops.ADD else ((3, 4),))  # ADD is number 0, the default
    counted.vector("whole", 0)
    counted.vector("whole", program.output)
    counted.table("SubGraph", tuple((field, 4) for field in range(4)))
    counted.table("Model", ((0, 4), (1, 4), (2, 4), (4, 4)))
    lists = (len(program.maps) + len(constants), len(program.operators), len(kinds), 1, 1 + len(constants))
    counted.words(sum(lists) + len(lists))
    return aligned(counted.bytes + 2 * WORD, ALIGNMENT)


class _Counted:
    """Bytes so far."""

    def __init__(self) -> None:
        self.bytes = 0
        self._written: set[object] = set()
        self._places: set[Fields] = set()

    def aligned(self, size: int, alignment: int) -> None:
        """A vector of bytes that begins at a multiple of `alignment`, counted from the end of the file."""
        self.bytes = aligned(self.bytes + size, alignment) + WORD

    def words(self, count: int) -> None:
        self.bytes = aligned(self.bytes, WORD) + WORD * count

    def vector(self, *numbers: int | str) -> None:
        """A vector that is written once for all that have its numbers."""
        if numbers not in self._written:
            self._written.add(numbers)
            self.words(len(numbers))  # one for its length

    def table(self, kind: str, fields: Fields, *once: object) -> None:
        """A table, and the places of its fields, if no table before had the same; with `once`, itself only once."""
        if once:
            if (kind, once) in self._written:
                return
            self._written.add((kind, once))
        own, places = _sizes(fields)
        self.bytes = aligned(self.bytes, WORD) + own
        if fields not in self._places:
            self._places.add(fields)
            self.bytes += places


@lru_cache
def _sizes(fields: Fields) -> tuple[int, int]:
    """Bytes of a table and of the places of its fields."""
    own = aligned(sum(size for _, size in fields), WORD) + WORD
    return own, 4 + 2 * (max((field for field, _ in fields), default=-1) + 1)


def _constant(counted: _Counted, key: ops.Constant, program: Program) -> None:
    """The tensor of a constant, with its shape and quantization."""
    if key[0] in ("weights", "bias"):
        operator = program.operators[int(key[1])]
        if key[0] == "bias":
            counted.vector("whole", operator.filters)
            counted.table("Tensor", WHOLE)
            return
        counted.vector("whole", *operator.weights)
        counted.table("Tensor", WEIGHTS)
        counted.words(1 + operator.filters)
        axis = (AXIS,) if operator.kind == ops.DEPTHWISE else ()
        counted.table("QuantizationParameters", (SCALE, ZERO_POINT, *axis))
    elif key[0] == "lowest":
        counted.vector("whole", 1)
        counted.table("Tensor", WEIGHTS)
    else:
        shape = (len(key) - 2,) if key[1] else ((len(key) - 2) // 2, 2)
        counted.vector("whole", *shape)
        counted.table("Tensor", WHOLE)


def _call(counted: _Counted, program: Program, i: int, code: int, numbers: dict[ops.Constant, int]) -> None:
    """An operator with its vectors and options."""
    operator = program.operators[i]
    reads = list(operator.inputs)
    if operator.weights:
        reads += [numbers["weights", i], numbers["bias", i]]
    elif operator.constants:
        reads.append(numbers["whole", operator.kind == ops.GATHER, *operator.constants])
        if operator.kind == ops.PADV2:
            reads.append(numbers["lowest", program.sharing()[operator.inputs[0]]])
    counted.vector("whole", *reads)
    counted.vector("whole", operator.output)
    fields: Fields = ((0, 4),) * (code > 0) + ((1, 4), (2, 4))
    options = _options(operator)
    if options is not None:
        multiplier = operator.weights[3] // program.maps[operator.inputs[0]][2] if operator.kind == ops.DEPTHWISE else 0
        same = (operator.kind, operator.stride, operator.padding, operator.activation, multiplier)
        window = operator.kernel if operator.kind in (ops.MAX_POOL, ops.AVERAGE_POOL) else ()
        pool = "POOL" if window else operator.kind
        counted.table(pool, options, same[1:], window)
        fields += ((4, 4), (3, 1))
    counted.table("Operator", fields)


def _options(operator: Operator) -> Fields | None:
    """The fields of an operator's options that are not at their default; None where it has none."""
    activation = operator.activation != "NONE"
    padding = ((0, 1),) * (operator.padding == ops.VALID)
    strides = ((1, 4), (2, 4))
    match operator.kind:
        case ops.CONV:
            return (*strides, *padding, *((3, 1),) * activation)
        case ops.DEPTHWISE:
            return (*strides, (3, 4), *padding, *((4, 1),) * activation)
        case ops.MAX_POOL | ops.AVERAGE_POOL:
            return (*strides, (3, 4), (4, 4), *padding, *((5, 1),) * activation)
        case ops.CONCATENATION:
            return ((0, 4), *((1, 1),) * activation)
        case ops.ADD | ops.MUL:
            return ((0, 1),) * activation
        case ops.GATHER:
            return ((0, 4),)
        case _:
            return None
