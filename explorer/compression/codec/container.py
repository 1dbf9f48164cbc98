"""The .sqz file: a network and its compressed weights, all that is needed to run it. Byte by byte in docs/sqz.md.

"SQZ\\n"  version  lengths of the four sections  SHA-256 of everything else
header   JSON, deflated: the architecture, and how each tensor is kept
codes    the integers of the coded tensors, by `coding`
side     the integers of codebooks, steps and plain tensors, by `coding`
raw      the rest of their bits
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import TypeAlias

import numpy as np

from explorer.arch import Architecture
from explorer.compression.codec import coding, header
from explorer.compression.codec.coded import CodedTensor, CompressionError, Floats
from explorer.compression.codec.floats import (
    BitReader,
    BitWriter,
    join_floats,
    join_levels,
    level_shapes,
    split_floats,
    split_levels,
)
from explorer.compression.codec.header import Entry, tensor_shapes

MAGIC = b"SQZ\n"
VERSION = 1
START = struct.Struct("<4sH4I")
"""Magic, version, lengths of header, codes, side and raw."""
BEHIND = START.size + 32
"""Where the header begins: behind the SHA-256 of everything before and after it."""
Tensor: TypeAlias = CodedTensor | Floats
"""A coded tensor, or float32 values to be kept as they are."""


def write(path: str | Path, architecture: Architecture, tensors: Mapping[str, Tensor]) -> int:
    """Writes a network, whole or not at all.

    Args:
        path: of the file, which is replaced.
        architecture: the network.
        tensors: every tensor of `tensor_shapes(architecture)`.

    Returns:
        The file's size in bytes.

    Raises:
        CompressionError: if the tensors are not the network's, or a value is not finite.
        OSError: if the file cannot be written; what was there before is intact.
    """
    from explorer.training.checkpoint import replace

    content = pack(architecture, tensors)
    replace(Path(path), content)
    return len(content)


def read(path: str | Path) -> tuple[Architecture, dict[str, Floats]]:
    """The network in a file and its tensors as float32, by their names: the same bits on every machine.

    Raises:
        CompressionError: one line that names the file, if it is absent, torn, altered, of another version or hostile.
    """
    architecture, tensors = load(path)
    return architecture, {name: dense(tensor) for name, tensor in tensors.items()}


def load(path: str | Path) -> tuple[Architecture, dict[str, Tensor]]:
    """The network in a file and its tensors as they were given to `write`.

    Raises:
        CompressionError: as `read`.
    """
    try:
        return unpack(Path(path).read_bytes())
    except OSError as error:
        raise CompressionError(f"{path}: {error.strerror or error}") from None
    except CompressionError as error:
        raise CompressionError(f"{path}: {error}") from None


def dense(tensor: Tensor) -> Floats:
    """The values of a tensor, coded or not."""
    return tensor.dense() if isinstance(tensor, CodedTensor) else tensor


def pack(architecture: Architecture, tensors: Mapping[str, Tensor]) -> bytes:
    """The content of a file; arguments and errors are those of `write`."""
    shapes = tensor_shapes(architecture)
    if set(shapes) != set(tensors):
        name = min(set(shapes) ^ set(tensors))
        raise CompressionError(f"{name} is {'missing' if name in shapes else 'no tensor of the network'}")
    ordered = {name: _checked(name, tensors[name], shape) for name, shape in shapes.items()}
    coded = [tensor for tensor in ordered.values() if isinstance(tensor, CodedTensor)]
    raw = BitWriter()
    side = split_levels([tensor.levels for tensor in coded if tensor.levels is not None], raw)
    for tensor in ordered.values():
        array = tensor.steps if isinstance(tensor, CodedTensor) else tensor
        if array is not None:
            side.append(split_floats(array, raw))
    sections = [
        header.pack(architecture, {name: Entry.of(tensor) for name, tensor in ordered.items()}),
        coding.encode([tensor.codes for tensor in coded]),
        coding.encode(side),
        raw.content(),
    ]
    start = START.pack(MAGIC, VERSION, *map(len, sections))
    return b"".join([start, hashlib.sha256(b"".join([start, *sections])).digest(), *sections])


def unpack(content: bytes) -> tuple[Architecture, dict[str, Tensor]]:
    """What `pack` packed.

    Raises:
        CompressionError: if it is none; before memory is allocated for a size that the content claims.
    """
    head, codes, side, raw = _sections(content)
    architecture, shapes, entries = header.unpack(head)
    coded = [shapes[name] for name, entry in entries.items() if entry.coded]
    lengths = [entry.levels for entry in entries.values() if entry.levels is not None]
    floats = [(entry.array, entry.width) for entry in entries.values() if entry.array is not None]
    beside = [*level_shapes(lengths), *(shape for shape, _ in floats)]
    _afford("codes", coded, codes)
    _afford("side", beside, side)
    tensors = iter(coding.decode(codes, coded))
    integers = coding.decode(side, beside)
    bits = BitReader(raw)
    levels = iter(join_levels(lengths, integers[: len(beside) - len(floats)], bits))
    arrays = iter(
        [
            join_floats(part, width, bits)
            for part, (_, width) in zip(integers[len(beside) - len(floats) :], floats, strict=True)
        ]
    )
    bits.finish()
    unpacked: dict[str, Tensor] = {}
    for name, entry in entries.items():
        if entry.levels is not None:
            unpacked[name] = CodedTensor(next(tensors), levels=next(levels))
        else:
            unpacked[name] = CodedTensor(next(tensors), steps=next(arrays)) if entry.coded else next(arrays)
    return architecture, unpacked


def _checked(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    if tensor.shape != shape:
        raise CompressionError(f"{name} is {tensor.shape}, the network's {shape}")
    if not isinstance(tensor, CodedTensor) and (tensor.dtype != np.float32 or not np.isfinite(tensor).all()):
        raise CompressionError(f"{name} is {tensor.dtype}, expected float32, all of it finite")
    return tensor


def _sections(content: bytes) -> list[bytes]:
    """Header, codes, side and raw of a file that is whole and unaltered."""
    if not content.startswith(MAGIC):
        raise CompressionError("no .sqz file")
    if len(content) < BEHIND:
        raise CompressionError(f"torn: {len(content)} bytes, a start alone has {BEHIND}")
    _, version, *lengths = START.unpack_from(content)
    if version != VERSION:
        raise CompressionError(f"version {version} of the format, expected {VERSION}")
    if len(content) != BEHIND + sum(lengths):
        raise CompressionError(f"torn: {len(content):,} bytes, expected {BEHIND + sum(lengths):,}")
    digest = hashlib.sha256(content[: START.size])
    digest.update(memoryview(content)[BEHIND:])
    if digest.digest() != content[START.size : BEHIND]:
        raise CompressionError("altered: the checksum does not match")
    ends = [BEHIND + sum(lengths[: i + 1]) for i in range(4)]
    return [content[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _afford(section: str, shapes: Sequence[tuple[int, ...]], content: bytes) -> None:
    """Raises CompressionError if a section is too short for its integers."""
    count = sum(map(prod, shapes))
    if count > coding.most(len(content)):
        raise CompressionError(f"the header names {count:,} numbers, too many for {len(content):,} bytes of {section}")
