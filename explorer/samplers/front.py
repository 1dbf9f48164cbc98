"""Samplers that know the size of every point: it is computed, so accuracy alone is modelled."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from explorer.results.archive import ParetoArchive, Point
from explorer.samplers.distributions import distributions
from explorer.samplers.final import final_accuracies
from explorer.samplers.improvement import Staircase
from explorer.samplers.pool import Pool, Sized
from explorer.samplers.proposal import Proposal, Sizes, SizesOf, TrialResult
from explorer.samplers.scale import Scale, learned_margin, scale_above
from explorer.samplers.surrogate import Array, Surrogate, fit
from explorer.space.domain import Domain, key

MUTANTS = 100
"""Mutations tried before the sampler gives up finding a new one."""
ROWS, NEWEST, FITTED = 300, 100, 100
"""Most trials in the surrogate, how many of them are the newest, and most trials that its kernel is fitted to."""
REFIT = 8
"""New results after which the kernel is fitted again."""
FEW = 3
"""Results below which no model is fitted."""
BLAS = ThreadpoolController()
"""One thread is enough for matrices of hundreds; several wait for one another where trainings use the cores."""


@dataclass
class Tried:
    """A trial.

    Attributes:
        params: its point; None for an anchor outside the space.
        sizes: of its network.
        result: how it ended, if it has.
        vector: its point as the surrogate's input; () until it is needed.
    """

    params: Mapping[str, Any] | None
    sizes: Sizes
    result: TrialResult | None = None
    vector: tuple[float, ...] = ()

    @property
    def point(self) -> Point | None:
        """(size, accuracy) at full length."""
        ended = self.result
        return (*self.sizes, ended.curve[-1]) if ended is not None and ended.state == "COMPLETE" else None


class Mutation:
    """A `Sampler` that changes one parameter of a network on the front.

    Args:
        domain: what is searched.
        arguments: n_startup_trials: uniform draws before the first.
        seed: of the search.
        sizes: how many a network has.
    """

    def __init__(self, domain: Domain, arguments: Mapping[str, Any], seed: int, sizes: int = 1) -> None:
        self.domain, self.seed, self.sizes = domain, seed, sizes
        self._configure(**arguments)
        self._tried: dict[int, Tried] = {}
        self._proposed: set[Any] = set()
        self._running: dict[int, Tried] = {}
        self._front = ParetoArchive[Tried]()

    def _configure(self, n_startup_trials: int = 10) -> None:
        self.n_startup_trials = n_startup_trials

    def add(self, number: int, proposal: Proposal | None, sizes: Sizes) -> None:
        self._tried[number] = self._running[number] = Tried(proposal.params if proposal else None, sizes)
        if proposal is not None:
            self._proposed.add(key(proposal.params))

    def tell(self, number: int, result: TrialResult) -> None:
        tried = self._running.pop(number)
        tried.result = result
        if tried.point is not None:
            self._front.add(tried.point, tried)

    def proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        # Nothing while there are too few results: `Proposer` then draws uniformly.
        parents = self._parents()
        if number >= self.n_startup_trials and parents:
            yield from self._mutants(Random(f"{self.seed} {number} mutation"), parents)

    def _parents(self) -> list[Mapping[str, Any]]:
        """The front's members that are points of the space."""
        return [tried.params for tried in self._front.members if tried.params is not None]

    def _mutants(self, rng: Random, parents: list[Mapping[str, Any]]) -> Iterator[Proposal]:
        return self._new(self.domain.mutate(rng.choice(parents), 1, rng) for _ in range(MUTANTS))

    def _new(self, points: Iterable[Mapping[str, Any]]) -> Iterator[Proposal]:
        for params in points:
            if key(params) not in self._proposed:
                yield Proposal(params, distributions(self.domain, params))


