"""Made-up uniform draws whose accuracy follows from a rule, so that what a survey should find is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from explorer.results.record import StudyRecord, TrialRecord
from explorer.space import DesignSpace, parse
from tests.support.sample import study, trial


def uniform(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [replace(each, uniform=True) for each in trials]


def space_of(record: StudyRecord) -> DesignSpace:
    return parse(record.name, record.config["space"])


def planted(count: int, gain: Callable[[dict[str, Any]], float], noise: float = 0.004) -> StudyRecord:
    """Uniform draws whose accuracy follows from size, and from what `gain` makes of their metaparameters."""
    rng = Random(7)
    trials = []
    for number in range(2, 2 + count):
        bare = trial(number)
        accuracy = 0.97 - 0.3 * (bare.params / 1e4) ** -0.7 + gain(bare.metaparameters) + rng.gauss(0, noise)
        trials.append(trial(number, accuracy=min(max(accuracy, 0.0), 1.0)))
    return study(uniform(trials))
