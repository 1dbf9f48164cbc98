"""Lossless coding of float32 arrays: codebooks, which rise, and anything else, such as biases.

What has little entropy (lengths of a codebook's gaps, exponents) becomes integer tensors for `coding`; the lower bits
of gaps and mantissas, which look random, are kept raw.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from explorer.compression.codec.coded import Codes, CompressionError, Floats
from explorer.compression.codec.mixing import Ints

MANTISSA = 23
"""Bits of a float32 behind its exponent."""
TOP = 3
"""So many bits behind the leading one of a gap are coded with its length, those after them kept raw."""


class BitWriter:
    """Numbers of given widths, one behind the other, the lowest bit first."""

    def __init__(self) -> None:
        self._bits: list[npt.NDArray[np.uint8]] = []

    def write(self, values: Ints, widths: Ints) -> None:
        """Appends the lower `widths` (N,) bits, at most 32, of values (N,)."""
        bits = (values[:, None] >> np.arange(32)) & 1
        self._bits.append(bits[_mask(widths)].astype(np.uint8))

    def content(self) -> bytes:
        """The bits, filled up to whole bytes with zeros."""
        bits = np.concatenate([np.zeros(0, np.uint8), *self._bits])
        return np.packbits(bits, bitorder="little").tobytes()


class BitReader:
    """Reads what a BitWriter wrote."""

    def __init__(self, content: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
        self._at = 0

    def read(self, widths: Ints) -> Ints:
        """The next numbers of these widths (N,).

        Raises:
            CompressionError: if there are not so many bits.
        """
        end = self._at + int(widths.sum())
        if end > len(self._bits):
            raise CompressionError(f"{len(self._bits)} raw bits, expected {end} or more")
        bits = np.zeros((len(widths), 32), np.int64)
        bits[_mask(widths)] = self._bits[self._at : end]
        self._at = end
        return bits @ (1 << np.arange(32))

    def finish(self) -> None:
        """Raises CompressionError if more than the last byte's filling is left."""
        rest = self._bits[self._at :]
        if len(rest) > 7 or rest.any():
            raise CompressionError(f"{len(rest)} raw bits too many")


def split_levels(codebooks: Sequence[Floats], raw: BitWriter) -> list[Codes]:
    """Codebooks as integer tensors (codebooks of one length, 1, 1, length - 1) by length, and raw bits.

    A codebook's floats in rising order are whole numbers in rising order; the gap between neighbours is coded by its
    length in bits and its upper bits, as the difference to the gap before.
    """
    tensors = []
    for length, group in _by_length([len(levels) for levels in codebooks]):
        keys = _keys(np.stack([codebooks[i] for i in group]))
        raw.write(keys[:, 0], np.full(len(group), 32))
        gaps = np.diff(keys, axis=1)
        lengths = np.frexp(gaps.astype(np.float64))[1].astype(np.int64)
        top = np.minimum(lengths - 1, TOP)
        codes = (lengths << TOP) + ((gaps >> (lengths - 1 - top)) - (1 << top) << (TOP - top))
        raw.write(gaps.reshape(-1), (lengths - 1 - top).reshape(-1))
        tensors.append(np.diff(codes, axis=1, prepend=0).reshape(len(group), 1, 1, length - 1).astype(np.int32))
    return tensors


def level_shapes(lengths: Sequence[int]) -> list[tuple[int, ...]]:
    """Shapes of the tensors of `split_levels`."""
    return [(len(group), 1, 1, length - 1) for length, group in _by_length(lengths)]


def join_levels(lengths: Sequence[int], tensors: Sequence[Codes], raw: BitReader) -> list[Floats]:
    """The codebooks that were split.

    Raises:
        CompressionError: if they are none.
    """
    codebooks = [np.zeros(length, np.float32) for length in lengths]
    for (length, group), tensor in zip(_by_length(lengths), tensors, strict=True):
        first = raw.read(np.full(len(group), 32))
        codes = np.cumsum(tensor.reshape(len(group), length - 1), axis=1, dtype=np.int64)
        bits, upper = codes >> TOP, codes & ((1 << TOP) - 1)
        if codes.size and not 1 <= bits.min() <= bits.max() <= 32:
            raise CompressionError("a codebook's gap is no number of 1 to 32 bits")
        top = np.minimum(bits - 1, TOP)
        lower = raw.read((bits - 1 - top).reshape(-1)).reshape(bits.shape)
        gaps = (((1 << top) + (upper >> (TOP - top))) << (bits - 1 - top)) + lower
        keys = np.cumsum(np.concatenate([first[:, None], gaps], axis=1), axis=1)
        if keys.max() >= 1 << 32:
            raise CompressionError("a codebook goes beyond float32")
        for i, levels in zip(group, _floats(keys), strict=True):
            codebooks[i] = levels
    return codebooks


def width(values: Floats) -> int:
    """Bits of the mantissas, from 0 to 23, that are used: those after them are zero in every value."""
    used = int(np.bitwise_or.reduce(values.view(np.uint32).reshape(-1), initial=0)) & ((1 << MANTISSA) - 1)
    return MANTISSA - ((used & -used).bit_length() - 1) if used else 0


def split_floats(values: Floats, raw: BitWriter) -> Codes:
    """Values as an integer tensor of their shape (signed exponents, less is larger) and raw bits (mantissas)."""
    bits = values.view(np.uint32).astype(np.int64)
    used = width(values)
    raw.write((bits & ((1 << MANTISSA) - 1)).reshape(-1) >> (MANTISSA - used), np.full(values.size, used))
    exponents = 256 - (bits >> MANTISSA & 255)
    return np.where(bits >> 31, -exponents, exponents).astype(np.int32)


def join_floats(codes: Codes, used: int, raw: BitReader) -> Floats:
    """The values that were split; `used` is their `width`.

    Raises:
        CompressionError: if they are none, or not finite.
    """
    exponents = 256 - np.abs(codes.astype(np.int64))
    if exponents.size and not 0 <= exponents.min() <= exponents.max() <= 254:
        raise CompressionError("an exponent is none of a finite float32")
    mantissas = raw.read(np.full(codes.size, used)).reshape(codes.shape) << (MANTISSA - used)
    return ((codes < 0).astype(np.int64) << 31 | exponents << MANTISSA | mantissas).astype(np.uint32).view(np.float32)


def _by_length(lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Codebooks by their length; those without levels have nothing to keep."""
    return [
        (length, [i for i, other in enumerate(lengths) if other == length]) for length in sorted(set(lengths) - {0})
    ]


def _keys(values: Floats) -> Ints:
    """Whole numbers from 0 to 2**32 - 1 that rise with the values."""
    bits = values.view(np.uint32).astype(np.int64)
    return np.where(bits >> 31, 0xFFFFFFFF - bits, bits + (1 << 31))


def _floats(keys: Ints) -> Floats:
    return np.where(keys >> 31, keys - (1 << 31), 0xFFFFFFFF - keys).astype(np.uint32).view(np.float32)


def _mask(widths: Ints) -> npt.NDArray[np.bool_]:
    return np.arange(32) < widths[:, None]
