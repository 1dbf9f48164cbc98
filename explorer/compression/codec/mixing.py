"""Context mixing: the probability of a bit from the statistics of several contexts, in integers alone.

Logistic mixing as in PAQ (Mahoney, 2005), over many bits at once: statistics and mixing weights are updated after each
call. So that every machine computes the same, there is no floating point. A logit is in 1/256, a probability in
1/65536, a mixing weight in 1/65536.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]

ONE = 1 << 16
"""Probability 1."""
LEAST = 64
"""Smallest probability of a bit, so that no bit costs less than 1.4 thousandths of a bit or more than 10."""
DOUBT = 1
"""Ones, and as many zeros, that a context starts with."""
BIT_SHIFT = 32
BIT = 1 << BIT_SHIFT
"""A cell's counts are one integer: this for each bit, 1 more if it is a one."""
LIMIT = 1023
"""A context's counts are halved where they exceed this."""
MEMORY = 32
"""Time constant, in calls, of the running sum of the inputs' power."""
CAUTION = 100 << 16
"""Added to each input's power, so that first steps are small."""

# Decimal rounds exp and ln correctly, so these tables are the same everywhere; floating point's would not be.
SQUASH: Ints = np.array([int((ONE / (1 + (Decimal(-x) / 256).exp())).to_integral_value()) for x in range(-2048, 2048)])
"""From a logit, plus 2048, to its probability."""
STRETCH: Ints = np.searchsorted(SQUASH, np.arange(8, ONE, 16)) - 2048
"""From a probability in 1/4096 to its logit."""
LN: Ints = np.array([0, *(int((Decimal(x).ln() * 256).to_integral_value()) for x in range(1, 4096))])
LN_2 = int((Decimal(2).ln() * 65536).to_integral_value())


def clip(x: Ints, low: int, high: int) -> Ints:
    """numpy.clip without its checks of the type's limits, which take longer than the work."""
    held: Ints = np.minimum(np.maximum(x, low), high)
    return held


def stretch(numerator: Ints, denominator: Ints | int) -> Ints:
    """The logits of numerator / denominator, in 1/256."""
    logits: Ints = STRETCH[clip((numerator << 12) // denominator, 1, 4094)]
    return logits


def ln(x: Ints) -> Ints:
    """The natural logarithms of whole numbers below 2**36, in 1/256; 0 counts as 1."""
    shift = np.maximum(np.frexp(x)[1] - 12, 0)  # frexp counts the binary digits of whole numbers below 2**53 exactly
    logarithms: Ints = LN[np.maximum(x >> shift, 1)] + (shift * LN_2 >> 8)
    return logarithms


class BitCoder(Protocol):
    """Writes bits, or reads them, or counts what they cost."""

    def __call__(self, probabilities: Ints, bits: Ints | None) -> Ints:
        """Codes bits (N,), each 1 with its probability (N,); returns them. `bits` is None when reading."""
        ...


class Mixer:
    """The model of one kind of bit.

    Every bit has a cell (context) in each of some tables, which count the ones and zeros before it in that cell, and
    features: logits, or anything that correlates with them. The bit's logit is the weighted sum of the counts' logits
    and the features. The weights follow the gradient of the code's length.
    """

    def __init__(
        self, tables: Sequence[int], local: Sequence[int], features: int, speed: int, start: Sequence[int]
    ) -> None:
        """A model with empty tables.

        Args:
            tables: sizes of the tables that remain.
            local: sizes of the tables that `forget` empties; their cells come after the others'.
            features: number of features.
            start: first weights, tables before features, in 1/64; those that it does not name are 0.
            speed: learning rate, in hundredths of a full Newton step.
        """
        sizes = [*tables, *local]
        self._speed = speed
        self._first = np.cumsum([0, *sizes[:-1]])[:, None]
        self._kept = sum(tables)
        self._counts = np.zeros(sum(sizes), np.int64)  # of bits, times BIT, and of ones among them
        self._weights = np.zeros(len(sizes) + features, np.int64)
        self._weights[: len(start)] = np.array(start, np.int64) * (ONE // 64)
        self._power = np.zeros(len(sizes) + features, np.int64)

    def forget(self) -> None:
        """Empties the local tables."""
        self._counts[self._kept :] = 0

    def code(self, coder: BitCoder, cells: Ints, features: Ints | None, bits: Ints | None) -> Ints:
        """Codes bits (N,) and learns from them.

        Args:
            coder: writes or reads.
            cells: (tables, N), the bits' cells in each table.
            features: (features, N), within 2047; None where there are none.
            bits: what to write, None when reading.
        """
        where = cells + self._first
        counts = self._counts[where]
        inputs = stretch((counts & BIT - 1) + DOUBT, (counts >> BIT_SHIFT) + 2 * DOUBT)
        if features is not None:
            inputs = np.concatenate([inputs, features])
        logits = (self._weights @ inputs) >> 16
        probabilities = clip(SQUASH[clip(logits, -2047, 2047) + 2048], LEAST, ONE - LEAST)
        bits = coder(probabilities, bits)
        self._learn(inputs, probabilities, bits)
        self._count(where, bits, int(counts.max()))
        return bits

    def _learn(self, inputs: Ints, probabilities: Ints, bits: Ints) -> None:
        slope = inputs @ ((bits << 16) - probabilities)
        power = ((inputs * inputs >> 8) @ (probabilities * (ONE - probabilities) >> 16)) >> 8
        self._power += power - self._power // MEMORY
        self._weights += slope * 256 * self._speed // (self._power + CAUTION) // 100

    def _count(self, where: Ints, bits: Ints, most: int) -> None:
        """Counts the bits in their cells, of which none had more than `most` before."""
        # numpy 2.4.6 reads other memory where `at` is left to broadcast the operand over indices of two dimensions.
        np.add.at(self._counts, where, (bits + BIT)[None].repeat(len(where), 0))
        if (most >> BIT_SHIFT) + len(bits) <= LIMIT:
            return
        counts = self._counts[where]
        over = counts >= (LIMIT + 1) * BIT
        self._counts[where[over]] = (counts[over] >> BIT_SHIFT + 1) * BIT + ((counts[over] & BIT - 1) >> 1)
