"""Shared weights: the best codebook for some numbers by dynamic programming, exact 1-D k-means, not Lloyd's descent."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from explorer.compression.codec.coded import CodedTensor, Floats

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
FINE = 2**12
"""Where there are more values than these, those of one of so many equal cells are taken as one: seconds, not minutes,
and no codebook of 255 values is worse by a thousandth for it."""


def kmeans(values: Doubles, weights: Doubles, k: int) -> tuple[Doubles, Places]:
    """The k centres with the least weighted sum of squared distances to the values: the optimum, not a local one.

    In one dimension clusters are intervals, and the best last cut of the first n values moves right with n, so each
    further centre costs n log n steps: all cuts of a level of the halving are searched at once.

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
        """Weighted squares about their mean of distinct[first:end], elementwise."""
        total, one, two = (part[end] - part[first] for part in sums)
        squares: Doubles = np.maximum(two - one * one / np.maximum(total, 1e-300), 0.0)
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
    # Halves: (first, end) of places to fill and (low, high) of where their cuts can lie.
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
    """A weight tensor with at most `count` distinct nonzero values, those that lose least; zeros stay zero.

    Args:
        weights: float32 of any shape.
        importance: of its shape, what a squared error of each costs; None: the same everywhere.
        count: size of the codebook.
    """
    flat = weights.reshape(-1)
    kept = np.flatnonzero(flat)
    if not len(kept):
        return CodedTensor(np.zeros(weights.shape, np.int32), levels=np.zeros(0, np.float32))
    order = kept[np.argsort(flat[kept], kind="stable")]
    price = np.ones(len(order)) if importance is None else importance.reshape(-1)[order]
    price = price + 0.1 * price.mean() + 1e-30  # images not seen may need what those seen did not
    centres, which = _codebook(flat[order].astype(np.float64), price, count)
    new = np.zeros_like(flat)
    new[order] = centres.astype(np.float32)[which]
    return CodedTensor.of(new.reshape(weights.shape))


def largest(weights: Floats, count: int) -> Floats:
    """The weights with all but the so many largest set to zero."""
    flat = np.abs(weights.reshape(-1))
    if count >= np.count_nonzero(flat):
        return weights
    kept = np.zeros(flat.shape, bool)
    kept[np.argsort(-flat, kind="stable")[:count]] = True
    return np.where(kept.reshape(weights.shape), weights, np.float32(0))


def _codebook(values: Doubles, price: Doubles, count: int) -> tuple[Doubles, Places]:
    """`kmeans` of values in rising order, of their cells where they are many."""
    if len(values) <= FINE:
        return kmeans(values, price, count)
    cell = np.minimum(FINE * (values - values[0]) / max(values[-1] - values[0], 1e-300), FINE - 1).astype(np.int64)
    _, start, place = np.unique(cell, return_index=True, return_inverse=True)
    weight = np.add.reduceat(price, start)
    centres, which = kmeans(np.add.reduceat(price * values, start) / weight, weight, count)
    return centres, which[place]
