"""The expected hypervolume improvement of a network of known size and uncertain accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from explorer.results.archive import Point
from explorer.results.pareto import pareto_front
from explorer.samplers.surrogate import Array


class Staircase:
    """A front as a step function: the best accuracy up to each size.

    Args:
        points: (size, accuracy) pairs; the front is taken of them.
        reference: (size, accuracy) of the worst corner.
    """

    def __init__(self, points: Sequence[Point], reference: Point) -> None:
        front = [points[index] for index in pareto_front(points) if points[index][1] > reference[1]]
        edges = [-np.inf, *(np.log10(size) for size, _ in front), np.inf]
        right = np.log10(reference[0])
        self._left, self._right = np.minimum(edges[:-1], right), np.minimum(edges[1:], right)
        self._heights = np.array([reference[1], *(accuracy for _, accuracy in front)])

    def expected(self, decades: Array, mean: Array, deviation: Array, ceiling: float) -> Array:
        """Expected added area, in decades times accuracy, of networks whose -log(ceiling - accuracy) is Gaussian.

        At each size above its own a network adds max(0, accuracy - best so far), which is constant on each step; so the
        area is the sum over the steps of width times expected improvement. The distance to the ceiling is lognormal, so
        the expected improvement is the price of a put option (Black and Scholes, 1973).

        Args:
            decades: (n,) log10 of the sizes.
            mean, deviation: (n,) of -log(ceiling - accuracy).
            ceiling: above the front's accuracies.
        """
        widths = np.maximum(self._right[None] - np.maximum(self._left[None], decades[:, None]), 0.0)
        missing = np.maximum(ceiling - self._heights[None], 1e-12)  # a predicted accuracy may come close to the ceiling
        mean, deviation = mean[:, None], deviation[:, None]
        z = (np.log(missing) + mean) / deviation
        gain = missing * ndtr(z) - np.exp(0.5 * deviation**2 - mean) * ndtr(z - deviation)
        return np.asarray((widths * np.maximum(gain, 0.0)).sum(axis=1))
