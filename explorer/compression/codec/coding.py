"""Lossless coding of integer tensors: adaptive binary arithmetic coding with context mixing.

A code is binarized: is it zero; its sign; the number of its magnitude's binary digits, in unary; the digits. All
tensors of a network share their statistics, so they are coded together. Every probability is computed in integers, and
constriction's range coder is the same everywhere, so any machine reads what another wrote.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from explorer.compression.codec.coded import Codes, CompressionError
from explorer.compression.codec.mixing import LEAST, ONE, BitCoder, Ints, Mixer, clip, ln
from explorer.compression.codec.scan import Context, Scan

DIGITS = 24
"""Magnitudes have at most so many binary digits."""
SPEED = {"zero": 40, "sign": 60, "more": 60, "digit": 60}
"""Learning rate of the mixing weights of each kind of bit, in hundredths of a full step."""
START = {
    ("zero", False): [0, 12, 0, 4, 0, 18, 14, 13, 13, 0, 12, 4, 4, 0, 2, 16, 30, -10, 16],
    ("zero", True): [0, 12, 18, 18, 8, 10, 4, 12, 0, 4, -10, 10, -6, -4, -1, 4, 50, -8, 6],
    ("sign", False): [0, 36, 0, 40, 5, -60],
    ("sign", True): [2, 36, 36, 24, -30, -40],
    ("more", False): [10, 4, 10, 8, 10, 4, 6, 6, 0, 4, -3, -3, 0, 0, 5, -2, 8, 8, 0, 22, 10, 0, 0, 20, 8],
    ("more", True): [9, 6, 9, 18, 16, -3, 8, 3, 1, 3, 1, -1, 0, -6, -3, -5, 12, 1, 4, 26, 10, -3, -3, 5, 1],
    ("digit", False): [6, 5, 6, 46],
    ("digit", True): [10, 6, 6, 42],
}
"""First mixing weights, by kind of bit and whether the kernel has more than one position: learned on SqueezeNet."""
STEPS = 25
"""Steps in which a logarithm or logit picks a table's cell."""


def encode(tensors: Sequence[Codes]) -> bytes:
    """Codes integer tensors, a network's in its order; their shapes are no part of the code.

    Args:
        tensors: of 1 to 4 dimensions, magnitudes below 2**24.

    Raises:
        CompressionError: if a magnitude is too large.
    """
    writer = _Writer()
    _code([codes.shape for codes in tensors], tensors, writer)
    return writer.content()


def decode(content: bytes, shapes: Sequence[tuple[int, ...]]) -> list[Codes]:
    """The tensors that `encode` wrote.

    Raises:
        CompressionError: if the content is no code of whole words. Altered content may also give other codes: the
            caller needs a checksum.
    """
    return _code(shapes, None, _Reader(content))


def bits(tensors: Sequence[Codes]) -> float:
    """Size of the code that `encode` would write, in bits."""
    counter = _Counter()
    _code([codes.shape for codes in tensors], tensors, counter)
    return counter.bits


def most(length: int) -> int:
    """The most integers that so many bytes can hold: each takes a bit of probability 1 - LEAST / ONE or less."""
    return int((8 * length + 64) / -math.log2(1 - LEAST / ONE))


class _Writer:
    def __init__(self) -> None:
        from constriction import stream

        self._bit, self._encoder = stream.model.Bernoulli(perfect=False), stream.queue.RangeEncoder()

    def __call__(self, probabilities: Ints, bits: Ints | None) -> Ints:
        assert bits is not None
        self._encoder.encode(bits.astype(np.int32), self._bit, probabilities / ONE)
        return bits

    def content(self) -> bytes:
        return bytes(self._encoder.get_compressed().astype("<u4").tobytes())


class _Reader:
    def __init__(self, content: bytes) -> None:
        from constriction import stream

        if len(content) % 4:
            raise CompressionError(f"{len(content)} bytes of code, expected whole words of 4")
        words = np.frombuffer(content, "<u4").astype(np.uint32)
        self._bit, self._decoder = stream.model.Bernoulli(perfect=False), stream.queue.RangeDecoder(words)

    def __call__(self, probabilities: Ints, bits: Ints | None) -> Ints:
        try:
            return np.asarray(self._decoder.decode(self._bit, probabilities / ONE)).astype(np.int64)
        except AssertionError:  # constriction's word for it
            raise CompressionError("the code is none that encode wrote") from None


