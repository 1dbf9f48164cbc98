"""The order in which a tensor's codes are coded, and the context of each: statistics of those before. Integers alone.

A tensor (out, in, height, width) is coded in tiles: some rows (filters), one position of the kernel, some columns
(input channels). The context are all tiles before: the rows above, the kernel's earlier positions, the columns to the
left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import numpy as np

from explorer.compression.codec.mixing import ONE, Ints, clip, ln, stretch
from explorer.compression.codec.prediction import Predictor

Tile: TypeAlias = tuple[slice, int, slice]
"""Its rows, position in the kernel, columns."""
LARGEST = 4095
"""Larger magnitudes count as this one."""
CODES, LEAST, SHARE = 256, 128, 256
"""A tile has about a 256th of the codes, within 128 and 256: large tiles are faster, small ones adapt sooner."""
BLOCKS = 8
"""A tensor's rows are split into at least so many blocks, each coded with what the blocks before taught."""
FEWEST = 16
"""Codes of a tile at least, if the tensor has the rows for it: each tile has a fixed cost in time."""
COLUMNS = 128
"""Columns of a tile where the kernel has one position."""
POSITIONS = 1024
"""A kernel of more positions is coded as one of a single position with as many more channels."""
PRIOR = np.array([4, 4, 4, 1])[:, None]
"""Weight of the tensor's mean in the statistics of a row, column, channel and kernel, in codes."""


@dataclass(frozen=True)
class Context:
    """Statistics of the codes before a tile's.

    Arrays are (N,) or (4, N), N = rows * columns of the tile; logarithms are in 1/256.

    Attributes:
        density: logits of being nonzero by row, column, input channel and kernel, less the tensor's.
        size: logarithms of the mean magnitude by the same, zeros counted in, less the tensor's.
        large: logarithms of the mean magnitude of nonzero codes by the same, less the tensor's.
        signs: (3, N) sums of signs by row, column and kernel in eighths of the nonzero codes, 8 for none.
        nonzero: nonzero codes before in the kernel.
        source: (2, N) density and size of the row of an earlier tensor whose output is the column's input.
        left, above: the neighbours in the kernel, 0 outside.
        inputs: (P, N) of the linear prediction.
        mean: linear prediction of the code, in 1/256 of the mean magnitude of nonzero codes.
        level: logit of any code of the tensor being nonzero.
        magnitude: logarithm of the mean magnitude of the nonzero ones, in 1/16.
    """

    density: Ints
    size: Ints
    large: Ints
    signs: Ints
    nonzero: Ints
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

    def tiles(self) -> Iterator[Tile]:
        """The tiles in their order."""
        width = min(self.channels, COLUMNS) if self.positions == 1 else self.channels
        codes = min(CODES, max(LEAST, self._kernels.size // SHARE))
        height = max(-(-FEWEST // width), min(codes // width, self.out // BLOCKS))
        for row in range(0, self.out, height):
            for position in range(self.positions):
                for column in range(0, self.channels, width):
                    columns = slice(column, min(column + width, self.channels))
                    yield slice(row, min(row + height, self.out)), position, columns

    def context(self, tile: Tile) -> Context:
        """The context of a tile's codes."""
        rows, position, columns = tile
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
        share, mean, magnitude = self._means()
        level, log_mean, log_magnitude = int(stretch(share, ONE)), int(ln(mean)), int(ln(magnitude))
        recent = np.broadcast_to(self._recent[position, columns] >> 2, (1, *shape))
        inputs = np.concatenate([here[self._predictor.neighbours[position]], recent]).reshape(-1, seen.shape[1])
        expected = self._predictor.predict(position, inputs, 2 * int(mean) ** 2)
        average = ((total << 4) + PRIOR * mean) // (seen + PRIOR)
        zero = np.zeros(shape, np.int64)
        return Context(
            density=stretch(clip(((nonzero << 16) + PRIOR * share) // (seen + PRIOR), 16, ONE - 16), ONE) - level,
            size=clip(ln(average) - log_mean, -1000, 1000),
            large=clip(
                ln(((total << 4) + (PRIOR + 1) // 2 * magnitude) // (nonzero + (PRIOR + 1) // 2)) - log_magnitude,
                -1000,
                1000,
            ),
            signs=clip(sign[[0, 1, 3]] * 8 // (nonzero[[0, 1, 3]] + 2) + 8, 0, 16),
            nonzero=nonzero[3],
            source=np.broadcast_to(self._source[:, None, columns], (2, *shape)).reshape(2, -1),
            left=(here[position - 1] if position % self.width else zero).reshape(-1),
            above=(here[position - self.width] if position >= self.width else zero).reshape(-1),
            inputs=inputs,
            mean=clip((expected << 8) // magnitude, -2000, 2000),
            level=level,
            magnitude=log_magnitude,
        )

    def update(self, tile: Tile, context: Context, codes: Ints) -> None:
        """Adds a tile's codes (N,) to the statistics."""
        rows, position, columns = tile
        codes = clip(codes, -LARGEST, LARGEST)
        self._predictor.learn(position, context.inputs, codes)
        block = codes.reshape(self._kernels[position, rows, columns].shape)
        self._kernels[position, rows, columns] = block
        counts = np.stack([np.ones_like(block), block != 0, np.abs(block), np.sign(block)])
        self._rows[:, rows] += counts.sum(2)
        self._columns[:, position, columns] += counts.sum(1)
        height = len(block)
        recent = self._recent[position, columns]
        self._recent[position, columns] += ((block.sum(0) << 6) // height - recent) * min(height, 8) // 16

    def summary(self) -> Ints:
        """(2, out): density and size of each row, less the tensor's."""
        seen, nonzero, total, _ = self._rows
        share, mean, _ = self._means()
        density = stretch(clip(((nonzero << 16) + 4 * share) // (seen + 4), 16, ONE - 16), ONE) - stretch(share, ONE)
        return np.stack([density, ln(((total << 4) + 4 * mean) // (seen + 4)) - ln(mean)])

    def _means(self) -> tuple[Ints, Ints, Ints]:
        """Share of nonzero codes so far, in 1/65536; mean magnitudes of all codes and of nonzero ones, in 1/16."""
        seen, nonzero, total, _ = self._rows.sum(1)
        return (
            ((nonzero + 1) << 16) // (seen + 2),
            ((total + 1) << 4) // (seen + 1) + 1,
            ((total + 1) << 4) // (nonzero + 1) + 1,
        )
