"""What a search and its sampler exchange: candidates, proposals, results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Sizes: TypeAlias = tuple[float, ...]
"""Of a network, each above 0: one number, or two. They are known before it is trained."""
SizesOf: TypeAlias = Callable[[Mapping[str, Any]], Sizes | None]
"""The sizes of the network at a point; None if it is over a limit."""


class SamplerError(ValueError):
    """An unknown sampler, or one that does not fit the space."""


@dataclass(frozen=True)
class Candidate:
    """A point within the limits. A search that builds a network there adds it in a subclass.

    Attributes:
        params: the point.
        sizes: of its network.
    """

    params: Mapping[str, Any]
    sizes: Sizes


C = TypeVar("C", bound=Candidate)


@dataclass(frozen=True)
class Proposal:
    """A point to be tried, in Optuna's terms.

    Attributes:
        params: the point.
        distributions: of its parameters.
        system_attrs: what an Optuna sampler stores with its trials.
        uniform: whether it belongs to the sample for statistics: drawn uniformly, whatever the sampler, never stopped.
    """

    params: Mapping[str, Any]
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
    uniform: bool = False


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended.

    Attributes:
        state: COMPLETE, PRUNED (stopped early) or FAIL.
        sizes: of its network.
        curve: its accuracy after each epoch that it was trained; () if it failed.
    """

    state: str
    sizes: Sizes
    curve: tuple[float, ...] = ()


class Sampler(Protocol):
    """Chooses points. Results may come in any order, and while other trials are running."""

    def add(self, number: int, proposal: Proposal | None, sizes: Sizes) -> None:
        """Takes note of a trial that has started: at a point, or (None) an anchor outside the space."""

    def tell(self, number: int, result: TrialResult) -> None:
        """Takes the result of a trial that was added."""

    def proposals(self, number: int, sizes_of: SizesOf) -> Iterator[Proposal]:
        """Points for trial `number`, the best first; the next one is asked for when the search refuses one."""
