"""Candidates by the thousand: drawn, mutated and crossed points with their sizes, as vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from explorer.samplers.proposal import Size
from explorer.space.domain import Domain, Key, key
from explorer.space.parameter import Parameter

DRAWN, MUTATED, CROSSED = 64, 192, 64
"""New candidates of an ask."""
ASKS = 8
"""Asks whose draws are looked at again, so that sizing is paid for once."""
REMEMBERED = 50_000
"""Points whose size is kept."""


@dataclass(frozen=True)
class Sized:
    """A point whose size is known.

    Attributes:
        key: see `explorer.space.domain.key`.
        params: the point.
        decades: log10 of its size.
        vector: see `Candidates.columns`; its size is the last column.
    """

    key: Key
    params: Mapping[str, Any]
    decades: float
    vector: tuple[float, ...]


class Candidates:
    """Points and their vectors.

    Args:
        domain: what is searched.
        seed: of the search.

    Attributes:
        groups: for each column of a vector the number of its parameter; the size counts as the last one.
    """

    def __init__(self, domain: Domain, seed: int) -> None:
        self.domain, self.seed = domain, seed
        self._seen: dict[tuple[str, Any], list[float]] = {}
        widths = [len(_columns(parameter, None)) for parameter in domain.parameters]
        self.groups = np.repeat(np.arange(len(widths) + 1), [*widths, 1])
        self._sized: dict[Key, Sized | None] = {}
        self._draws: dict[int, dict[Key, Mapping[str, Any]]] = {}

    def look(self, number: int, parents: Sequence[Mapping[str, Any]], size: Size, rng: Random) -> list[Sized]:
        """Different candidates for trial `number` that `size` does not refuse."""
        if len(self._sized) > REMEMBERED:
            self._sized.clear()
            self._seen.clear()
        wanted = self._drawn(number) | {key(params): params for params in self._near(parents, rng)}
        known = (self._look_up(name, params, size) for name, params in wanted.items())
        return [each for each in known if each is not None]

    def vector(self, params: Mapping[str, Any], size: float) -> tuple[float, ...]:
        """A point as numbers of about one in size."""
        columns: list[float] = []
        for parameter in self.domain.parameters:
            name = parameter.name, params.get(parameter.name)
            if name not in self._seen:
                self._seen[name] = _columns(parameter, name[1])
            columns += self._seen[name]
        return (*columns, math.log10(size) / 2)

    def _look_up(self, name: Key, params: Mapping[str, Any], size: Size) -> Sized | None:
        if name not in self._sized:
            own = size(params)
            made = None if own is None else Sized(name, params, math.log10(own), self.vector(params, own))
            self._sized[name] = made
        return self._sized[name]

    def _drawn(self, number: int) -> dict[Key, Mapping[str, Any]]:
        """Uniform draws of the last asks."""
        asks = range(max(0, number - ASKS + 1), number + 1)
        self._draws = {ask: self._draws.get(ask) or self._draw(ask) for ask in asks}
        return {name: params for draws in self._draws.values() for name, params in draws.items()}

    def _draw(self, ask: int) -> dict[Key, Mapping[str, Any]]:
        rng = Random(f"{self.seed} {ask} draws")
        return {key(params): params for params in (self.domain.sample(rng) for _ in range(DRAWN))}

    def _near(self, parents: Sequence[Mapping[str, Any]], rng: Random) -> Iterator[Mapping[str, Any]]:
        for _ in range(MUTATED):
            yield self.domain.mutate(rng.choice(parents), rng.choice((1, 1, 2, 3)), rng)
        for _ in range(CROSSED if len(parents) > 1 else 0):
            one, other = rng.sample(parents, 2)
            yield self.domain.cross(one, other, rng)


def _columns(parameter: Parameter, value: Any) -> list[float]:
    """One-hot for a categorical, 0 to 1 for a number; where the parameter may be inactive, also whether it is."""
    if parameter.type == "categorical":
        return [float(value == choice) for choice in parameter.choices]
    flag = [float(value is not None)] if parameter.when else []
    if value is None or parameter.low == parameter.high:
        return [0.5, *flag]
    low, high, own = (math.log(v) if parameter.log else v for v in (parameter.low, parameter.high, value))
    return [(own - low) / (high - low), *flag]
