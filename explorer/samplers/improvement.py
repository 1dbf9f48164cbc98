"""The expected hypervolume improvement of a network of known size and uncertain accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from explorer.results.archive import Point
from explorer.results.pareto import pareto_front
from explorer.samplers.surrogate import Array


class Staircase:
    """A front as a step function: the best accuracy up to each size, or up to each pair of sizes.

    Args:
        points: (size, accuracy) or (size, size, accuracy); the front is taken of them.
        reference: the worst corner.
    """

    def __init__(self, points: Sequence[Point], reference: Point) -> None:
        above = [points[index] for index in pareto_front(points) if points[index][-1] > reference[-1]]
        front = np.array(above).reshape(-1, len(reference))
        steps = [np.unique(sizes) for sizes in front.T[:-1]]
        best = np.full([len(sizes) + 1 for sizes in steps], reference[-1])
        for *sizes, accuracy in front:  # a network's accuracy holds from its own sizes on
            from_here = tuple(slice(np.searchsorted(*axis) + 1, None) for axis in zip(steps, sizes, strict=True))
            best[from_here] = np.maximum(best[from_here], accuracy)
        self._heights, level = np.unique(best, return_inverse=True)
        self._level = level.reshape(-1, best.shape[-1])  # one row of steps where there is one size
        self._sides: list[tuple[Array, Array]] = []
        for axis, largest in zip(steps, reference[:-1], strict=True):
            edges, right = np.concatenate([[-np.inf], np.log10(axis), [np.inf]]), np.log10(largest)
            self._sides.append((np.minimum(edges[:-1], right), np.minimum(edges[1:], right)))

    def expected(self, decades: Array, mean: Array, deviation: Array, ceiling: float) -> Array:
        """Expected added area, in decades times accuracy, of networks whose -log(ceiling - accuracy) is Gaussian.

        At each size above its own a network adds max(0, accuracy - best so far), which is constant on each step; so the
        area is the sum over the steps of width times expected improvement. The distance to the ceiling is lognormal, so
        the expected improvement is the price of a put option (Black and Scholes, 1973). Of two sizes it is the volume,
        and a step is a rectangle.

        Args:
            decades: (n, sizes) log10 of the sizes.
            mean, deviation: (n,) of -log(ceiling - accuracy).
            ceiling: above the front's accuracies.
        """
        *first, last = (
            np.maximum(right[None] - np.maximum(left[None], own[:, None]), 0.0)
            for (left, right), own in zip(self._sides, decades.T, strict=True)
        )
        missing = np.maximum(ceiling - self._heights[None], 1e-12)  # a predicted accuracy may come close to the ceiling
        mean, deviation = mean[:, None], deviation[:, None]
        z = (np.log(missing) + mean) / deviation
        gain = missing * ndtr(z) - np.exp(0.5 * deviation**2 - mean) * ndtr(z - deviation)
        gain = np.maximum(gain, 0.0)
        rows = [(last * gain[:, level]).sum(axis=1) for level in self._level]
        return np.asarray(rows[0] if not first else (first[0] * np.stack(rows, axis=1)).sum(axis=1))
