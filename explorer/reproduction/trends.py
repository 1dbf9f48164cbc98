"""What a sweep shows and what it cannot: paired differences over the seeds, with an interval.

A trend is a contrast: a weighted sum of accuracies, its weights adding up to 0. Each seed gives one value of it, from
trainings that share the seed, the split and the order of the images, so that what these have in common cancels. The
interval is Student's over the seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import mean, stdev
from typing import Any

from explorer.plots.sweep import SweepInfo

CONFIDENCE = 0.95
MARGIN = 0.005
"""Half a point: a difference that is surely smaller counts as none."""


@dataclass(frozen=True)
class Interval:
    """A mean difference in accuracy with its confidence interval; infinitely wide for a single seed."""

    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Trend:
    """A question to a sweep and its answer.

    Attributes:
        question: in words.
        compared: what is subtracted from what.
        answer: yes, no, or that it cannot be told.
        interval: of the difference; None if a network is missing.
    """

    question: str
    compared: str
    answer: str
    interval: Interval | None

    @property
    def text(self) -> str:
        """The whole in one sentence."""
        if self.interval is None:
            return f"{self.question} {self.answer}."
        points = f"{self.compared}: {100 * self.interval.mean:+.2f} points"
        if self.interval.seeds < 2:
            return f"{self.question} {self.answer} ({points}; no interval)."
        bounds = f"{100 * self.interval.low:+.2f} to {100 * self.interval.high:+.2f}"
        spread = f"{CONFIDENCE:.0%} interval {bounds}, {self.interval.seeds} seeds"
        return f"{self.question} {self.answer} ({points}; {spread})."


def interval(differences: Sequence[float], images: int) -> Interval:
    """Student's interval of the mean of paired differences.

    Args:
        differences: one a seed.
        images: size of the validation split. Accuracies come in steps of 1/images, so differences that happen to be
            equal are no proof of no spread: their deviation is taken to be at least that of rounding two accuracies.
    """
    from scipy.stats import t

    centre, n = mean(differences), len(differences)
    if n < 2:
        return Interval(centre, -inf, inf, n)
    deviation = max(stdev(differences), 1 / (images * sqrt(6)))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation / sqrt(n)
    return Interval(centre, centre - reach, centre + reach, n)


def contrast(info: SweepInfo, weights: Mapping[Any, float]) -> Interval | None:
    """The interval of a weighted sum of accuracies, seed by seed; None if one of them is not trained.

    Args:
        weights: {value of the metaparameter: weight}; they add up to 0.
    """
    points = {value: info.at(value) for value in weights}
    present = {value: point for value, point in points.items() if point is not None}
    if len(present) < len(weights) or len({point.trial for point in present.values()}) < 2:
        return None
    seeds = set.intersection(*(set(point.by_seed) for point in present.values()))
    if not seeds:
        return None
    return interval(
        [sum(weight * present[value].by_seed[seed] for value, weight in weights.items()) for seed in sorted(seeds)],
        info.images,
    )


def more(info: SweepInfo, question: str, compared: str, weights: Mapping[Any, float]) -> Trend:
    """Whether a contrast is above 0."""
    found = contrast(info, weights)
    if found is None:
        answer = "Not measured"
    elif found.low > 0:
        answer = "Yes"
    elif found.high < 0:
        answer = "No, the opposite"
    elif found.low > -MARGIN and found.high < MARGIN:
        answer = f"No, the difference is below {100 * MARGIN:g} points"
    else:
        answer = _untold(found)
    return Trend(question, compared, answer, found)


def enough(info: SweepInfo, question: str, compared: str, weights: Mapping[Any, float]) -> Trend:
    """Whether a contrast, the gain still to be had, is below `MARGIN`."""
    found = contrast(info, weights)
    if found is None:
        answer = "Not measured"
    elif found.high < MARGIN:
        answer = f"Yes, less than {100 * MARGIN:g} points are left"
    elif found.low > 0:
        answer = "No, more helps"
    else:
        answer = _untold(found)
    return Trend(question, compared, answer, found)


def _untold(found: Interval) -> str:
    return f"Cannot tell with {found.seeds} seed" + "s" * (found.seeds != 1)


def squeeze_ratio(info: SweepInfo) -> tuple[Trend, ...]:
    """Figure 3a: accuracy rises with squeeze_ratio, and flattens."""
    return (
        more(
            info,
            "Does accuracy rise with squeeze_ratio?",
            "1.0 minus 0.125",
            {1.0: 1, 0.125: -1},
        ),
        more(
            info,
            "Does it flatten?",
            "the gain from 0.125 to 0.5 minus that from 0.5 to 1.0",
            {0.5: 2, 0.125: -1, 1.0: -1},
        ),
    )


def pct_3x3(info: SweepInfo) -> tuple[Trend, ...]:
    """Figure 3b: accuracy rises with pct_3x3, and half of the filters being 3x3 is enough."""
    beyond = [point.values[0] for point in info.points if point.values[0] > 0.5] or [0.99]
    names = ", ".join(f"{value:g}" for value in beyond)
    later = f"the mean of {names}" if len(beyond) > 1 else names
    return (
        more(info, "Does accuracy rise with pct_3x3 up to 0.5?", "0.5 minus 0.01", {0.5: 1, 0.01: -1}),
        enough(
            info,
            "Is pct_3x3 0.5 enough?",
            f"{later} minus 0.5",
            {**dict.fromkeys(beyond, 1 / len(beyond)), 0.5: -1},
        ),
    )


def bypass(info: SweepInfo) -> tuple[Trend, ...]:
    """Table 3: simple bypass beats vanilla, complex beats vanilla, simple beats complex."""
    return (
        more(info, "Does simple bypass beat vanilla?", "simple minus none", {"simple": 1, "none": -1}),
        more(info, "Does complex bypass beat vanilla?", "complex minus none", {"complex": 1, "none": -1}),
        more(info, "Does simple bypass beat complex?", "simple minus complex", {"simple": 1, "complex": -1}),
    )


def downsampling(info: SweepInfo) -> tuple[Trend, ...]:
    """Strategy 3: late pools are more accurate than early ones at the same number of parameters."""
    return (
        more(info, "Do late pools beat pools at the very start?", "0.5 minus 0.0", {0.5: 1, 0.0: -1}),
        more(info, "Does v1.0's place beat v1.1's earlier one?", "0.4375 minus 0.25", {0.4375: 1, 0.25: -1}),
        more(info, "Does the latest place beat v1.0's?", "0.5 minus 0.4375", {0.5: 1, 0.4375: -1}),
    )
