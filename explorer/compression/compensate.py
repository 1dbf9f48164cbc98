"""Rounding to a grid with error compensation by the weights not yet rounded: GPTQ with a price on bits.

For a row w of a layer and inputs with second moments A, rounding to q costs (w - q) A (w - q)^T at the output. With
A = L D L^T (L unit lower triangular) that is the sum over columns j of D_j u_j^2, u = (w - q) L, and u_j depends on
column j and those after it alone: columns are rounded from the last to the first, each once. Frantar et al., GPTQ,
arXiv:2210.17323, after optimal brain surgeon; Chee et al., QuIP, arXiv:2307.13304, show that no linear feedback in a
fixed order does better. Here a code is the one with the least D_j u_j^2 + price * bits, as in entropy-constrained
quantization: a rare code is used where it is worth its bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from explorer.compression.codec.coded import Codes, Doubles, Floats
from explorer.compression.rate import Rate

BLOCK = 48
"""Columns rounded between two products of matrices."""
DAMPING = 1e-3
"""Share of the inputs' mean power that is added to each column's, as moments are estimated from few images."""


@dataclass(frozen=True)
class Curvature:
    """Second moments of a layer's inputs, decomposed in the order in which its columns are rounded.

    Attributes:
        order: (C,) columns; the last is rounded first.
        lower: L, float32 (C, C), for the columns in this order.
        power: D, float32 (C,).
        bias: whether the first column in order is the bias, which has no code and compensates without error.
    """

    order: npt.NDArray[np.intp]
    lower: Floats
    power: Floats
    bias: bool

    @staticmethod
    def of(moments: Doubles, bias: bool) -> Curvature:
        """Decomposes second moments (C, C); with `bias` the last input is 1.

        The columns of the largest power are rounded first, while all others are left to compensate.
        """
        columns = len(moments) - bias
        damped = moments + np.diag(np.append(np.full(columns, DAMPING * _mean(moments, columns)), [1e-6] * bias))
        order = np.argsort(np.diag(damped)[:columns], kind="stable")
        if bias:
            order = np.insert(order, 0, columns)
        root = np.linalg.cholesky(damped[np.ix_(order, order)])
        scale = np.diag(root)
        return Curvature(order, (root / scale).astype(np.float32), (scale**2).astype(np.float32), bias)

    def typical(self, weights: Floats) -> float:
        """Geometric mean of the power over the nonzero weights (O, C), which a row's step depends on."""
        counts = (weights[:, self.order] != 0).sum(0)
        if self.bias:
            counts[0] = 0
        return float(np.exp(np.log(self.power) @ counts / max(counts.sum(), 1)))


def compensate(
    weights: Floats, curvature: Curvature, importance: Floats, steps: Floats, price: float, fixed: npt.NDArray[np.bool_]
) -> tuple[Codes, Floats]:
    """Rounds the rows of a layer.

    Args:
        weights: float32 (O, C), with the bias as last column if the curvature has one.
        curvature: of the inputs.
        importance: (O,), the cost of a row's squared output error.
        steps: (O,), the grid of each row.
        price: cost of a bit.
        fixed: bool (O, C), weights that have to be zero; the bias's column is not looked at.

    Returns:
        Codes (O, C without the bias), and the biases (O,) that compensate the remaining error, empty without a bias.
    """
    target, closed = weights[:, curvature.order], fixed[:, curvature.order]
    first = int(curvature.bias)
    codes = np.where(closed, 0, np.rint(target / steps[:, None])).astype(np.int32)
    for _ in range(2):  # the first histogram is that of plain rounding
        codes, error = _sweep(target, curvature, importance * steps**2, steps, price, Rate.of(codes[:, first:]), closed)
    ordered = np.empty_like(codes)
    ordered[:, curvature.order] = codes
    return (ordered[:, :-1], target[:, 0] - error[:, 0]) if first else (ordered, np.zeros(0, np.float32))


def _sweep(
    target: Floats,
    curvature: Curvature,
    importance: Floats,
    steps: Floats,
    price: float,
    rate: Rate,
    closed: npt.NDArray[np.bool_],
) -> tuple[Codes, Floats]:
    """Codes of every column, from the last to the first, and their errors target - code * step; in rounding order."""
    lower, first = curvature.lower, int(curvature.bias)
    codes, error = np.zeros(target.shape, np.int32), np.zeros_like(target)
    cost_of_zero = price * float(rate(np.zeros(1, np.float32))[0])
    high = target.shape[1]
    while high > first:
        low = max(first, high - BLOCK)
        block = target[:, low:high] + error[:, high:] @ lower[high:, low:high]
        for j in range(high - 1, low - 1, -1):
            wanted = (block[:, j - low] + error[:, j + 1 : high] @ lower[j + 1 : high, j]) / steps
            weight = importance * curvature.power[j]
            near = np.clip(np.rint(wanted), -rate.largest, rate.largest)
            smaller = near - np.sign(near)
            cost = weight * (wanted - near) ** 2 + price * rate(near)
            other = weight * (wanted - smaller) ** 2 + price * rate(smaller)
            best, cost = np.where(other < cost, smaller, near), np.minimum(cost, other)
            best = np.where((weight * wanted**2 + cost_of_zero <= cost) | closed[:, j], 0, best)
            codes[:, j] = best
            error[:, j] = target[:, j] - best * steps
        high = low
    if first:
        error[:, 0] = -(error[:, 1:] @ lower[1:, 0])
    return codes, error


def _mean(moments: Doubles, columns: int) -> float:
    """Mean power of the inputs; 1 where all are always 0."""
    return float(np.diag(moments)[:columns].mean()) or 1.0
