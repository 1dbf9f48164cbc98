"""The .tflite file of an int8 network, written straight from its program, as small as the runtime allows.

Names are left out, and what is equal is written once. Constants lie 16 bytes aligned, as the schema asks. TFLite Micro
reads one zero point for the weights of a layer and nothing about biases; LiteRT wants a zero point for each scale, and
the biases' scales. The file's size follows from the program, whatever the numbers: `explorer.arch.tflite.file_size`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import flatbuffers
import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.operators import Operator
from explorer.int8.quantized import Array, Quantized

TARGETS = ("tflm", "litert")
IDENTIFIER = b"TFL3"
VERSION = 3
"""Of the schema."""
ALIGNMENT = 16
VERSIONS = {ops.CONV: 3, ops.DEPTHWISE: 3, ops.HARD_SWISH: 1}
"""From which version of an operator on LiteRT runs it in int8; 2 for the others."""
GROUPED = 6
"""From which version of a convolution on there are groups."""
LOWEST = -128
DECODE = "TFLM_DECODE"
"""Name of TFLite Micro's own operator."""
BYTES = ("Type", "Padding", "FusedActivationFunction", "BuiltinOptionsType", "DeprecatedBuiltinCode")
"""Fields of a single byte; the others have four."""

Options = tuple[str, tuple[tuple[str, int], ...]]
"""A table of the schema and its fields."""


def write(network: Quantized, target: str = "tflm", *, named: bool = False) -> bytes:
    """The file's bytes.

    Args:
        network: the program and its numbers.
        target: `tflm` for the smallest file that TFLite Micro runs, `litert` for one that LiteRT runs as well.
        named: whether tensors are named, by their numbers, for a tool that names operators after them.
    """
    return _File(network, target == "litert", named).bytes()


