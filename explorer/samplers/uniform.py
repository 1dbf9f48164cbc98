"""Points that no result has a say in: uniform draws, and a grid's in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from explorer.samplers.distributions import distributions
from explorer.samplers.proposal import Outcome, Proposal, Size
from explorer.space.domain import Domain


class Uniform:
    """A `Sampler` that proposes nothing of its own, so that every point is a uniform draw."""

    def __init__(self, domain: Domain, arguments: Mapping[str, Any], seed: int) -> None:
        if arguments:
            raise TypeError(f"got an unexpected keyword argument {next(iter(arguments))!r}")
        self.domain = domain

    def add(self, number: int, proposal: Proposal | None, size: float) -> None:
        """See `Sampler`."""

    def tell(self, number: int, outcome: Outcome) -> None:
        """See `Sampler`."""

    def candidates(self, number: int, size: Size) -> Iterator[Proposal]:
        """See `Sampler`."""
        yield from ()


class Grid(Uniform):
    """A `Sampler` that goes through the grid, the first parameter changing slowest.

    Raises:
        SpaceError: if a parameter is continuous.
    """

    def __init__(self, domain: Domain, arguments: Mapping[str, Any], seed: int) -> None:
        super().__init__(domain, arguments, seed)
        next(domain.points())
        self._left = domain.points()

    def candidates(self, number: int, size: Size) -> Iterator[Proposal]:
        """See `Sampler`. What was refused once is trained or over a limit, and so never asked for again."""
        for params in self._left:
            yield Proposal(params, distributions(self.domain, params))
