"""What passes between a search and its sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Size: TypeAlias = Callable[[Mapping[str, Any]], float | None]
"""The size of the network at a point, known before it is trained; None if it is over a limit."""
Taken: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Whether the network at a point was tried already."""


class SamplerError(ValueError):
    """An unknown sampler, or one that does not fit the space."""


@dataclass(frozen=True)
class Proposal:
    """A point to be tried, in Optuna's terms.

    Attributes:
        params: the point.
        distributions: of its parameters.
        system_attrs: what an Optuna sampler keeps on its trials.
        uniform: of the sample for statistics: drawn uniformly, whatever the sampler, and never stopped.
    """

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
    uniform: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
        state: COMPLETE, PRUNED (stopped early) or FAIL.
        size: of its network.
        curve: its accuracy after each epoch that it was trained; () if it failed.
    """

    state: str
    size: float
    curve: tuple[float, ...] = ()


class Sampler(Protocol):
    """Where points come from. Results may be told in any order, and while other trials are under way."""

    def add(self, number: int, proposal: Proposal | None, size: float) -> None:
        """A trial is under way: at a point, or (None) an anchor outside the space."""

    def tell(self, number: int, outcome: Outcome) -> None:
        """A trial that was added has ended."""

    def candidates(self, number: int, size: Size) -> Iterator[Proposal]:
        """Points for trial `number`, the best first. Asked for another one, if the one before was refused."""
