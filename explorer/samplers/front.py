"""Samplers that know the size: it is computed, so accuracy alone has to be found out."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from explorer.results.pareto import Point, pareto_front
from explorer.samplers.candidates import Candidates, Sized
from explorer.samplers.distributions import distributions
from explorer.samplers.final import final_accuracies
from explorer.samplers.improvement import Staircase
from explorer.samplers.proposal import Outcome, Proposal, Size
from explorer.samplers.scale import Scale, learned_margin, scale_above
from explorer.samplers.surrogate import Array, Surrogate, fit
from explorer.space.domain import Domain, key

MUTANTS = 100
"""Mutations looked at before a new one is given up."""
ROWS, NEWEST, FITTED = 300, 100, 100
"""Trials that the surrogate is made of at most, how many of them are the newest, and those its kernel is fitted on."""
REFIT = 8
"""New results after which the kernel is fitted anew."""
FEW = 3
"""Results below which there is nothing to model."""
BLAS = ThreadpoolController()
"""One thread does for matrices of hundreds; several wait for one another wherever trainings take the cores."""


@dataclass
class Tried:
    """A trial.

    Attributes:
        params: its point; None for an anchor outside the space.
        size: of its network.
        outcome: how it ended, if it has.
        vector: its point as a `FrontSampler` sees it.
    """

    params: Mapping[str, Any] | None
    size: float
    outcome: Outcome | None = None
    vector: tuple[float, ...] = ()

    @property
    def point(self) -> Point | None:
        """(size, accuracy) at full length."""
        ended = self.outcome
        return (self.size, ended.curve[-1]) if ended is not None and ended.state == "COMPLETE" else None


class Mutation:
    """A `Sampler` that changes one parameter of a network on the front.

    Args:
        domain: what is searched.
        arguments: n_startup_trials: uniform draws before the first.
        seed: of the search.
    """

    def __init__(self, domain: Domain, arguments: Mapping[str, Any], seed: int) -> None:
        self.domain, self.seed = domain, seed
        self._configure(**arguments)
        self._tried: dict[int, Tried] = {}
        self._known: set[Any] = set()
        self._running: dict[int, Tried] = {}
        self._front: list[Tried] = []

    def _configure(self, n_startup_trials: int = 10) -> None:
        self.n_startup_trials = n_startup_trials

    def add(self, number: int, proposal: Proposal | None, size: float) -> None:
        """See `Sampler`."""
        self._tried[number] = self._running[number] = Tried(proposal.params if proposal else None, size)
        if proposal is not None:
            self._known.add(key(proposal.params))

    def tell(self, number: int, outcome: Outcome) -> None:
        """See `Sampler`."""
        tried = self._running.pop(number)
        tried.outcome = outcome
        if tried.point is not None:
            ended = [*self._front, tried]
            front = pareto_front([own.point for own in ended if own.point is not None])
            self._front = [ended[index] for index in front]

    def candidates(self, number: int, size: Size) -> Iterator[Proposal]:
        """See `Sampler`; nothing, and so a uniform draw, while there are too few results."""
        parents = self._parents()
        if number >= self.n_startup_trials and parents:
            yield from self._mutants(Random(f"{self.seed} {number} mutation"), parents)

    def _parents(self) -> list[Mapping[str, Any]]:
        """The front's members that are points of the space."""
        return [tried.params for tried in self._front if tried.params is not None]

    def _mutants(self, rng: Random, parents: list[Mapping[str, Any]]) -> Iterator[Proposal]:
        return self._new(self.domain.mutate(rng.choice(parents), 1, rng) for _ in range(MUTANTS))

    def _new(self, points: Iterable[Mapping[str, Any]]) -> Iterator[Proposal]:
        for params in points:
            if key(params) not in self._known:
                yield Proposal(params, distributions(self.domain, params))


