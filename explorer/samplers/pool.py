"""Points to score by the hundred: drawn, mutated and crossed, with their sizes, as vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from explorer.samplers.proposal import Sizes, SizesOf
from explorer.space.domain import Domain, Key, key
from explorer.space.parameter import Parameter

DRAWN, MUTATED, CROSSED = 64, 192, 64
"""New points of an ask."""
ASKS = 8
"""An ask scores the draws of so many asks again, because their sizes are known."""
REMEMBERED = 50_000
"""Points whose size is remembered."""


@dataclass(frozen=True)
class Sized:
    """A point whose size is known.

    Attributes:
        key: of the point; see `explorer.space.domain.key`.
        params: the point.
        decades: log10 of its sizes.
        vector: the point as numbers of about one; its sizes are the last.
    """

    key: Key
    params: Mapping[str, Any]
    decades: tuple[float, ...]
    vector: tuple[float, ...]


class Pool:
    """The points that a sampler chooses among.

    Args:
        domain: what is searched.
        seed: of the search.
        sizes: how many a point has.

    Attributes:
        groups: for each column of a vector the number of its parameter; the sizes count as the last parameters.
    """

    def __init__(self, domain: Domain, seed: int, sizes: int = 1) -> None:
        self.domain, self.seed = domain, seed
        self._encoded: dict[tuple[str, Any], list[float]] = {}
        widths = [len(_columns(parameter, None)) for parameter in domain.parameters]
        self.groups = np.repeat(np.arange(len(widths) + sizes), [*widths, *[1] * sizes])
        self._sized: dict[Key, Sized | None] = {}
        self._draws: dict[int, dict[Key, Mapping[str, Any]]] = {}

    def fill(self, number: int, parents: Sequence[Mapping[str, Any]], sizes_of: SizesOf, rng: Random) -> list[Sized]:
        """Different points for trial `number`, within the limits.

        Args:
            number: of the trial.
            parents: points to mutate and to cross.
            sizes_of: of a point's network.
            rng: of this ask.
        """
        if len(self._sized) > REMEMBERED:
            self._sized.clear()
            self._encoded.clear()
        points = self._drawn(number) | {key(params): params for params in self._near(parents, rng)}
        sized = (self._look_up(name, params, sizes_of) for name, params in points.items())
        return [each for each in sized if each is not None]

    def vector(self, params: Mapping[str, Any], sizes: Sizes) -> tuple[float, ...]:
        """A point as numbers of about one."""
        columns: list[float] = []
        for parameter in self.domain.parameters:
            name = parameter.name, params.get(parameter.name)
            if name not in self._encoded:
                self._encoded[name] = _columns(parameter, name[1])
            columns += self._encoded[name]
        return (*columns, *(math.log10(size) / 2 for size in sizes))

    def _look_up(self, name: Key, params: Mapping[str, Any], sizes_of: SizesOf) -> Sized | None:
        if name not in self._sized:
            sizes = sizes_of(params)
            self._sized[name] = None if sizes is None else self._with_sizes(name, params, sizes)
        return self._sized[name]

    def _with_sizes(self, name: Key, params: Mapping[str, Any], sizes: Sizes) -> Sized:
        return Sized(name, params, tuple(map(math.log10, sizes)), self.vector(params, sizes))

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
            first, second = rng.sample(parents, 2)
            yield self.domain.cross(first, second, rng)


def _columns(parameter: Parameter, value: Any) -> list[float]:
    """One-hot for what has no order, 0 to 1 for numbers; a parameter that may be inactive has a column that says so."""
    flag = [float(value is not None)] if parameter.when else []
    if (ordered := parameter.ordered) is not None:
        return [0.5 if value is None else ordered.index(value) / (len(ordered) - 1), *flag]
    if parameter.type == "categorical":
        return [float(value == choice) for choice in parameter.choices]
    if value is None or parameter.low == parameter.high:
        return [0.5, *flag]
    low, high, x = (math.log(v) if parameter.log else v for v in (parameter.low, parameter.high, value))
    return [(x - low) / (high - low), *flag]
