"""The header of a .sqz file: the architecture, and how each of its tensors is kept. Nothing in it goes unchecked."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from math import prod
from typing import Any

from explorer.arch import Architecture, ArchitectureError, cost
from explorer.arch import layers as L
from explorer.compression.codec.coded import CodedTensor, CompressionError, Floats
from explorer.compression.codec.floats import MANTISSA, width

LARGEST = 2**22
"""Bytes, at most, of a header's JSON; a real one is far smaller."""
MOST = 2**28
"""Numbers, at most, of a network; AlexNet has 61 million."""


@dataclass(frozen=True)
class Entry:
    """How a tensor is kept.

    Attributes:
        levels: size of its codebook, if it has one.
        array: shape of its float32 array, if it has one: a grid's steps, or the whole tensor.
        width: bits of that array's mantissas.
    """

    levels: int | None = None
    array: tuple[int, ...] | None = None
    width: int = 0
    coded: bool = True

    @staticmethod
    def of(tensor: CodedTensor | Floats) -> Entry:
        """The entry of a tensor."""
        if not isinstance(tensor, CodedTensor):
            return Entry(None, tensor.shape, width(tensor), coded=False)
        if tensor.levels is not None:
            return Entry(len(tensor.levels))
        assert tensor.steps is not None
        return Entry(None, tensor.steps.shape, width(tensor.steps))

    def plain(self) -> list[Any]:
        """As JSON."""
        if self.levels is not None:
            return ["levels", self.levels]
        if self.coded and self.array:
            return ["steps", self.array[0], self.width]
        return ["floats", self.width]

    @staticmethod
    def parse(name: str, data: object, shape: tuple[int, ...]) -> Entry:
        """From `plain()`, for a tensor of this shape.

        Raises:
            CompressionError: for anything else.
        """
        match data:
            case ["levels", int(count)] if 0 <= count <= MOST and type(count) is int:
                return Entry(count)
            case ["steps", int(count), int(used)] if count in (1, shape[0]) and 0 <= used <= MANTISSA:
                return Entry(None, (int(count),), int(used))
            case ["floats", int(used)] if 0 <= used <= MANTISSA:
                return Entry(None, shape, int(used), coded=False)
        raise CompressionError(f"the header keeps {name} of shape {shape} as {str(data)[:60]}")


def tensor_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Shapes of a network's tensors by their names in the torch module, in its order; batch norm's counter left out.

    Raises:
        ArchitectureError: if the network cannot exist.
    """
    inputs = {row.name: row.input_shape[0] for row in cost(architecture).layers}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in L.walk(architecture.tree):
        match layer:
            case L.Conv2d():
                kernel = L.sides(layer.kernel_size)
                shapes[f"{name}.weight"] = (layer.out_channels, inputs[name] // layer.groups, *kernel)
            case L.Linear():
                shapes[f"{name}.weight"] = (layer.out_features, inputs[name])
            case L.BatchNorm2d():
                kinds = ("weight", "bias", "running_mean", "running_var")
                shapes |= {f"{name}.{kind}": (inputs[name],) for kind in kinds}
        if isinstance(layer, L.Conv2d | L.Linear) and layer.bias:
            shapes[f"{name}.bias"] = shapes[f"{name}.weight"][:1]
    return shapes


def pack(architecture: Architecture, entries: dict[str, Entry]) -> bytes:
    """The header, deflated."""
    tensors = {name: entry.plain() for name, entry in entries.items()}
    text = json.dumps({"architecture": json.loads(architecture.to_json()), "tensors": tensors}, separators=(",", ":"))
    return zlib.compress(text.encode(), 9)


def unpack(content: bytes) -> tuple[Architecture, dict[str, tuple[int, ...]], dict[str, Entry]]:
    """The architecture, the shapes of its tensors, and how each is kept, in one order.

    Raises:
        CompressionError: if it is no header, or one of a network that cannot exist or is too large.
    """
    data = _json(content)
    if not isinstance(data, dict) or set(data) != {"architecture", "tensors"} or not isinstance(data["tensors"], dict):
        raise CompressionError("the header holds something else than an architecture and its tensors")
    try:
        architecture = Architecture.from_json(json.dumps(data["architecture"]))
        shapes = tensor_shapes(architecture)
    except (ArchitectureError, RecursionError) as error:
        raise CompressionError(f"the header's architecture: {error}") from None
    numbers = sum(prod(shape) for shape in shapes.values())
    if numbers > MOST:
        raise CompressionError(f"the header's network has {numbers:,} numbers, at most {MOST:,} are read")
    if list(shapes) != list(data["tensors"]):
        raise CompressionError("the header's tensors are not those of its architecture")
    return (
        architecture,
        shapes,
        {name: Entry.parse(name, data["tensors"][name], shape) for name, shape in shapes.items()},
    )


def _json(content: bytes) -> Any:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(content, LARGEST + 1)
        if len(text) > LARGEST:
            raise CompressionError(f"the header is longer than {LARGEST:,} bytes")
        if not inflater.eof or inflater.unused_data:
            raise CompressionError("the header is torn")
        return json.loads(text)
    except (zlib.error, ValueError, RecursionError) as error:
        if isinstance(error, CompressionError):
            raise
        raise CompressionError(f"the header is no deflated JSON: {error}") from None
