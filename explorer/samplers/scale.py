"""The scale on which accuracy is modelled: the logarithm of the distance to a ceiling.

Small networks differ by tenths of accuracy, the best ones by thousandths. A model with one amplitude and one noise for
both sees only the small ones. With w = -log(ceiling - accuracy), halving the distance to the ceiling counts the same
everywhere. How far the ceiling lies above the best accuracy is learned. The larger this margin, the more linear is the
scale, so a measure that is far from any ceiling is hardly changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.samplers.surrogate import Array, Indices, Surrogate, prior

MARGINS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Candidates for the distance from the best accuracy to the ceiling, in distances from the best to the median."""
LEAST = 0.01
"""Least distance from the best to the median, as a share of that from the best to the worst: ties at the top."""
EQUAL = 1e-9
"""Accuracies closer than this share of the best are equal."""


@dataclass(frozen=True)
class Scale:
    """A scale of accuracies below a ceiling.

    Args:
        ceiling: above every accuracy.
    """

    ceiling: float

    def values(self, accuracy: Array) -> Array:
        """Of accuracies; the better the higher."""
        return np.asarray(-np.log(self.ceiling - accuracy))

    def variances(self, accuracy: Array, variance: Array) -> Array:
        """Of values, where those of the accuracies are small."""
        return np.asarray(variance / (self.ceiling - accuracy) ** 2)

    def accuracies(self, values: Array) -> Array:
        """Of values."""
        return np.asarray(self.ceiling - np.exp(-values))


def scale_above(accuracy: Array, margin: float, best: float = -np.inf) -> Scale:
    """The scale whose ceiling lies a margin above the best accuracy.

    Args:
        accuracy: (n,) of the trials, at least one.
        margin: see `MARGINS`.
        best: another accuracy below the ceiling.
    """
    top, worst, median = max(float(accuracy.max()), best), float(accuracy.min()), float(np.median(accuracy))
    distance = max(top - median, LEAST * (top - worst))
    return Scale(top + margin * (distance if distance > EQUAL * abs(top) else abs(top) or 1.0))


def learned_margin(groups: Indices, x: Array, accuracy: Array, noise: Array) -> float:
    """The margin of the highest likelihood of the accuracies.

    Args: as of `Surrogate`, whose kernel is the expected one here.
    """

    def misfit(margin: float) -> float:
        scale = scale_above(accuracy, margin)
        values = scale.values(accuracy)
        surrogate = Surrogate(groups, prior(groups)[0], x, values, scale.variances(accuracy, noise))
        return surrogate.misfit - float(values.sum())  # the density of accuracies, not of values

    return min(MARGINS, key=misfit)
