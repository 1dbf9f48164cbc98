"""Samplers by name, and the proposer that asks one of them until a point is within the limits and new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any, TypeAlias

from explorer.arch.families import nearest
from explorer.samplers.distributions import distributions
from explorer.samplers.front import FrontSampler, Mutation
from explorer.samplers.proposal import C, Candidate, Proposal, Sampler, SamplerError, Size, TrialResult
from explorer.samplers.shadow import ShadowStudy, gp, nsga2, tpe
from explorer.samplers.uniform import Grid, Uniform
from explorer.space.domain import ENUMERABLE, Domain, Key, key

__all__ = ["SAMPLERS", "Candidate", "Proposal", "Proposer", "Sampler", "SamplerError", "Size", "TrialResult"]

UNIFORM_ATTEMPTS = 2000

Factory: TypeAlias = Callable[[Domain, Mapping[str, Any], int], Sampler]


def _optuna(make: Any) -> Factory:
    return lambda domain, arguments, seed: ShadowStudy(domain, make, arguments, seed)


SAMPLERS: dict[str, Factory] = {
    "front": FrontSampler,
    "mutation": Mutation,
    "tpe": _optuna(tpe),
    "random": Uniform,
    "nsga2": _optuna(nsga2),
    "gp": _optuna(gp),
    "grid": Grid,
}


class Proposer:
    """Proposes points of a domain to a search.

    Args:
        domain: what is searched.
        config: `name` of a sampler and its arguments.
        seed: of the search.
        lag: None: a result counts from the next proposal on. A number: trial k is proposed from the results of the
            trials up to k - lag, no more and no less, so that the same seed gives the same trials however long each
            takes; with as many slots as the lag.
        uniform: share of the trials that are uniform draws whatever the sampler: the sample for statistics.

    Raises:
        SamplerError: if there is no such sampler, or it does not take the arguments.
    """

    def __init__(
        self, domain: Domain, config: Mapping[str, Any], seed: int, lag: int | None = None, uniform: float = 0.0
    ) -> None:
        self.domain, self.seed, self.lag, self.uniform = domain, seed, lag, uniform
        name = str(config.get("name"))
        if name not in SAMPLERS:
            raise SamplerError(f"sampler.name is {name!r}, expected {nearest(name, SAMPLERS)}")
        try:
            self.sampler = SAMPLERS[name](domain, {key: value for key, value in config.items() if key != "name"}, seed)
        except TypeError as error:
            raise SamplerError(f"sampler {name}: {error}") from None
        self._untold: dict[int, TrialResult] = {}  # results that the sampler does not have yet
        self._ended: set[int] = set()

    def add(self, number: int, proposal: Proposal | None, size: float) -> None:
        """Takes note of a trial that was not proposed here: an anchor, or one of an earlier process."""
        self.sampler.add(number, proposal, size)

    def tell(self, number: int, result: TrialResult) -> None:
        """Takes the result of a trial."""
        self._ended.add(number)
        self._untold[number] = result

    def skip(self, number: int) -> None:
        """Takes note of a number that is no trial of the search: no result of it is waited for."""
        self._ended.add(number)

    def last(self, number: int) -> int | None:
        """The last trial whose result counts for trial `number`; None: every result there is counts."""
        return None if self.lag is None else number - self.lag

    def ready(self, number: int) -> bool:
        """Whether all results that count for this trial are there."""
        return self.lag is None or all(earlier in self._ended for earlier in range(number - self.lag + 1))

    def propose(
        self, number: int, candidate: Callable[[Mapping[str, Any]], C | None], taken: Callable[[C], bool]
    ) -> tuple[Proposal, C] | None:
        """Chooses the point of trial `number`.

        Args:
            number: of the trial.
            candidate: what is built at a point, or None if it is over a limit; called once for a point, whether the
                sampler only wants its size or proposes it.
            taken: whether such a candidate was tried already.

        Returns:
            The point and its candidate; None if there is no more such point.
        """
        last = self.last(number)
        for ended in sorted(self._untold):
            if last is None or ended <= last:
                self.sampler.tell(ended, self._untold.pop(ended))
        sized: dict[Key, C | None] = {}
        refused: set[Key] = set()

        def size(params: Mapping[str, Any]) -> float | None:
            name = key(params)
            if name not in sized:
                sized[name] = candidate(params)
            within_limits = sized[name]
            return None if within_limits is None else within_limits.size

        for proposal in self._proposals(number, size):
            name = key(proposal.params)
            if name in refused:
                continue
            chosen = sized[name] if name in sized else candidate(proposal.params)
            if chosen is not None and not taken(chosen):
                self.sampler.add(number, proposal, chosen.size)
                return proposal, chosen
            refused.add(name)
        return None

    def _proposals(self, number: int, size: Size) -> Iterator[Proposal]:
        rng = Random(f"{self.seed} {number}")
        chosen = rng.random() >= self.uniform
        if chosen:
            yield from self.sampler.proposals(number, size)
        draw = partial(self._draw, uniform=not chosen)
        # A uniform trial, or the sampler proposes only points that were tried: draw, then go through every point.
        for _ in range(UNIFORM_ATTEMPTS):
            yield draw(self.domain.sample(rng))
        if self.domain.size <= ENUMERABLE:
            yield from map(draw, self.domain.points())

    def _draw(self, params: Mapping[str, Any], uniform: bool) -> Proposal:
        return Proposal(params, distributions(self.domain, params), uniform=uniform)