class _Counter:
    def __init__(self) -> None:
        self.bits = 0.0

    def __call__(self, probabilities: Ints, bits: Ints | None) -> Ints:
        assert bits is not None
        self.bits -= float(np.log2(np.where(bits, probabilities, ONE - probabilities) / ONE).sum())
        return bits


def _code(shapes: Sequence[tuple[int, ...]], tensors: Sequence[Codes] | None, coder: BitCoder) -> list[Codes]:
    """Codes the tensors, or reads tensors of these shapes."""
    model = _Model(coder)
    before: list[Ints] = []
    read: list[Codes] = []
    for i, shape in enumerate(shapes):
        given = None
        if not prod(shape):
            read.append(np.zeros(shape, np.int32))
            continue
        scan = Scan(shape, before)
        whole = np.zeros((scan.out, scan.channels, scan.positions), np.int32)
        if tensors is not None:
            given = tensors[i].reshape(whole.shape)
            largest = max(-int(given.min()), int(given.max()))
            if largest >= 1 << DIGITS:
                raise CompressionError(f"a code of magnitude {largest}, expected less than 2**{DIGITS}")
        model.begin(scan.positions > 1)
        for tile in scan.tiles():
            rows, position, columns = tile
            context = scan.context(tile)
            written = None if given is None else given[rows, columns, position].reshape(-1).astype(np.int64)
            codes = model.code(position, context, written)
            whole[rows, columns, position] = codes.reshape(whole[rows, columns, position].shape)
            scan.update(tile, context, codes)
        before.append(scan.summary())
        read.append(whole.reshape(shape))
    return read


