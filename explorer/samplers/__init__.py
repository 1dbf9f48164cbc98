"""Which network next: the samplers by name, and the proposer that asks one until a point passes the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any, TypeAlias

from explorer.arch.families import nearest
from explorer.samplers.distributions import distributions
from explorer.samplers.front import FrontSampler, Mutation
from explorer.samplers.proposal import Outcome, Proposal, Sampler, SamplerError, Size, Taken
from explorer.samplers.shadow import ShadowStudy, gp, nsga2, tpe
from explorer.samplers.uniform import Grid, Uniform
from explorer.space.domain import ENUMERABLE, Domain

__all__ = ["SAMPLERS", "Outcome", "Proposal", "Proposer", "Sampler", "SamplerError", "Size", "Taken"]

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
        self._outcomes: dict[int, Outcome] = {}  # not yet told to the sampler
        self._ended: set[int] = set()

    def add(self, number: int, proposal: Proposal | None, size: float) -> None:
        """A trial is under way that was not proposed here: an anchor, or one of an earlier process."""
        self.sampler.add(number, proposal, size)

    def tell(self, number: int, outcome: Outcome) -> None:
        """A trial has ended."""
        self._ended.add(number)
        self._outcomes[number] = outcome

    def last(self, number: int) -> int | None:
        """The last trial whose result has a say in trial `number`; None: all that are there have."""
        return None if self.lag is None else number - self.lag

    def ready(self, number: int) -> bool:
        """Whether all results are there from which this trial is to be proposed."""
        return self.lag is None or all(earlier in self._ended for earlier in range(number - self.lag + 1))

    def propose(self, number: int, size: Size, taken: Taken) -> Proposal | None:
        """A point for trial `number` within the limits and not taken, or None if there are no more such points."""
        last = self.last(number)
        for told in sorted(self._outcomes):
            if last is None or told <= last:
                self.sampler.tell(told, self._outcomes.pop(told))
        for proposal in self._candidates(number, size):
            if (own := size(proposal.params)) is not None and not taken(proposal.params):
                self.sampler.add(number, proposal, own)
                return proposal
        return None

    def _candidates(self, number: int, size: Size) -> Iterator[Proposal]:
        rng = Random(f"{self.seed} {number}")
        chosen = rng.random() >= self.uniform
        if chosen:
            yield from self.sampler.candidates(number, size)
        draw = partial(self._draw, uniform=not chosen)
        # The sampler has no say here, or keeps coming back to what is known: draw, then look at every point left.
        for _ in range(UNIFORM_ATTEMPTS):
            yield draw(self.domain.sample(rng))
        if self.domain.size <= ENUMERABLE:
            yield from map(draw, self.domain.points())

    def _draw(self, params: Mapping[str, Any], uniform: bool) -> Proposal:
        return Proposal(params, distributions(self.domain, params), uniform=uniform)
