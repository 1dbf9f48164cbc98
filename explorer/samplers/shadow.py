"""Optuna's samplers, each asked in a study of its own in memory.

So a point that is refused (over a limit, or a network that was trained already) never becomes a trial of the real
study. Each ask gets a new sampler seeded by (seed, trial number, attempt): trial k depends on the seed and on the
results so far, not on how often a search was restarted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState, create_trial

from explorer.samplers.proposal import Proposal, Sizes, SizesOf, TrialResult
from explorer.space.domain import Domain

ATTEMPTS = 16


def directions(sizes: int) -> list[StudyDirection]:
    """Of the metric and each size, the values of a trial in Optuna."""
    return [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * sizes]


Maker = Callable[..., optuna.samplers.BaseSampler]


def tpe(seed: int, n_startup_trials: int = 10, multivariate: bool = True) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(
        n_startup_trials=n_startup_trials,
        multivariate=multivariate,
        group=multivariate,
        constant_liar=True,
        seed=seed,
    )


def nsga2(seed: int, population_size: int = 50) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(population_size=population_size, seed=seed)


def gp(seed: int, n_startup_trials: int = 10) -> optuna.samplers.BaseSampler:
    return optuna.samplers.GPSampler(n_startup_trials=n_startup_trials, seed=seed)


class ShadowStudy:
    """One of Optuna's samplers as a `Sampler`.

    Args:
        domain: what is searched.
        make: makes the sampler from a seed and the arguments.
        arguments: of the sampler, from the config.
        seed: of the search.
        sizes: how many a network has.

    Raises:
        TypeError: if the sampler has no such argument.
    """

    def __init__(self, domain: Domain, make: Maker, arguments: Mapping[str, Any], seed: int, sizes: int = 1) -> None:
        self.domain, self.make, self.arguments, self.seed = domain, make, arguments, seed
        sampler = self._sampler(0)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(directions=directions(sizes), sampler=sampler)
        self._asked: tuple[Trial, Proposal] | None = None
        self._numbers: dict[int, int] = {}  # trial numbers of the real study -> of this one

    def add(self, number: int, proposal: Proposal | None, sizes: Sizes) -> None:
        if proposal is None:
            return
        if self._asked is not None and self._asked[1] is proposal:
            self._numbers[number] = self._asked[0].number
            self._asked = None
            return
        self._numbers[number] = len(self.study.get_trials(deepcopy=False))
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=dict(proposal.params),
                distributions=dict(proposal.distributions),
                system_attrs=dict(proposal.system_attrs),
            )
        )

    def tell(self, number: int, result: TrialResult) -> None:
        if number in self._numbers:
            values = (result.curve[-1], *result.sizes) if result.state == "COMPLETE" else None
            self.study.tell(self._numbers[number], values, state=None if values else TrialState[result.state])

    def proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        for attempt in range(ATTEMPTS):
            self.study.sampler = self._sampler(Random(f"{self.seed} {number} {attempt}").getrandbits(32))
            trial = self.study.ask()
            self.domain.suggest(trial)
            frozen = self.study.get_trials(deepcopy=False)[trial.number]
            proposal = Proposal(frozen.params, frozen.distributions, frozen.system_attrs)
            self._asked = (trial, proposal)
            yield proposal
            self.study.tell(trial, state=TrialState.FAIL)
            self._asked = None

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made = self.make(seed=seed, **self.arguments)
        if not isinstance(made, optuna.samplers.BaseSampler):
            raise TypeError(f"it makes a {type(made).__name__}, expected an Optuna sampler")
        return made
