"""How the errors of a space are spread: empirical distribution functions, as drawn and at equal size, with bands.

Radosavovic et al. 2019, "On Network Design Spaces for Visual Recognition" (arXiv:1905.13214): two spaces are compared
by the errors of networks drawn uniformly from each, not by the best that a search found in it, and at equal size, as
larger networks are better. There too the networks are sorted into bins of equal width in their size, and each bin that
holds any weighs the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from explorer.results.record import StudyRecord, TrialRecord
from explorer.space import DesignSpace

Array: TypeAlias = NDArray[np.float64]

ENOUGH = 10
"""Networks below which a sample says next to nothing of its space."""
BINS, A_BIN = 10, 5
"""Most bins of size, and networks that there should be for each."""
RESAMPLES, CONFIDENCE = 1_000, 0.95


@dataclass(frozen=True)
class Sample:
    """Networks drawn uniformly from a space, and trained to the end.

    Attributes:
        study: its name.
        trials: by number.
        lost: uniform draws whose training failed, and so without an error.
    """

    study: str
    trials: tuple[TrialRecord, ...]
    lost: int

    @property
    def enough(self) -> bool:
        """Whether it says anything of the space."""
        return len(self.trials) >= ENOUGH

    @property
    def errors(self) -> Array:
        """1 - the metric of each, shape (n,)."""
        return np.array([1 - (trial.accuracy or 0.0) for trial in self.trials])

    @property
    def sizes(self) -> Array:
        """Params of each, shape (n,)."""
        return np.array([trial.size for trial in self.trials])


@dataclass(frozen=True)
class Edf:
    """An empirical distribution function: the share of networks with at most a given error.

    Attributes:
        errors: distinct errors, rising, shape (n,).
        shares: weight at or below each, rising to 1, shape (n,).
        low, high: pointwise bootstrap band, shape (n,).
        mean: mean error, which is the area above the function.
        mean_low, mean_high: its bootstrap interval.
    """

    errors: Array
    shares: Array
    low: Array
    high: Array
    mean: float
    mean_low: float
    mean_high: float


@dataclass(frozen=True)
class Difference:
    """Mean error of one sample less that of another, the area between their distribution functions.

    Attributes:
        value: the estimate; below zero: the first is better.
        low, high: bootstrap interval.
    """

    value: float
    low: float
    high: float

    @property
    def significant(self) -> bool:
        """Whether the two can be told apart: the interval has no 0 in it."""
        return not self.low <= 0 <= self.high


def inside(space: DesignSpace, trial: TrialRecord) -> bool:
    """Whether a trial is a point of the space: a published network may lie outside."""
    return bool(trial.metaparameters) and space.contains(trial.metaparameters)


def uniform_sample(record: StudyRecord, space: DesignSpace) -> Sample:
    """The study's uniform draws.

    Trials are marked as such when drawn. In a study searched with sampler=random every draw is one; but where some were
    stopped early only the marked ones are never stopped, and what is left of the others is not uniform.
    """
    since = record.drawn_from  # draws from a space that was narrower or wider are no sample of this one
    drawn = [trial for trial in record.trials if not trial.anchor and trial.number >= since and inside(space, trial)]
    sampler = record.config.get("sampler")
    random = isinstance(sampler, dict) and sampler.get("name") == "random"
    if not random or any(trial.state == "PRUNED" for trial in drawn):
        drawn = [trial for trial in drawn if trial.uniform]
    trials = tuple(trial for trial in drawn if trial.state == "COMPLETE" and trial.accuracy is not None)
    return Sample(record.name, trials, sum(trial.state == "FAIL" for trial in drawn))


def bins(*sizes: Array) -> Array:
    """Edges of bins of equal width in log10(size) over the range that all the samples share, shape (bins + 1,).

    At most BINS, and fewer where the smallest sample has not A_BIN networks for each. Where no range is shared the
    edges are all equal.
    """
    low = max(float(np.log10(own).min()) for own in sizes)
    high = min(float(np.log10(own).max()) for own in sizes)
    count = min(max(min(map(len, sizes)) // A_BIN, 1), BINS)
    return np.linspace(low, max(low, high), count + 1)


def places(sizes: Array, edges: Array) -> NDArray[np.int64]:
    """The bin of each size, -1 outside all of them, shape (n,)."""
    decades = np.log10(sizes)
    found = np.clip(np.searchsorted(edges, decades, side="right") - 1, 0, len(edges) - 2)
    slack = 1e-12 * max(1.0, abs(float(edges[-1])))
    found[(decades < edges[0] - slack) | (decades > edges[-1] + slack)] = -1
    return found.astype(np.int64)


def weights(bin_of: NDArray[np.int64], allowed: Sequence[int] | None = None) -> Array:
    """Weights that sum to 1 and make size uniform over the bins, shape (n,).

    Args:
        bin_of: the bin of each network; -1 has no weight.
        allowed: bins that count; None: all that hold a network.
    """
    counted = bin_of >= 0 if allowed is None else np.isin(bin_of, list(allowed))
    if not counted.any():
        return np.zeros(len(bin_of))
    held = np.bincount(bin_of[counted])
    each = np.zeros(len(bin_of))
    each[counted] = 1 / held[bin_of[counted]]
    return np.asarray(each / each.sum(), dtype=np.float64)


def edf(errors: Array, bin_of: NDArray[np.int64] | None = None, seed: int = 0) -> Edf:
    """The distribution function of errors, with its band; networks drawn again, and weighed again, in each resample.

    Args:
        errors: one a network, at least one.
        bin_of: the bin of each for weights that make size uniform; None: all weigh the same.
        seed: of the resampling.
    """
    own = np.zeros(len(errors), dtype=np.int64) if bin_of is None else bin_of
    levels, place = np.unique(errors[own >= 0], return_inverse=True)
    kept = own[own >= 0]

    def shares(chosen: NDArray[np.int64]) -> Array:
        return np.cumsum(np.bincount(place[chosen], weights(kept[chosen]), minlength=len(levels)))

    estimate = shares(np.arange(len(kept)))
    drawn = np.array([shares(chosen) for chosen in _resamples(len(kept), seed)])
    low, high = np.quantile(drawn, _ends(), axis=0)
    means = _areas(levels, drawn)
    mean = float(_areas(levels, estimate))
    mean_low, mean_high = np.quantile(means, _ends())
    return Edf(
        errors=levels,
        shares=np.minimum(estimate, 1.0),
        low=np.minimum(low, estimate),  # where a bin holds few networks the resamples may all miss the estimate
        high=np.maximum(high, estimate),
        mean=mean,
        mean_low=min(float(mean_low), mean),
        mean_high=max(float(mean_high), mean),
    )


def difference(
    one: Array, other: Array, bins_of: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None, seed: int = 0
) -> Difference:
    """Mean error of `one` less that of `other`, both resampled.

    Args:
        one, other: errors of each sample.
        bins_of: the bins of each sample, of the same edges, see `shared`; None: without regard to size.
        seed: of the resampling.
    """
    own = bins_of or (np.zeros(len(one), dtype=np.int64), np.zeros(len(other), dtype=np.int64))

    def mean(errors: Array, bin_of: NDArray[np.int64]) -> float:
        return float(errors @ weights(bin_of))

    pairs = zip(_resamples(len(one), seed), _resamples(len(other), seed + 1), strict=True)
    drawn = [mean(one[i], own[0][i]) - mean(other[j], own[1][j]) for i, j in pairs]
    low, high = np.quantile(drawn, _ends())
    value = mean(one, own[0]) - mean(other, own[1])
    return Difference(value, min(float(low), value), max(float(high), value))


def shared(one: Array, other: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For the sizes of two samples the bins of the same edges; -1 for a network in a bin that one of them lacks."""
    edges = bins(one, other)
    if edges[0] == edges[-1]:
        return np.full(len(one), -1), np.full(len(other), -1)
    found = places(one, edges), places(other, edges)
    both = [*(set(found[0].tolist()) & set(found[1].tolist()) - {-1})]
    left, right = (np.where(np.isin(own, both), own, -1) for own in found)
    return left, right


def _resamples(count: int, seed: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, count, count) for _ in range(RESAMPLES)]


def _ends() -> tuple[float, float]:
    return (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2


def _areas(levels: Array, shares: Array) -> Array:
    """Mean errors of distribution functions with steps at the levels: the last axis of `shares` runs over them."""
    steps = np.diff(shares, axis=-1, prepend=0.0)
    return np.asarray(steps @ levels, dtype=np.float64)
