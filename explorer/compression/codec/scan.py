"""The order in which a tensor's codes are coded, and what is known of each from those before it. Integers alone.

A tensor (out, in, height, width) is coded in tiles: some rows (filters), one position of the kernel, some columns
(input channels). Known are all tiles before: the rows above, the kernel's earlier positions, the columns to the left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np

from explorer.compression.codec.mixing import ONE, Ints, clip, ln, stretch
from explorer.compression.codec.prediction import Predictor

Place: TypeAlias = tuple[slice, int, slice]
"""Rows, position in the kernel, columns of a tile."""
LARGEST = 4095
"""Larger magnitudes count as this."""
CODES, LEAST, SHARE = 256, 128, 256
"""A tile has a 256th of the codes, within 128 and 256, about: more is faster, fewer learn sooner."""
BLOCKS = 8
"""A tensor's rows are taken in so many blocks at least: what one teaches serves the next."""
FEWEST = 16
"""Codes that a tile has at least, where there are so many rows: each tile takes its time."""
COLUMNS = 128
"""Columns of a tile where the kernel has one position."""
POSITIONS = 1024
"""A kernel of more positions is taken as one of a single position and as many more channels."""
PRIOR = np.array([4, 4, 4, 1])[:, None]
"""A row, column, channel and kernel are taken to have had so many codes like the tensor's before their first."""


@dataclass(frozen=True)
class View:
    """What is known of a tile's codes. Arrays are (N,) or (4, N), N = rows * columns of the tile; logarithms in 1/256.

    Attributes:
        density: logits of being nonzero by row, column, input channel and kernel, less the tensor's.
        size: logarithms of the mean magnitude by the same, zeros counted in, less the tensor's.
        large: logarithms of the mean magnitude of nonzero codes by the same, less the tensor's.
        signs: (3, N) sums of signs by row, column and kernel in eighths of the nonzero codes, 8 for none.
        known: nonzero codes known of the kernel.
        source: (2, N) density and size of the row before that feeds the column.
        left, above: the neighbours in the kernel, 0 outside.
        inputs: (P, N) what the code is predicted from.
        mean: the code as predicted, in 1/256 of the mean magnitude of nonzero codes.
        level: logit of any code of the tensor being nonzero.
        magnitude: logarithm of the mean magnitude of the nonzero ones, in 1/16.
    """

    density: Ints
    size: Ints
    large: Ints
    signs: Ints
    known: Ints
    source: Ints
    left: Ints
    above: Ints
    inputs: Ints
    mean: Ints
    level: int
    magnitude: int


