"""How many weights each layer keeps and how large its codebook is: the least loss within a budget of bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from explorer.compression.codebook import Doubles
from explorer.compression.codec.coded import CompressionError, Floats

DENSITIES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.33, 0.27, 0.22, 0.18, 0.15, 0.12, 0.1, 0.08, 0.065, 0.05, 0.04, 0.03, 0.02)
BITS = (2, 3, 4, 5, 6, 7, 8)
LEVEL = 1.5
"""Bytes of a codebook's level in the file, about."""


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
    healed: float = 0.0,
) -> list[Choice]:
    """What a layer may become.

    Args:
        weights: of the layer; zeros are taken as pruned before, and stay.
        fisher: of their shape: half of it times a squared error is what the error costs.
        densities: shares of all weights that may stay.
        bits: that codes may have.
        healed: share of what pruning costs that training makes good afterwards.
    """
    flat = np.abs(weights.reshape(-1)).astype(np.float64)
    order = np.argsort(-flat, kind="stable")
    size, there = len(flat), int(np.count_nonzero(flat))
    # A weight's own Fisher information is known too badly; its layer's mean tells half of it.
    prices = fisher.reshape(-1)[order]
    prices = 0.5 * prices + 0.5 * prices.mean()
    lost = 0.5 * np.concatenate([np.cumsum((prices * flat[order] ** 2)[::-1])[::-1], [0.0]])
    found = []
    for kept in sorted({min(max(1, round(density * size)), max(there, 1)) for density in densities}):
        spread, price = _spread(flat[order][:kept]), float(prices[:kept].mean())
        mask = size * _entropy(kept / size)
        for width in bits:
            levels = min(2**width - 1, kept)
            noise = spread / levels**2 if levels < kept else 0.0
            code = kept * max(0.0, log2(levels) - 0.35) if levels > 1 else 0.0
            loss = (1 - healed) * lost[kept] + 0.5 * price * kept * noise
            found.append(Choice(kept, width, loss, (mask + code) / 8 + LEVEL * levels))
    return found


def allocate(options: Mapping[str, Sequence[Choice]], budget: float) -> dict[str, Choice]:
    """For each layer the choice, so that their loss is least and their bytes are within the budget.

    Every layer takes the choice of least loss + price * bytes at one price, the lowest that the budget allows.

    Raises:
        CompressionError: if the smallest choices are larger than the budget.
    """

    def at(price: float) -> dict[str, Choice]:
        return {
            name: min(some, key=lambda choice: (choice.loss + price * choice.bytes, choice.bytes))
            for name, some in options.items()
        }

    def size(chosen: Mapping[str, Choice]) -> float:
        return sum(choice.bytes for choice in chosen.values())

    least = {name: min(some, key=lambda choice: choice.bytes) for name, some in options.items()}
    if size(least) > budget:
        raise CompressionError(
            f"beside header and biases {max(budget, 0):,.0f} bytes are left for the weights, too few: "
            f"{size(least):,.0f} is the least"
        )
    low, high = 1e-15, 1e3
    for _ in range(60):
        price = float(np.sqrt(low * high))
        low, high = (low, price) if size(at(price)) <= budget else (price, high)
    chosen = at(high)
    return chosen if size(chosen) <= budget else least


def _spread(magnitudes: Doubles) -> float:
    """Mean square error of the best codebook, times the square of its length: Panter and Dite's integral, two signs."""
    counts, edges = np.histogram(np.concatenate([magnitudes, -magnitudes]), bins=64)
    step = float(edges[1] - edges[0])
    return float((np.cbrt(counts / counts.sum() / max(step, 1e-300)) * step).sum() ** 3 / 12)


def _entropy(share: float) -> float:
    """Bits of a choice of two, one of which has this share."""
    return 0.0 if share in (0.0, 1.0) else -share * log2(share) - (1 - share) * log2(1 - share)