class FrontSampler(Mutation):
    """A `Sampler` that proposes what is expected to add most to the front.

    A Gaussian process models accuracy on a logarithmic scale (`explorer.samplers.scale`); hundreds of candidates,
    drawn, mutated and crossed, are scored by the area between front and reference that each is expected to add, over
    log size, which has a closed form since the size is known. Most asks look at one stretch of sizes alone, so that no
    stretch takes all trials.

    Trials under way count as if they had their predicted accuracy. A trial that was stopped counts with the accuracy
    that trials like it went on to have, and with the spread of theirs as noise.

    Args:
        domain: what is searched.
        arguments: n_startup_trials: uniform draws before the first; mutation: share of the asks that mutate a member
            of the front instead; local: share that looks at one stretch of sizes; width: of that stretch in decades.
        seed: of the search.
    """

    def _configure(
        self, n_startup_trials: int = 5, mutation: float = 0.05, local: float = 0.8, width: float = 0.1
    ) -> None:
        super()._configure(n_startup_trials)
        self.mutation, self.local, self.width = mutation, local, width
        self._pool = Candidates(self.domain, self.seed)
        self._results: list[int] = []
        self._fitted: tuple[list[int], float, Array] = ([], 0.0, np.empty(0))

    def candidates(self, number: int, size: Size) -> Iterator[Proposal]:
        """See `Sampler`."""
        parents = self._parents()
        if number < self.n_startup_trials or len(parents) == 0:
            return
        rng = Random(f"{self.seed} {number} front")
        if rng.random() < self.mutation or len(self._results) < FEW:
            yield from self._mutants(rng, parents)
            return
        seen = [each for each in self._pool.look(number, parents, size, rng) if each.key not in self._known]
        if seen:
            with BLAS.limit(limits=1, user_api="blas"):
                scores = self._scores(seen, rng)
            yield from self._new(seen[index].params for index in np.argsort(-scores, kind="stable"))

    def tell(self, number: int, outcome: Outcome) -> None:
        """See `Sampler`."""
        super().tell(number, outcome)
        if outcome.curve and self._tried[number].params is not None:
            insort(self._results, number)

    def _scores(self, seen: list[Sized], rng: Random) -> Array:
        """What each candidate is expected to add."""
        decades = np.array([each.decades for each in seen])
        rows = self._results
        if len(rows) > ROWS:
            rows = sorted(rng.sample(rows[:-NEWEST], ROWS - NEWEST)) + rows[-NEWEST:]
        x, accuracy, noise = self._data(rows)
        margin, theta = self._kernel()
        front = [tried.point for tried in self._front if tried.point is not None]
        scale = scale_above(accuracy, margin, max(best for _, best in front))
        targets, variances = scale.values(accuracy), scale.variances(accuracy, noise)
        surrogate = Surrogate(self._pool.groups, theta, x, targets, variances)
        front += self._believed(surrogate, scale)
        largest = max(float(10 ** decades.max()), *(self._tried[number].size for number in rows))
        mean, deviation = surrogate.predict(np.array([each.vector for each in seen]))
        added = Staircase(front, (largest, float(accuracy.min()))).expected(decades, mean, deviation, scale.ceiling)
        if rng.random() < self.local:
            centre = rng.uniform(decades.min(), decades.max())
            added *= np.exp(-0.5 * ((decades - centre) / self.width) ** 2)
        return added

    def _data(self, numbers: list[int]) -> tuple[Array, Array, Array]:
        """Vectors, accuracies and their variances of trials with a result."""
        trials = [self._tried[number] for number in numbers]
        accuracy, noise = final_accuracies([tried.outcome for tried in trials if tried.outcome])
        return self._vectors(trials), accuracy, noise

    def _kernel(self) -> tuple[float, Array]:
        """The scale's margin and the kernel's parameters, from all results but the newest few.

        A fit for several asks, whoever asks first.
        """
        count = len(self._results)
        old = self._results[: count - count % REFIT] or self._results
        if self._fitted[0] != [*old[-1:], len(old)]:
            rows = sorted(Random(f"{self.seed} {len(old)}").sample(old, min(len(old), FITTED)))
            x, accuracy, noise = self._data(rows)
            margin = learned_margin(self._pool.groups, x, accuracy, noise)
            scale = scale_above(accuracy, margin)
            targets, variances = scale.values(accuracy), scale.variances(accuracy, noise)
            self._fitted = ([*old[-1:], len(old)], margin, fit(self._pool.groups, x, targets, variances))
        return self._fitted[1:]

    def _believed(self, surrogate: Surrogate, scale: Scale) -> list[Point]:
        """The trials under way, at the accuracy that is predicted of them."""
        running = [tried for tried in self._running.values() if tried.params is not None]
        if not running:
            return []
        accuracies = scale.accuracies(surrogate.believe(self._vectors(running))).tolist()
        return [(tried.size, accuracy) for tried, accuracy in zip(running, accuracies, strict=True)]

    def _vectors(self, trials: list[Tried]) -> Array:
        for tried in trials:
            tried.vector = tried.vector or self._pool.vector(tried.params or {}, tried.size)
        return np.array([tried.vector for tried in trials])
