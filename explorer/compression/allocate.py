"""Bit allocation: how many weights each layer keeps and how large its codebook is, for the least loss within a budget.

Every layer takes the choice that is best at one Lagrange multiplier (Shoham and Gersho, 1988, "Efficient bit
allocation for an arbitrary set of quantizers").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2, sqrt
from typing import TypeVar

import numpy as np

from explorer.compression.codec.coded import CompressionError, Doubles, Floats

DENSITIES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.33, 0.27, 0.22, 0.18, 0.15, 0.12, 0.1, 0.08, 0.065, 0.05, 0.04, 0.03, 0.02)
BITS = (2, 3, 4, 5, 6, 7, 8)
LEVEL = 1.5
"""Bytes of a codebook's level in the file, about."""


C = TypeVar("C", bound="Choice")


class TooFewBytesError(CompressionError):
    """A budget that is too small where `least` bytes, by an estimate, are the least; it names one that would do.

    It has half as many again: the estimate is that of one round, and training adds some.
    """

    def __init__(self, budget: float, least: float) -> None:
        enough = ceil(1.5 * least / 100) / 10
        super().__init__(f"{budget:,.0f} bytes are too few for this network, budget={enough:g}kB would do")
        self.least = least


@dataclass(frozen=True)
class Choice:
    """What a layer may become.

    Attributes:
        kept: weights that stay.
        bits: of its codes; the codebook has 2**bits - 1 levels beside 0.
        loss: what that costs, in nats an image.
        bytes: of its weights in the file, estimated.
    """

    kept: int
    bits: int
    loss: float
    bytes: float


def choices(
    weights: Floats,
    fisher: Doubles,
    densities: Sequence[float] = DENSITIES,
    bits: Sequence[int] = BITS,
    recovered: float = 0.0,
) -> list[Choice]:
    """What a layer may become.

    Args:
        weights: of the layer; zeros are taken as pruned before, and stay.
        fisher: of their shape: half of it times a squared error is what the error costs.
        densities: shares of all weights that may stay.
        bits: that codes may have.
        recovered: share of the loss by pruning that training recovers afterwards.
    """
    magnitudes = np.abs(weights.reshape(-1)).astype(np.float64)
    order = np.argsort(-magnitudes, kind="stable")
    magnitudes = magnitudes[order]
    size, nonzero = len(magnitudes), int(np.count_nonzero(magnitudes))
    # The Fisher information of one weight is a noisy estimate; half of it is taken from its layer's mean.
    costs = fisher.reshape(-1)[order]
    costs = 0.5 * costs + 0.5 * costs.mean()
    pruning = 0.5 * np.concatenate([np.cumsum((costs * magnitudes**2)[::-1])[::-1], [0.0]])
    options = []
    for kept in sorted({min(max(1, round(density * size)), max(nonzero, 1)) for density in densities}):
        spread, cost = _spread(magnitudes[:kept]), float(costs[:kept].mean())
        mask = size * _entropy(kept / size)
        for width in bits:
            levels = min(2**width - 1, kept)
            noise = spread / levels**2 if levels < kept else 0.0
            code = kept * max(0.0, log2(levels) - 0.35) if levels > 1 else 0.0
            loss = (1 - recovered) * pruning[kept] + 0.5 * cost * kept * noise
            options.append(Choice(kept, width, loss, (mask + code) / 8 + LEVEL * levels))
    return options


def allocate(options: Mapping[str, Sequence[C]], budget: float, beside: int = 0) -> dict[str, C]:
    """One choice a layer: their loss is least among those whose bytes are within the budget.

    Every layer takes the choice of least loss + multiplier * bytes, at the lowest multiplier that the budget allows.

    Args:
        options: of each layer.
        budget: bytes of the file.
        beside: bytes of the file that are no weights: header and biases.

    Raises:
        TooFewBytesError: if the smallest choices are larger than the budget.
    """
    room = budget - beside

    def at(multiplier: float) -> dict[str, C]:
        return {
            name: min(some, key=lambda choice: (choice.loss + multiplier * choice.bytes, choice.bytes))
            for name, some in options.items()
        }

    smallest = {name: min(some, key=lambda choice: choice.bytes) for name, some in options.items()}
    if _size(smallest) > room:
        raise TooFewBytesError(budget, _size(smallest) + beside)
    _, multiplier = bisect(1e-15, 1e3, 60, lambda multiplier: _size(at(multiplier)) > room)
    chosen = at(multiplier)
    return chosen if _size(chosen) <= room else smallest


def bisect(low: float, high: float, steps: int, too_low: Callable[[float], bool]) -> tuple[float, float]:
    """Halves a range of positive numbers so many times, on a logarithmic scale; what is left of it."""
    for _ in range(steps):
        middle = sqrt(low * high)
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return low, high


def _size(chosen: Mapping[str, Choice]) -> float:
    return sum(choice.bytes for choice in chosen.values())


def _spread(magnitudes: Doubles) -> float:
    """Mean square error of the best codebook, times the square of its length, for either sign of these magnitudes.

    Panter and Dite's integral (1951), over a histogram.
    """
    counts, edges = np.histogram(np.concatenate([magnitudes, -magnitudes]), bins=64)
    step = float(edges[1] - edges[0])
    return float((np.cbrt(counts / counts.sum() / max(step, 1e-300)) * step).sum() ** 3 / 12)


def _entropy(share: float) -> float:
    """Entropy of a binary variable, in bits."""
    return 0.0 if share in (0.0, 1.0) else -share * log2(share) - (1 - share) * log2(1 - share)
