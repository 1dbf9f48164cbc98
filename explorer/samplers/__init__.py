"""Samplers by name, and the proposer that asks one of them until a point is within the limits and new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import entry_points
from random import Random
from typing import Any, TypeAlias

from explorer.arch.families import nearest
from explorer.samplers.distributions import distributions
from explorer.samplers.front import FrontSampler, Mutation
from explorer.samplers.proposal import C, Candidate, Proposal, Sampler, SamplerError, Sizes, SizesOf, TrialResult
from explorer.samplers.shadow import ShadowStudy, gp, nsga2, tpe
from explorer.samplers.uniform import Grid, Uniform
from explorer.space.domain import ENUMERABLE, Domain, Key, key

__all__ = ["SAMPLERS", "Candidate", "Proposal", "Proposer", "Sampler", "SamplerError", "TrialResult"]

UNIFORM_ATTEMPTS = 2000

Factory: TypeAlias = Callable[[Domain, Mapping[str, Any], int, int], Sampler]


def _optuna(make: Any) -> Factory:
    return lambda domain, arguments, seed, sizes: ShadowStudy(domain, make, arguments, seed, sizes)


SAMPLERS: dict[str, Factory] = {
    "front": FrontSampler,
    "mutation": Mutation,
    "tpe": _optuna(tpe),
    "random": Uniform,
    "nsga2": _optuna(nsga2),
    "gp": _optuna(gp),
    "grid": Grid,
}

GROUP = "explorer.samplers"
"""Entry points of installed packages: a name, and what makes an Optuna sampler of `seed` and the config's arguments."""


def _theirs(name: str) -> Factory:
    """An installed package's sampler."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise SamplerError(f"sampler.name is {name!r}, expected {nearest(name, {**SAMPLERS, **found})}")
    where = f"entry point {GROUP}: {name} = {found[name].value!r}"
    try:
        make = found[name].load()
    except Exception as error:  # another's code may raise anything
        raise SamplerError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if not callable(make):
        raise SamplerError(f"{where}: expected what makes an Optuna sampler, such as its class")
    return _optuna(make)


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
        sizes: how many a network has.

    Raises:
        SamplerError: if there is no such sampler, or it does not take the arguments.
    """

    def __init__(
        self,
        domain: Domain,
        config: Mapping[str, Any],
        seed: int,
        lag: int | None = None,
        uniform: float = 0.0,
        sizes: int = 1,
    ) -> None:
        self.domain, self.seed, self.lag, self.uniform, self.sizes = domain, seed, lag, uniform, sizes
        name = str(config.get("name"))
        make = SAMPLERS.get(name) or _theirs(name)
        try:
            self.sampler = make(domain, {key: value for key, value in config.items() if key != "name"}, seed, sizes)
        except TypeError as error:
            raise SamplerError(f"sampler {name}: {error}") from None
        self._untold: dict[int, TrialResult] = {}  # results that the sampler does not have yet
        self._ended: set[int] = set()

    def add(self, number: int, proposal: Proposal | None, sizes: Sizes) -> None:
        """Takes note of a trial that was not proposed here: an anchor, or one of an earlier process."""
        self.sampler.add(number, proposal, sizes)

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

        def sizes_of(params: Mapping[str, Any]) -> Sizes | None:
            name = key(params)
            if name not in sized:
                sized[name] = candidate(params)
            within_limits = sized[name]
            return None if within_limits is None else within_limits.sizes

        for proposal in self._proposals(number, sizes_of):
            name = key(proposal.params)
            if name in refused:
                continue
            chosen = sized[name] if name in sized else candidate(proposal.params)
            if chosen is not None and not taken(chosen):
                self.sampler.add(number, proposal, chosen.sizes)
                return proposal, chosen
            refused.add(name)
        return None

    def _proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        rng = Random(f"{self.seed} {number}")
        chosen = rng.random() >= self.uniform
        if chosen:
            yield from self.sampler.proposals(number, sizes_of)
        draw = partial(self._draw, uniform=not chosen)
        # A uniform trial, or the sampler proposes only points that were tried: draw, then go through every point.
        for _ in range(UNIFORM_ATTEMPTS):
            yield draw(self.domain.sample(rng))
        if self.domain.size <= ENUMERABLE:
            yield from map(draw, self.domain.points())

    def _draw(self, params: Mapping[str, Any], uniform: bool) -> Proposal:
        return Proposal(params, distributions(self.domain, params), uniform=uniform)
