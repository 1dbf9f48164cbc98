"""What accuracy a trial that was stopped would have ended at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.samplers.proposal import Outcome
from explorer.samplers.surrogate import Array

PAIRS = 5
"""Complete trials below which nothing is known of how accuracy goes on."""


def final_accuracies(outcomes: Sequence[Outcome]) -> tuple[Array, Array]:
    """Accuracy at full length, measured or expected, and its variance: both (n,).

    A trial stopped after epoch r is expected to end where a straight line through the complete trials, accuracy after
    epoch r against accuracy at the end, has it; its variance is that around the line.

    Args:
        outcomes: COMPLETE or PRUNED.
    """
    complete = [outcome for outcome in outcomes if outcome.state == "COMPLETE"]
    final, variance = np.array([outcome.curve[-1] for outcome in outcomes]), np.zeros(len(outcomes))
    ends = np.array([outcome.curve[-1] for outcome in complete])
    spread = float(ends.var()) if len(ends) else float(final.var())
    stopped: dict[int, list[int]] = {}
    for index, outcome in enumerate(outcomes):
        if outcome.state != "COMPLETE":
            stopped.setdefault(len(outcome.curve), []).append(index)
    for epoch, rows in stopped.items():
        reached = np.array([outcome.curve[epoch - 1] for outcome in complete])
        slope, mean, centre, around = 1.0, 0.0, 0.0, spread
        if len(complete) >= PAIRS:
            centre, mean = float(reached.mean()), float(ends.mean())
            slope = float(((reached - centre) * (ends - mean)).sum() / (((reached - centre) ** 2).sum() + 1e-12))
            slope = min(max(slope, 0.0), 1.0)  # who is ahead stays ahead, and nobody draws away from those that went on
            around = float((ends - mean - slope * (reached - centre)).var())
        final[rows] = np.minimum(mean + slope * (final[rows] - centre), max(ends, default=np.inf))
        variance[rows] = around
    return final, variance
