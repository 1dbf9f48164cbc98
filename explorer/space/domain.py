"""Searched parameters together: draws, grid, neighbours, crossings. It is all that a sampler sees of a space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias

from explorer.space.parameter import Parameter, SpaceError, matches

Params: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[tuple[str, Any], ...]
ENUMERABLE = 20_000
"""Most points that are enumerated."""


@dataclass(frozen=True)
class Domain:
    """Searched parameters in the order in which they are drawn; conditions depend on earlier ones.

    Attributes:
        parameters: by order of drawing.
    """

    parameters: tuple[Parameter, ...]

    @property
    def constants(self) -> Mapping[str, Any]:
        """Values that conditions may depend on besides those drawn."""
        return {}

    @property
    def size(self) -> float:
        """Number of points; infinite with a continuous parameter. Different points may build the same network."""
        return self._count(0, {})

    def suggest(self, trial: Any) -> dict[str, Any]:
        """A point asked from an Optuna trial (define by run, so that conditions hold)."""
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            if self.active(parameter, params):
                params[parameter.name] = parameter.suggest(trial)
        return params

    def sample(self, rng: Random) -> dict[str, Any]:
        """A uniform draw, limits not applied."""
        return self.complete({}, rng)

    def complete(self, wanted: Params, rng: Random) -> dict[str, Any]:
        """The point with the wanted values of active parameters; the others are drawn."""
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            if not parameter.when or self.active(parameter, params):
                name = parameter.name
                params[name] = wanted[name] if name in wanted else parameter.draw(rng)
        return params

    def mutate(self, params: Params, changes: int, rng: Random) -> dict[str, Any]:
        """A neighbour: some parameters get another value, of a number's as often the next one as any."""
        wanted = dict(params)
        active = [parameter for parameter in self.parameters if parameter.name in params]
        for parameter in rng.sample(active, min(changes, len(active))):
            wanted[parameter.name] = parameter.other(params[parameter.name], rng)
        return self.complete(wanted, rng)

    def cross(self, first: Params, second: Params, rng: Random) -> dict[str, Any]:
        """A point that takes each value from one of two others."""
        mixed = {name: rng.choice((first, second)).get(name, value) for name, value in {**first, **second}.items()}
        return self.complete(mixed, rng)

    def points(self) -> Iterator[dict[str, Any]]:
        """Every point, the first parameter changing slowest, limits not applied.

        Raises:
            SpaceError: if a parameter is continuous.
        """
        for parameter in self.parameters:
            if parameter.values is None:
                raise SpaceError(f"search.{parameter.name}: is continuous and has no grid; give it a step")
        yield from self._enumerate(0, {})

    def active(self, parameter: Parameter, params: Params) -> bool:
        """Whether a parameter exists, given the values drawn before it."""
        if not parameter.when:
            return True
        settled = {**self.constants, **params}
        return all(key in settled and matches(settled[key], values) for key, values in parameter.when)

    def contains(self, params: Params) -> bool:
        """Whether these are exactly the active parameters, each with a value that can be drawn."""
        active = {parameter.name: parameter for parameter in self.parameters if self.active(parameter, params)}
        return set(params) == set(active) and all(active[name].contains(value) for name, value in params.items())

    def _enumerate(self, i: int, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if i == len(self.parameters):
            yield params
        elif not self.active(self.parameters[i], params):
            yield from self._enumerate(i + 1, params)
        else:
            for value in self.parameters[i].values or ():
                yield from self._enumerate(i + 1, params | {self.parameters[i].name: value})

    def _count(self, i: int, params: dict[str, Any]) -> float:
        if i == len(self.parameters):
            return 1
        parameter, rest = self.parameters[i], self.parameters[i + 1 :]
        if not self.active(parameter, params):
            return self._count(i + 1, params)
        if parameter.values is None:
            return math.inf
        if not any(key == parameter.name for later in rest for key, _ in later.when):
            return len(parameter.values) * self._count(i + 1, params)
        return sum(self._count(i + 1, params | {parameter.name: value}) for value in parameter.values)


def key(params: Params) -> Key:
    """A hashable key, equal for equal points."""
    return tuple(sorted(params.items()))
