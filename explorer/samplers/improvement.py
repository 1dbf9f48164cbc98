"""The area between front and reference that a network of known size and uncertain accuracy is expected to add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from explorer.front import Point, pareto_front
from explorer.samplers.surrogate import Array


class Staircase:
    """A front as the best accuracy to be had at each size.

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

    def expected(self, decades: Array, mean: Array, deviation: Array) -> Array:
        """Expected added area, in decades times accuracy, of networks of Gaussian accuracy.

        At each size above its own a network adds max(0, accuracy - best so far), which is constant on each step:
        the sum over the steps of width times expected improvement.

        Args:
            decades: (n,) log10 of the sizes.
            mean, deviation: (n,) of the accuracies.
        """
        widths = np.maximum(self._right[None] - np.maximum(self._left[None], decades[:, None]), 0.0)
        deviation = deviation[:, None]
        gain = mean[:, None] - self._heights[None]
        z = gain / deviation
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        return np.asarray((widths * (gain * ndtr(z) + deviation * density)).sum(axis=1))
