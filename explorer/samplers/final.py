"""The accuracy that a stopped trial is expected to reach at full length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.samplers.proposal import TrialResult
from explorer.samplers.surrogate import Array

PAIRS = 5
"""Complete trials that a straight line through them needs."""


def final_accuracies(results: Sequence[TrialResult]) -> tuple[Array, Array]:
    """Accuracy at full length, measured or expected, and its variance: both (n,).

    A trial stopped after epoch r is expected to end on a straight line fitted to the complete trials: accuracy at the
    end against accuracy after epoch r. Its variance is the variance around that line.

    Args:
        results: COMPLETE or PRUNED.
    """
    complete = [result for result in results if result.state == "COMPLETE"]
    final, variance = np.array([result.curve[-1] for result in results]), np.zeros(len(results))
    ends = np.array([result.curve[-1] for result in complete])
    spread = float(ends.var()) if len(ends) else float(final.var())
    stopped: dict[int, list[int]] = {}
    for index, result in enumerate(results):
        if result.state != "COMPLETE":
            stopped.setdefault(len(result.curve), []).append(index)
    for epoch, rows in stopped.items():
        reached = np.array([result.curve[epoch - 1] for result in complete])
        slope, mean, centre, around = 1.0, 0.0, 0.0, spread
        if len(complete) >= PAIRS:
            centre, mean = float(reached.mean()), float(ends.mean())
            slope = float(((reached - centre) * (ends - mean)).sum() / (((reached - centre) ** 2).sum() + 1e-12))
            slope = min(max(slope, 0.0), 1.0)  # the order stays, and differences do not grow
            around = float((ends - mean - slope * (reached - centre)).var())
        final[rows] = np.minimum(mean + slope * (final[rows] - centre), max(ends, default=np.inf))
        variance[rows] = around
    return final, variance