class _File:
    """A flatbuffer. It grows from its end: first the constants, then the tables that refer to what is there."""

    def __init__(self, network: Quantized, standard: bool, named: bool) -> None:
        self.network, self.standard, self.named = network, standard, named
        self.sharing = network.program.sharing()
        self.builder = flatbuffers.Builder(4096)
        self._written: dict[Hashable, int] = {}
        self._constants: list[tuple[tuple[int, ...], str, int, Callable[[], int] | None]] = []
        self._data: list[int] = []
        self._decodes: dict[int, tuple[list[int], int]] = {}
        self._numbers: dict[Hashable, int] = {}
        self._zeros = sorted({len(each.scales) if standard else 1 for each in network.filters if each})

    def bytes(self) -> bytes:
        program = self.network.program
        reads = [self._inputs(each, i) for i, each in enumerate(program.operators)]
        self._zero_points()
        empty = self._table("Buffer")
        buffers = [empty, *(self._table("Buffer", Data=data) for data in self._data)]
        tensors = [
            self._tensor((1, *shape), "INT8", 0, self._values(self.sharing[number]), number)
            for number, shape in enumerate(program.maps)
        ]
        tensors += [
            self._tensor(shape, kind, buffer, about() if about else 0) for shape, kind, buffer, about in self._constants
        ]
        codes = list(dict.fromkeys(map(self._code, program.operators)))
        calls = []
        for i, (each, read) in enumerate(zip(program.operators, reads, strict=True)):
            if i in self._decodes:
                calls.append(self._decode(*self._decodes[i], len(codes)))
            calls.append(self._call(each, read, codes.index(self._code(each))))
        graph = self._table(
            "SubGraph",
            Tensors=self._offsets(tensors),
            Inputs=self._whole([0]),
            Outputs=self._whole([program.output]),
            Operators=self._offsets(calls),
        )
        kinds = [self._table("OperatorCode", **dict(code)) for code in codes]
        if self._decodes:
            name = int(self.builder.CreateString(DECODE))
            kinds.append(self._table("OperatorCode", BuiltinCode=schema.BuiltinOperator.CUSTOM, CustomCode=name))
        model = self._table(
            "Model",
            Version=VERSION,
            OperatorCodes=self._offsets(kinds),
            Subgraphs=self._offsets([graph]),
            Buffers=self._offsets(buffers),
        )
        self.builder.Finish(model, IDENTIFIER)
        return bytes(self.builder.Output())

    def _inputs(self, operator: Operator, i: int) -> list[int]:
        """Numbers of the tensors that an operator reads, its constants among them, which are written here."""
        filters = self.network.filters[i]
        if filters is not None:
            axis = 3 if operator.kind == ops.DEPTHWISE else 0
            about = partial(self._channels, filters.scales, axis)
            packed = self.network.encoded.get(i)
            if packed is None:
                weights = self._constant(filters.weights, "INT8", about)
            else:
                given = [
                    self._constant(np.frombuffer(each, np.uint8), "UINT8", None)
                    for each in (packed.data, packed.ancillary)
                ]
                self._constants.append((filters.weights.shape, "INT8", 0, about))
                weights = self._last()
                self._decodes[i] = given, weights
            scales = filters.scales * np.float32(self.network.scales[operator.inputs[0]])
            of_bias = partial(self._channels, scales, 0) if self.standard else None
            return [*operator.inputs, weights, self._constant(filters.bias.astype("<i4"), "INT32", of_bias)]
        if not operator.constants:
            return list(operator.inputs)
        values = np.array(operator.constants, "<i4")
        values = values if operator.kind == ops.GATHER else values.reshape(4, 2)
        found = [*operator.inputs, self._once(values)]
        if operator.kind == ops.PADV2:
            root = self.sharing[operator.inputs[0]]
            found.append(self._once(np.array([LOWEST], "i1"), root))
        return found

    def _once(self, values: Array, root: int | None = None) -> int:
        """A constant that several operators may read; with the scale of tensor `root`, if it has one."""
        key = (values.tobytes(), values.shape, root)
        if key not in self._numbers:
            kind = "INT32" if root is None else "INT8"
            self._numbers[key] = self._constant(values, kind, None if root is None else lambda: self._values(root))
        return self._numbers[key]

    def _constant(self, values: Array, kind: str, about: Callable[[], int] | None) -> int:
        raw = values.tobytes()
        self.builder.StartVector(1, len(raw), ALIGNMENT)
        self.builder.head -= len(raw)
        self.builder.Bytes[self.builder.head : self.builder.head + len(raw)] = raw
        self._data.append(int(self.builder.EndVector()))
        self._constants.append((values.shape, kind, len(self._data), about))
        return self._last()

    def _last(self) -> int:
        """Number of the tensor that was added last."""
        return len(self.network.program.maps) + len(self._constants) - 1

    def _decode(self, inputs: Sequence[int], output: int, code: int) -> int:
        """The operator that unpacks weights."""
        reads, writes = self._whole(inputs), self._whole([output])
        return self._table("Operator", OpcodeIndex=code, Inputs=reads, Outputs=writes)

    def _tensor(
        self, shape: Sequence[int], kind: str, buffer: int, quantization: int, number: int | None = None
    ) -> int:
        about = {"Type": getattr(schema.TensorType, kind), "Buffer": buffer, "Quantization": quantization}
        if self.named and number is not None:
            about["Name"] = int(self.builder.CreateString(str(number)))
        return self._table("Tensor", Shape=self._whole(shape), **about)

    def _zero_points(self) -> None:
        """All of them at one place, where none needs other padding than the next."""
        self._written |= {("zeros", n): self._long([0] * n) for n in self._zeros}
        for root in sorted(set(self.sharing)):
            self._written["zero point", root] = self._long([self.network.zero_points[root]])

    def _values(self, root: int) -> int:
        """Quantization of the tensors that have the scale of tensor `root`."""
        if ("values", root) not in self._written:
            scale = self._floats(np.array([self.network.scales[root]]))
            zero_point = self._written["zero point", root]
            self._written["values", root] = self._table("QuantizationParameters", Scale=scale, ZeroPoint=zero_point)
        return self._written["values", root]

    def _channels(self, scales: Array, axis: int) -> int:
        """Quantization of what has a scale for each output channel and is symmetric."""
        zero_point = self._written["zeros", len(scales) if self.standard else 1]
        scale = self._floats(scales)
        return self._table("QuantizationParameters", Scale=scale, ZeroPoint=zero_point, QuantizedDimension=axis)

    def _code(self, operator: Operator) -> tuple[tuple[str, int], ...]:
        code = (("BuiltinCode", getattr(schema.BuiltinOperator, operator.kind)),)
        if not self.standard:
            return code
        groups = operator.kind == ops.CONV and operator.weights[3] < self.network.program.maps[operator.inputs[0]][2]
        version = GROUPED if groups else VERSIONS.get(operator.kind, 2)
        return (("DeprecatedBuiltinCode", code[0][1]), ("Version", version), *code)

    def _call(self, operator: Operator, inputs: Sequence[int], code: int) -> int:
        options = _options(operator, self.network.program.maps[operator.inputs[0]][2])
        about = {}
        if options:
            if options not in self._written:
                self._written[options] = self._table(options[0], **dict(options[1]))
            about = {"BuiltinOptionsType": getattr(schema.BuiltinOptions, options[0])}
            about["BuiltinOptions"] = self._written[options]
        reads, writes = self._whole(inputs), self._whole([operator.output])
        return self._table("Operator", OpcodeIndex=code, Inputs=reads, Outputs=writes, **about)

    def _table(self, name: str, **fields: int) -> int:
        """A table; its bytes come after its words, so that they need no padding between."""
        self.builder.Prep(4, 0)
        getattr(schema, f"{name}Start")(self.builder)
        for field, value in sorted(fields.items(), key=lambda each: each[0] in BYTES):
            getattr(schema, f"{name}Add{field}")(self.builder, value)
        return int(getattr(schema, f"{name}End")(self.builder))

    def _offsets(self, offsets: Sequence[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return int(self.builder.EndVector())

    def _whole(self, numbers: Sequence[int]) -> int:
        """A vector of int32; one of the same numbers is written once."""
        key = ("whole", *numbers)
        if key not in self._written:
            self._written[key] = int(self.builder.CreateNumpyVector(np.array(numbers, "<i4")))
        return self._written[key]

    def _long(self, numbers: Sequence[int]) -> int:
        return int(self.builder.CreateNumpyVector(np.array(numbers, "<i8")))

    def _floats(self, numbers: Array) -> int:
        return int(self.builder.CreateNumpyVector(numbers.astype("<f4")))


def _options(operator: Operator, channels: int) -> Options | None:
    """What an operator's kernel is told, as the schema's table of options; None where nothing."""
    activation = ("FusedActivationFunction", getattr(schema.ActivationFunctionType, operator.activation))
    slides = (
        ("Padding", getattr(schema.Padding, operator.padding)),
        ("StrideW", operator.stride),
        ("StrideH", operator.stride),
    )
    ones = (("DilationWFactor", 1), ("DilationHFactor", 1))
    found: Mapping[str, Any] = {
        ops.CONV: lambda: ("Conv2DOptions", (*slides, activation, *ones)),
        ops.DEPTHWISE: lambda: (
            "DepthwiseConv2DOptions",
            (*slides, ("DepthMultiplier", operator.weights[3] // channels), activation, *ones),
        ),
        ops.CONCATENATION: lambda: ("ConcatenationOptions", (("Axis", 3), activation)),
        ops.ADD: lambda: ("AddOptions", (activation,)),
        ops.MUL: lambda: ("MulOptions", (activation,)),
        ops.GATHER: lambda: ("GatherOptions", (("Axis", 3),)),
    }
    if operator.kind in (ops.MAX_POOL, ops.AVERAGE_POOL):
        height, width = operator.kernel
        return "Pool2DOptions", (*slides, ("FilterWidth", width), ("FilterHeight", height), activation)
    return found[operator.kind]() if operator.kind in found else None