class FrontSampler(Mutation):
    """A `Sampler` that proposes what is expected to add most to the front.

    A Gaussian process models accuracy on a logarithmic scale (`explorer.samplers.scale`). Hundreds of points, drawn,
    mutated and crossed, are scored by the hypervolume that each is expected to add, which has a closed form because the
    size is known. Most asks prefer one range of sizes, so that no range takes all trials.

    Running trials count with their predicted accuracy. A stopped trial counts with the accuracy that trials like it
    reached in the end, and with their variance as noise.

    Args:
        domain: what is searched.
        arguments: n_startup_trials: uniform draws before the first; mutation: share of the asks that mutate a member
            of the front instead; local: share that prefers one range of sizes; width: of that range in decades.
        seed: of the search.
    """

    def _configure(
        self, n_startup_trials: int = 5, mutation: float = 0.05, local: float = 0.8, width: float = 0.1
    ) -> None:
        super()._configure(n_startup_trials)
        self.mutation, self.local, self.width = mutation, local, width
        self._pool = Pool(self.domain, self.seed, self.sizes)
        self._results: list[int] = []
        self._fitted: tuple[list[int], float, Array] = ([], 0.0, np.empty(0))

    def proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        parents = self._parents()
        if number < self.n_startup_trials or len(parents) == 0:
            return
        rng = Random(f"{self.seed} {number} front")
        if rng.random() < self.mutation or len(self._results) < FEW:
            yield from self._mutants(rng, parents)
            return
        points = [each for each in self._pool.fill(number, parents, sizes_of, rng) if each.key not in self._proposed]
        if points:
            with BLAS.limit(limits=1, user_api="blas"):
                scores = self._scores(points, rng)
            yield from self._new(points[index].params for index in np.argsort(-scores, kind="stable"))

    def tell(self, number: int, result: TrialResult) -> None:
        super().tell(number, result)
        if result.curve and self._tried[number].params is not None:
            insort(self._results, number)

    def _scores(self, points: list[Sized], rng: Random) -> Array:
        """The hypervolume that each point is expected to add, weighted towards the ask's range of sizes."""
        decades = np.array([each.decades for each in points])  # (points, sizes)
        rows = self._results
        if len(rows) > ROWS:
            rows = sorted(rng.sample(rows[:-NEWEST], ROWS - NEWEST)) + rows[-NEWEST:]
        x, accuracy, noise = self._data(rows)
        margin, theta = self._kernel()
        front = list(self._front.points)
        scale = scale_above(accuracy, margin, max(best for *_, best in front))
        targets, variances = scale.values(accuracy), scale.variances(accuracy, noise)
        surrogate = Surrogate(self._pool.groups, theta, x, targets, variances)
        front += self._believed(surrogate, scale)
        tried = [self._tried[number].sizes for number in rows]
        largest = np.maximum(10 ** decades.max(axis=0), np.max(tried, axis=0)).tolist()
        mean, deviation = surrogate.predict(np.array([each.vector for each in points]))
        stairs = Staircase(front, (*largest, float(accuracy.min())))
        added = stairs.expected(decades, mean, deviation, scale.ceiling)
        if rng.random() < self.local:
            axis = decades[:, rng.randrange(self.sizes) if self.sizes > 1 else 0]
            centre = rng.uniform(axis.min(), axis.max())
            added *= np.exp(-0.5 * ((axis - centre) / self.width) ** 2)
        return added

    def _data(self, numbers: list[int]) -> tuple[Array, Array, Array]:
        """Vectors, accuracies and their variances of trials with a result."""
        trials = [self._tried[number] for number in numbers]
        accuracy, noise = final_accuracies([tried.result for tried in trials if tried.result])
        return self._vectors(trials), accuracy, noise

    def _kernel(self) -> tuple[float, Array]:
        """The scale's margin and the kernel's parameters, from all results but the newest few.

        Several asks share a fit, and it does not depend on which of them comes first.
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
        """The running trials at their predicted accuracy."""
        running = [tried for tried in self._running.values() if tried.params is not None]
        if not running:
            return []
        accuracies = scale.accuracies(surrogate.believe(self._vectors(running))).tolist()
        return [(*tried.sizes, accuracy) for tried, accuracy in zip(running, accuracies, strict=True)]

    def _vectors(self, trials: list[Tried]) -> Array:
        for tried in trials:
            tried.vector = tried.vector or self._pool.vector(tried.params or {}, tried.sizes)
        return np.array([tried.vector for tried in trials])