class Scan:
    """One tensor's statistics. Sums are (4, ...): codes seen, nonzero ones, their magnitudes, their signs."""

    def __init__(self, shape: tuple[int, ...], before: list[Ints]) -> None:
        """Starts before the first tile.

        Args:
            shape: (out, in, height, width), or fewer dimensions.
            before: `summary()` of the tensors before.
        """
        self.out, self.channels, self.positions = shape[0], prod(shape[1:2]), prod(shape[2:])
        if self.positions > POSITIONS:
            self.channels, self.positions = self.channels * self.positions, 1
        self.width = shape[3] if len(shape) == 4 else 1
        self._kernels = np.zeros((self.positions, self.out, self.channels), np.int16)
        self._rows = np.zeros((4, self.out), np.int64)
        self._columns = np.zeros((4, self.positions, self.channels), np.int64)
        self._recent = np.zeros((self.positions, self.channels), np.int64)
        self._predictor = Predictor(self.positions, self.width)
        self._source = self._feeding(before)

    def _feeding(self, before: list[Ints]) -> Ints:
        """(2, channels) of the rows before that become this tensor's input: of one tensor, or two side by side."""
        for last in (*(before[i : i + 1] for i in reversed(range(len(before))[-3:])), before[-2:]):
            if sum(part.shape[1] for part in last) == self.channels:
                return np.concatenate(last, axis=1)
        return np.zeros((2, self.channels), np.int64)

    def places(self) -> Iterator[Place]:
        """The tiles in their order."""
        width = min(self.channels, COLUMNS) if self.positions == 1 else self.channels
        codes = min(CODES, max(LEAST, self._kernels.size // SHARE))
        height = max(-(-FEWEST // width), min(codes // width, self.out // BLOCKS))
        for row in range(0, self.out, height):
            for position in range(self.positions):
                for column in range(0, self.channels, width):
                    columns = slice(column, min(column + width, self.channels))
                    yield slice(row, min(row + height, self.out)), position, columns

    def view(self, place: Place) -> View:
        """What is known of a tile."""
        rows, position, columns = place
        here = self._kernels[: position + 1, rows, columns].astype(np.int64)
        earlier, shape = here[:position], here.shape[1:]
        signs = np.sign(earlier)
        sums = np.empty((4, 4, *shape), np.int64)
        sums[:, 0] = self._rows[:, rows, None]
        sums[:, 1] = self._columns[:, position, None, columns]
        sums[:, 2] = self._columns[:, :, columns].sum(1)[:, None]
        sums[0, 3], sums[1, 3], sums[2, 3], sums[3, 3] = (
            position,
            (signs != 0).sum(0),
            np.abs(earlier).sum(0),
            signs.sum(0),
        )
        seen, nonzero, total, sign = sums.reshape(4, 4, -1)
        share, mean, among = self._usual()
        level, usual, typical = int(stretch(share, ONE)), int(ln(mean)), int(ln(among))
        recent = np.broadcast_to(self._recent[position, columns] >> 2, (1, *shape))
        inputs = np.concatenate([here[self._predictor.neighbours[position]], recent]).reshape(-1, seen.shape[1])
        expected = self._predictor.predict(position, inputs, 2 * int(mean) ** 2)
        average = ((total << 4) + PRIOR * mean) // (seen + PRIOR)
        zero = np.zeros(shape, np.int64)
        return View(
            density=stretch(clip(((nonzero << 16) + PRIOR * share) // (seen + PRIOR), 16, ONE - 16), ONE) - level,
            size=clip(ln(average) - usual, -1000, 1000),
            large=clip(
                ln(((total << 4) + (PRIOR + 1) // 2 * among) // (nonzero + (PRIOR + 1) // 2)) - typical, -1000, 1000
            ),
            signs=clip(sign[[0, 1, 3]] * 8 // (nonzero[[0, 1, 3]] + 2) + 8, 0, 16),
            known=nonzero[3],
            source=np.broadcast_to(self._source[:, None, columns], (2, *shape)).reshape(2, -1),
            left=(here[position - 1] if position % self.width else zero).reshape(-1),
            above=(here[position - self.width] if position >= self.width else zero).reshape(-1),
            inputs=inputs,
            mean=clip((expected << 8) // among, -2000, 2000),
            level=level,
            magnitude=typical,
        )

    def tell(self, place: Place, view: View, codes: Ints) -> None:
        """Takes in a tile's codes (N,)."""
        rows, position, columns = place
        codes = clip(codes, -LARGEST, LARGEST)
        self._predictor.learn(position, view.inputs, codes)
        tile = codes.reshape(self._kernels[position, rows, columns].shape)
        self._kernels[position, rows, columns] = tile
        facts = np.stack([np.ones_like(tile), tile != 0, np.abs(tile), np.sign(tile)])
        self._rows[:, rows] += facts.sum(2)
        self._columns[:, position, columns] += facts.sum(1)
        height = len(tile)
        recent = self._recent[position, columns]
        self._recent[position, columns] += ((tile.sum(0) << 6) // height - recent) * min(height, 8) // 16

    def summary(self) -> Ints:
        """(2, out): density and size of each row, less the tensor's."""
        seen, nonzero, total, _ = self._rows
        share, mean, _ = self._usual()
        density = stretch(clip(((nonzero << 16) + 4 * share) // (seen + 4), 16, ONE - 16), ONE) - stretch(share, ONE)
        return np.stack([density, ln(((total << 4) + 4 * mean) // (seen + 4)) - ln(mean)])

    def _usual(self) -> tuple[Ints, Ints, Ints]:
        """Share of nonzero codes so far, in 1/65536; mean magnitude of all, and of nonzero ones, in 1/16."""
        seen, nonzero, total, _ = self._rows.sum(1)
        return (
            ((nonzero + 1) << 16) // (seen + 2),
            ((total + 1) << 4) // (seen + 1) + 1,
            ((total + 1) << 4) // (nonzero + 1) + 1,
        )
