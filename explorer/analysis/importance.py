"""How much each metaparameter counts for accuracy at equal size: PED-ANOVA (Watanabe 2023, arXiv:2304.10255) by Optuna.

PED-ANOVA compares how a metaparameter's values are spread among the best networks with how they are spread among all.
Here the best are those farthest above what is usual at their size, so that a metaparameter that only makes networks
larger does not count. A metaparameter that exists under a condition counts as far as it exists (arXiv:2601.20800).

With few networks every metaparameter seems to count a little. How much by chance alone is found by shuffling: the same
with the networks' results dealt out anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from explorer.analysis.distribution import Sample, inside
from explorer.analysis.equal_size import Importance, Importances, effects, relative
from explorer.results.record import StudyRecord, TrialRecord
from explorer.space import DesignSpace

Column: TypeAlias = NDArray[np.float64]

LEAST, LARGE = 20, 50
"""Networks below which nothing can be said, and uniform draws from which on they alone are looked at."""
BEST, FEWEST_BEST = 0.1, 5
"""Share of the networks that count as the best, and how many of them there should be."""
SHUFFLES = 30


def importances(record: StudyRecord, space: DesignSpace, sample: Sample, seed: int = 0) -> Importances:
    """How much each searched metaparameter counts, the most important first.

    Looked at are the uniform draws if there are LARGE of them, else all finished trials that are points of the space;
    with fewer than LEAST there is nothing to rank.

    Args:
        record: the study.
        space: its space.
        sample: its uniform draws.
        seed: of the shuffling.
    """
    uniform = len(sample.trials) >= LARGE
    trials = [trial for trial in (sample.trials if uniform else record.finished) if inside(space, trial)]
    if len(trials) < LEAST:
        return Importances((), len(trials), uniform, record.metric)
    held = relative([trial.size for trial in trials], [trial.accuracy or 0.0 for trial in trials])
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(held.scores) for _ in range(SHUFFLES)]
    with warnings.catch_warnings():
        # What Optuna warns of: that lower is better for a target (so it is negated here), and conditions under which a
        # metaparameter has fewer than two trials, which count as nothing.
        warnings.simplefilter("ignore", UserWarning)
        raw, *dealt = _ped_anova(space, trials, [held.scores, *shuffled])
    total = sum(raw.values()) or 1.0
    found = [
        Importance(
            name=name,
            share=value / total,
            chance=float(np.quantile([one[name] for one in dealt], 0.95)) / total,
            effects=effects([trial.metaparameters.get(name) for trial in trials], held.gains),
        )
        for name, value in raw.items()
    ]
    return Importances(tuple(sorted(found, key=lambda one: -one.share)), len(trials), uniform, record.metric)


def _ped_anova(space: DesignSpace, trials: Sequence[TrialRecord], columns: Sequence[Column]) -> list[dict[str, float]]:
    """Importances, not normalised, for each column of results (one a trial, higher is better)."""
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator

    from explorer.samplers.distributions import distribution

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=optuna.storages.InMemoryStorage())
    known = {parameter.name: distribution(parameter) for parameter in space.parameters}
    for trial in trials:
        own = {name: known[name] for name in trial.metaparameters}
        study.add_trial(optuna.trial.create_trial(params=trial.metaparameters, distributions=own, value=0.0))
    best = max(BEST, FEWEST_BEST / len(trials))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=best)

    def evaluate(column: Column) -> dict[str, float]:
        return evaluator.evaluate(study, target=lambda trial: -float(column[trial.number]))

    return [evaluate(column) for column in columns]
