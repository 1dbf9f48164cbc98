"""Linear prediction of a code from its neighbours in the kernel and its column's mean, by exact least squares."""

from __future__ import annotations

import numpy as np

from explorer.compression.codec.mixing import Ints

NEIGHBOURS = 8
"""Positions of a kernel, the nearest of those coded before, that predict the next."""
SMALL = 50
"""The ridge is 1/50 of each neighbour's power, and `ridge` beside it."""


class Predictor:
    """Linear prediction for each position of a kernel; learns from one block of rows for the next."""

    def __init__(self, positions: int, width: int) -> None:
        """Starts without any codes.

        Args:
            positions: height times width of the kernel.
            width: of the kernel.
        """
        self.neighbours = [_nearest(position, width) for position in range(positions)]
        sizes = [len(near) + 1 for near in self.neighbours]
        self._squares = [np.zeros((size, size), np.int64) for size in sizes]
        self._products = [np.zeros(size, np.int64) for size in sizes]

    def predict(self, position: int, inputs: Ints, ridge: int) -> Ints:
        """The codes predicted from inputs, in 1/16.

        Args:
            position: in the kernel.
            inputs: (P, N) codes of the neighbours and, last, 16 times the column's mean.
            ridge: added to the power of each input.
        """
        squares = self._squares[position]
        if not squares.any():
            return np.zeros(inputs.shape[1], np.int64)
        system = [[int(value) for value in row] for row in squares]
        for i, row in enumerate(system):
            row[i] += row[i] // SMALL + ridge
            row.append(int(self._products[position][i]))
        return (np.array(solve(system)) @ inputs) >> 8

    def learn(self, position: int, inputs: Ints, codes: Ints) -> None:
        """Adds the codes (N,) to the normal equations."""
        self._squares[position] += inputs @ inputs.T
        self._products[position] += inputs @ codes


def solve(system: list[list[int]]) -> list[int]:
    """Solves A x = b for a positive definite A; x in 1/4096, held within 16.

    Args:
        system: the rows of A, each with its b behind it. Whole numbers of any size: fraction-free elimination
            (Bareiss) is exact, so every machine computes the same.
    """
    size, before = len(system), 1
    for k in range(size):
        pivot = system[k][k]
        for row in system[k + 1 :]:
            factor = row[k]
            for j in range(k + 1, size + 1):
                row[j] = (row[j] * pivot - factor * system[k][j]) // before
        before = pivot
    # Back substitution rounds, in integers, so the same everywhere.
    solution = [0] * size
    for k in reversed(range(size)):
        rest = (system[k][size] << 12) - sum(system[k][j] * solution[j] for j in range(k + 1, size))
        solution[k] = max(-(16 << 12), min(16 << 12, rest // system[k][k]))
    return solution


def _nearest(position: int, width: int) -> list[int]:
    y, x = divmod(position, width)
    return sorted(range(position), key=lambda other: ((other // width - y) ** 2 + (other % width - x) ** 2, other))[
        :NEIGHBOURS
    ]
