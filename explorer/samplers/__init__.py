"""Which network next: Optuna's samplers asked in memory, until a point passes the gate.

The sampler sees a study of its own in memory, so a point that is refused (over a limit, or a network that was trained
already) never becomes a trial of the real one. Each ask gets a fresh sampler seeded by (seed, trial number, attempt):
what is proposed as trial k depends on the seed and on the results told so far, not on how often a search was restarted.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from explorer.arch.families import nearest
from explorer.space import ENUMERABLE, DesignSpace

ATTEMPTS = 16
UNIFORM_ATTEMPTS = 2000
DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)
"""Of (val_acc, params)."""


class SamplerError(ValueError):
    """An unknown sampler, or one that does not fit the space."""


def _tpe(seed: int, n_startup_trials: int = 10) -> optuna.samplers.BaseSampler:
    return optuna.samplers.TPESampler(
        n_startup_trials=n_startup_trials, multivariate=True, group=True, constant_liar=True, seed=seed
    )


def _nsga2(seed: int, population_size: int = 50) -> optuna.samplers.BaseSampler:
    return optuna.samplers.NSGAIISampler(population_size=population_size, seed=seed)


def _gp(seed: int, n_startup_trials: int = 10) -> optuna.samplers.BaseSampler:
    return optuna.samplers.GPSampler(n_startup_trials=n_startup_trials, seed=seed)


SAMPLERS: dict[str, Callable[..., optuna.samplers.BaseSampler]] = {
    "tpe": _tpe,
    "random": optuna.samplers.RandomSampler,
    "nsga2": _nsga2,
    "gp": _gp,
    "grid": optuna.samplers.RandomSampler,  # points come from the space itself, see `_candidates`
}


class Proposer:
    """Proposes points of a space to a study.

    Args:
        space: the space.
        config: `name` of a sampler and its arguments.
        seed: of the search.
        lag: None: a result counts from the next proposal on. A number: trial k is proposed from the results of the
            trials up to k - lag, no more and no less, so that the same seed gives the same trials however long each
            takes; with as many slots as the lag.
    """

    def __init__(self, space: DesignSpace, config: Mapping[str, Any], seed: int, lag: int | None = None) -> None:
        self.space = space
        self.lag = lag
        self._shadow_numbers: dict[int, int] = {}  # number in the real study -> number in the shadow
        self._results: dict[int, tuple[float, float] | None] = {}  # not yet told to the shadow
        self._ended: set[int] = set()
        self.seed = seed
        self.arguments = {key: value for key, value in config.items() if key != "name"}
        self.name = str(config.get("name"))
        if self.name not in SAMPLERS:
            raise SamplerError(f"sampler.name is {self.name!r}, expected {nearest(self.name, SAMPLERS)}")
        try:
            sampler = self._sampler(0)
        except TypeError as error:
            raise SamplerError(f"sampler {self.name}: {error}") from None
        if self.name == "grid":
            next(space.points())
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.shadow = optuna.create_study(directions=DIRECTIONS, sampler=sampler)

    def learn(self, trial: FrozenTrial) -> None:
        """Adds a trial of the real study, running or not, that was proposed by an earlier process."""
        if trial.params:
            running = create_trial(
                state=TrialState.RUNNING,
                params=trial.params,
                distributions=trial.distributions,
                system_attrs=trial.system_attrs,
            )
            self._shadow_numbers[trial.number] = len(self.shadow.get_trials(deepcopy=False))
            self.shadow.add_trial(running)
        if trial.state.is_finished():
            self.tell(trial.number, (trial.values[0], trial.values[1]) if trial.values else None)

    def tell(self, number: int, values: tuple[float, float] | None) -> None:
        """The result of a trial of the real study: (val_acc, params), or None if it failed."""
        self._ended.add(number)
        if number in self._shadow_numbers:
            self._results[number] = values

    def ready(self, number: int) -> bool:
        """Whether all results are there from which this trial is to be proposed."""
        return self.lag is None or all(earlier in self._ended for earlier in range(number - self.lag + 1))

    def propose(self, number: int, accept: Callable[[dict[str, Any]], bool]) -> FrozenTrial | None:
        """A running trial at a point that `accept` takes, or None if the space has no more such points.

        Args:
            number: that the trial will have in the real study.
            accept: the gate.
        """
        for told in sorted(self._results):
            if self.lag is None or told <= number - self.lag:
                values = self._results.pop(told)
                self.shadow.tell(self._shadow_numbers[told], values, state=None if values else TrialState.FAIL)
        for trial in self._candidates(number):
            if accept(trial.params):
                return self._keep(number, trial)
            self.shadow.tell(trial, state=TrialState.FAIL)
        return None

    def at(self, number: int, params: dict[str, Any]) -> FrozenTrial:
        """A running trial at the given point."""
        return self._keep(number, self._ask(params))

    def _candidates(self, number: int) -> Iterator[Trial]:
        if self.name == "grid":
            yield from map(self._ask, self.space.points())
            return
        for attempt in range(ATTEMPTS):
            self.shadow.sampler = self._sampler(Random(f"{self.seed} {number} {attempt}").getrandbits(32))
            yield self._ask()
        # The sampler keeps coming back to what is known: draw uniformly, then look at every point left.
        rng = Random(f"{self.seed} {number}")
        for _ in range(UNIFORM_ATTEMPTS):
            yield self._ask(self.space.sample(rng))
        if self.space.size <= ENUMERABLE:
            yield from map(self._ask, self.space.points())

    def _keep(self, number: int, trial: Trial) -> FrozenTrial:
        self._shadow_numbers[number] = trial.number
        return self.shadow.get_trials(deepcopy=False)[trial.number]

    def _ask(self, params: dict[str, Any] | None = None) -> Trial:
        if params is not None:
            self.shadow.enqueue_trial(params)
        trial = self.shadow.ask()
        self.space.suggest(trial)
        return trial

    def _sampler(self, seed: int) -> optuna.samplers.BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return SAMPLERS[self.name](seed=seed, **self.arguments)