class _Model:
    """The models of every kind of bit; those of kernels with one position and with more are different ones."""

    def __init__(self, coder: BitCoder) -> None:
        self._coder = coder
        self._mixers: dict[tuple[str, int, bool], Mixer] = {}
        self._wide = False

    def begin(self, wide: bool) -> None:
        """A new tensor, `wide` if its kernel has more than one position."""
        self._wide = wide
        for mixer in self._mixers.values():
            mixer.forget()

    def code(self, position: int, context: Context, codes: Ints | None) -> Ints:
        """Codes a tile; returns its codes (N,)."""
        coded = np.zeros(len(context.nonzero), np.int64)
        where = np.flatnonzero(self._zero(position, context, codes))
        if len(where):
            given = None if codes is None else codes[where]
            negative = self._sign(position, context, where, given)
            magnitude = self._magnitude(context, where, negative, None if given is None else np.abs(given))
            coded[where] = np.where(negative, -magnitude, magnitude)
        return coded

    def _zero(self, position: int, context: Context, codes: Ints | None) -> Ints:
        """Which codes are nonzero."""
        size, density, source = context.size, context.density, context.source
        expected = np.abs(context.mean)
        cells = [_cell(size[1]) * STEPS + _cell(size[0]), _cell(expected, 40) * STEPS + _cell(size[3])]
        sizes = [STEPS**2, STEPS**2]
        if self._wide:
            place, known = min(position, 48), np.minimum(context.nonzero, 9)
            beside = (context.left != 0) + 2 * (context.above != 0)
            cells += [
                (place * 10 + known) * STEPS + _cell(density[2]),
                (place * 4 + beside) * STEPS + _cell(density[0] + density[2]),
                place * STEPS + _cell(size[3]),
            ]
            sizes += [490 * STEPS, 196 * STEPS, 49 * STEPS]
        else:
            cells += [
                _cell(density[1]) * STEPS + _cell(density[0]),
                _cell(density[1] + density[0], 24, 61),
                _cell(source[1]) * STEPS + _cell(source[0]),
            ]
            sizes += [STEPS**2, 61, STEPS**2]
        features = [*density, *size, *source, expected, _all(context, 256), _all(context, context.level)]
        cells.append(_all(context, 0))
        bits = None if codes is None else codes != 0
        return self._code("zero", 0, np.array(cells), [*sizes, 1], _limited(features), bits)

    def _sign(self, position: int, context: Context, where: Ints, codes: Ints | None) -> Ints:
        """Which of the nonzero codes are negative."""
        row, column, kernel = context.signs[:, where]
        left, above = np.sign(context.left[where]) + 1, np.sign(context.above[where]) + 1
        place, mean = min(position, 48), context.mean[where]
        cells = [place * 17 + kernel, row * 17 + column, (place * 3 + left) * 3 + above, _cell(mean, 30, 41), 0 * where]
        sizes = [49 * 17, 17 * 17, 49 * 9, 41, 1]
        return self._code("sign", 0, np.array(cells), sizes, _limited([mean]), None if codes is None else codes < 0)

    def _magnitude(self, context: Context, where: Ints, negative: Ints, magnitudes: Ints | None) -> Ints:
        """Magnitudes of the nonzero codes: the number of digits behind the first, then these digits."""
        large, known = context.large[:, where], np.minimum(context.nonzero[where], 9)
        along = np.where(negative, -context.mean[where], context.mean[where])
        sum_ = large[0] + large[1] + large[3]
        features = _limited(
            [
                *context.size[:, where],
                *context.density[:, where],
                *context.source[:, where],
                *large,
                along,
                np.abs(along),
                *(_log(neighbour[where], context.magnitude) for neighbour in (context.left, context.above)),
                0 * where + 256,
                0 * where + context.magnitude,
            ]
        )
        row, column, kernel, overall = _cell(large[0]), _cell(large[1]), _cell(large[3]), _cell(sum_, 40, 41)
        cells = np.array([row * STEPS + column, kernel * 10 + known, overall, _cell(along, 30, 41), negative])
        sizes = [STEPS**2, STEPS * 10, 41, 41, 2]
        digits = np.zeros(len(where), np.int64)
        going = np.arange(len(where))
        for digit in range(DIGITS - 1):
            if not len(going):
                break
            given = None if magnitudes is None else magnitudes[going] >> (digit + 1) > 0
            more = self._code("more", digit, cells[:, going], sizes, features[:, going], given)
            going = going[more > 0]
            digits[going] += 1
        value = np.ones(len(where), np.int64)
        mean, expected, sizes = (
            _cell(sum_, 80),
            _cell(along, 60),
            [16 * DIGITS * STEPS, 16 * DIGITS * STEPS, 4096, 8192],
        )
        for digit in range(int(digits.max())):
            going = np.flatnonzero(digits > digit)
            length, sofar = digits[going], value[going]
            node = (sofar + (length << 8)) & 4095
            top = (length * 16 + (sofar & 15)) * STEPS
            cells = np.array([top + mean[going], top + expected[going], node, negative[going] * 4096 + node])
            bit = None if magnitudes is None else (magnitudes[going] >> (length - 1 - digit)) & 1
            bit = self._code("digit", digit, cells, sizes, features[:, going] if digit < 3 else None, bit)
            value[going] = 2 * sofar + bit
        return value

    def _code(
        self,
        kind: str,
        number: int,
        cells: Ints,
        sizes: Sequence[int],
        features: Ints | None,
        bits: npt.NDArray[np.bool_] | Ints | None,
    ) -> Ints:
        """Codes bits with the model of their kind.

        Args:
            cells: (tables, N).
            sizes: of the tables, the local one last.
            features: (features, N).
            bits: (N,), None when reading.
        """
        key = (kind, number, self._wide)
        if key not in self._mixers:
            count = 0 if features is None else len(features)
            start = START[kind, self._wide][: len(sizes) + count]
            self._mixers[key] = Mixer(sizes[:-1], sizes[-1:], count, SPEED[kind], start)
        given = None if bits is None else bits.astype(np.int64)
        return self._mixers[key].code(self._coder, cells, features, given)


def _cell(value: Ints, step: int = 64, steps: int = STEPS) -> Ints:
    """A logarithm or logit as one of `steps` cells of width `step`, 0 in the middle."""
    return clip(value // step + steps // 2, 0, steps - 1)


def _limited(features: Sequence[Ints]) -> Ints:
    return clip(np.array(features), -2047, 2047)


def _all(context: Context, value: int) -> Ints:
    return np.full(len(context.nonzero), value, np.int64)


def _log(neighbour: Ints, magnitude: int) -> Ints:
    """Logarithm of a neighbour's magnitude against the mean, 0 for a zero."""
    return np.where(neighbour != 0, ln(np.abs(neighbour) << 4) - magnitude, 0)
