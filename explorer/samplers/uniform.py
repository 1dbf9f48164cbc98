"""Samplers that use no results: uniform draws, and a grid in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from explorer.samplers.distributions import distributions
from explorer.samplers.proposal import Proposal, Sizes, SizesOf, TrialResult
from explorer.space.domain import Domain


class Uniform:
    """A `Sampler` that proposes nothing, so that `Proposer` draws every point uniformly."""

    def __init__(self, domain: Domain, arguments: Mapping[str, Any], seed: int, sizes: int = 1) -> None:
        if arguments:
            raise TypeError(f"got an unexpected keyword argument {next(iter(arguments))!r}")
        self.domain = domain

    def add(self, number: int, proposal: Proposal | None, sizes: Sizes) -> None:
        pass

    def tell(self, number: int, result: TrialResult) -> None:
        pass

    def proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        yield from ()


class Grid(Uniform):
    """A `Sampler` that goes through the grid; the first parameter changes slowest.

    Raises:
        SpaceError: if a parameter is continuous.
    """

    def __init__(self, domain: Domain, arguments: Mapping[str, Any], seed: int, sizes: int = 1) -> None:
        super().__init__(domain, arguments, seed, sizes)
        next(domain.points())
        self._left = domain.points()

    def proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        # What was refused once was tried already or is over a limit, so no point is proposed twice.
        for params in self._left:
            yield Proposal(params, distributions(self.domain, params))
