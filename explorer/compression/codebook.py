"""Weight sharing (Deep Compression, arXiv:1510.00149): the best codebook of a layer by exact one-dimensional k-means.

Dynamic programming finds the optimum (Wang and Song, 2011, doi:10.32614/RJ-2011-015), Lloyd's algorithm a local one.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from explorer.compression.codec.coded import CodedTensor, Doubles, Floats

Places = npt.NDArray[np.int64]
CELLS = 2**12
"""More values than these are put into so many equal cells first: seconds, not minutes, and the squared error of a
codebook of 255 values grows by less than a thousandth."""


def kmeans(values: Doubles, weights: Doubles, k: int) -> tuple[Doubles, Places]:
    """The k centres with the least weighted sum of squared distances to the values.

    In one dimension clusters are intervals, and the best last cut of the first n values moves right with n, so divide
    and conquer finds each further centre's cuts in n log n steps; all cuts of a level are searched at once.

    Args:
        values: (N,) in rising order.
        weights: (N,) positive.
        k: number of centres, at least 1.

    Returns:
        Centres (at most k) in rising order, and for each value the number of its centre.
    """
    distinct, start = np.unique(values, return_index=True)
    weight = np.add.reduceat(weights, start)
    k, n = min(k, len(distinct)), len(distinct)
    middle = np.average(distinct, weights=weight)
    sums = [np.concatenate([[0.0], np.cumsum(weight * (distinct - middle) ** power)]) for power in range(3)]

    def spread(first: Places, end: Places) -> Doubles:
        """Weighted sum of squares about the mean of distinct[first:end], elementwise."""
        total, linear, square = (part[end] - part[first] for part in sums)
        squares: Doubles = np.maximum(square - linear * linear / np.maximum(total, 1e-300), 0.0)
        return squares

    ends = np.arange(n + 1)
    cost = spread(np.zeros(n + 1, np.int64), ends)
    cuts = np.zeros((k, n + 1), np.int64)
    for centre in range(1, k):
        cost, cuts[centre] = _cut(cost, spread, centre, n)
    bounds = [n]
    for centre in range(k - 1, 0, -1):
        bounds.append(int(cuts[centre, bounds[-1]]))
    edges = np.array([0, *reversed(bounds)])
    centres = np.array([np.average(distinct[a:b], weights=weight[a:b]) for a, b in pairwise(edges)])
    return centres, np.searchsorted(distinct[edges[1:-1]], values, side="right")


def _cut(cost: Doubles, spread: Callable[[Places, Places], Doubles], centre: int, n: int) -> tuple[Doubles, Places]:
    """Costs of the first 0 .. n values with one more centre, and where it begins."""
    better, cut = np.full(n + 1, np.inf), np.zeros(n + 1, np.int64)
    # Ranges still to fill: places first .. end - 1, whose cuts lie in low .. high.
    todo = np.array([[centre + 1, n + 1, centre, n]])
    while len(todo):
        first, end, low, high = todo.T
        place = (first + end) // 2
        high = np.minimum(high, place - 1)
        length = high - low + 1
        where = np.repeat(np.arange(len(todo)), length)
        begin = np.cumsum(length) - length
        candidate = np.arange(len(where)) - begin[where] + low[where]
        total = cost[candidate] + spread(candidate, place[where])
        least = np.minimum.reduceat(total, begin)
        hit = np.flatnonzero(total == least[where])
        chosen = candidate[hit[np.searchsorted(where[hit], np.arange(len(todo)))]]
        better[place], cut[place] = least, chosen
        todo = np.concatenate(
            [np.stack([first, place, low, chosen], 1), np.stack([place + 1, end, chosen, todo[:, 3]], 1)]
        )
        todo = todo[todo[:, 0] < todo[:, 1]]
    return better, cut


def share(weights: Floats, importance: Doubles | None, count: int) -> CodedTensor:
    """A weight tensor quantized to the codebook of at most `count` nonzero values that costs least; zeros stay zero.

    Args:
        weights: float32 of any shape.
        importance: of its shape, the cost of a weight's squared error; None: the same everywhere.
        count: size of the codebook.
    """
    flat = weights.reshape(-1)
    kept = np.flatnonzero(flat)
    if not len(kept):
        return CodedTensor(np.zeros(weights.shape, np.int32), levels=np.zeros(0, np.float32))
    order = kept[np.argsort(flat[kept], kind="stable")]
    cost = np.ones(len(order)) if importance is None else importance.reshape(-1)[order]
    cost = cost + 0.1 * cost.mean() + 1e-30  # other images may need weights that the calibration images do not
    centres, which = _codebook(flat[order].astype(np.float64), cost, count)
    new = np.zeros_like(flat)
    new[order] = centres.astype(np.float32)[which]
    return CodedTensor.of(new.reshape(weights.shape))


def largest(weights: Floats, count: int) -> Floats:
    """Magnitude pruning: the weights with all but the `count` largest set to zero."""
    flat = np.abs(weights.reshape(-1))
    if count >= np.count_nonzero(flat):
        return weights
    kept = np.zeros(flat.shape, bool)
    kept[np.argsort(-flat, kind="stable")[:count]] = True
    return np.where(kept.reshape(weights.shape), weights, np.float32(0))


def _codebook(values: Doubles, weights: Doubles, count: int) -> tuple[Doubles, Places]:
    """`kmeans` of values in rising order; of the means of cells where there are more than CELLS."""
    if len(values) <= CELLS:
        return kmeans(values, weights, count)
    cell = np.minimum(CELLS * (values - values[0]) / max(values[-1] - values[0], 1e-300), CELLS - 1).astype(np.int64)
    _, start, place = np.unique(cell, return_index=True, return_inverse=True)
    weight = np.add.reduceat(weights, start)
    centres, which = kmeans(np.add.reduceat(weights * values, start) / weight, weight, count)
    return centres, which[place]
