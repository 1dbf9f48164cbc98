"""Parameters together: draws, grid, neighbours, and points as vectors. What a sampler needs to know of a space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from explorer.parameter import Parameter, SpaceError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Point = Mapping[str, Any]


@dataclass(frozen=True)
class Domain:
    """Searched parameters, in the order in which they are drawn, so that conditions look back.

    Attributes:
        parameters: by order of drawing.
    """

    parameters: tuple[Parameter, ...]

    @property
    def known(self) -> Mapping[str, Any]:
        """Values that conditions may ask for besides those drawn."""
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

    def complete(self, wanted: Point, rng: Random) -> dict[str, Any]:
        """The point that has the wanted values where their parameters are active, and draws elsewhere."""
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            if self.active(parameter, params):
                name = parameter.name
                params[name] = wanted[name] if name in wanted else parameter.draw(rng)
        return params

    def points(self) -> Iterator[dict[str, Any]]:
        """Every point, the first parameter changing slowest, limits not applied.

        Raises:
            SpaceError: if a parameter is continuous.
        """
        for parameter in self.parameters:
            if parameter.values is None:
                raise SpaceError(f"search.{parameter.name}: is continuous and has no grid; give it a step")
        yield from self._enumerate(0, {})

    def distributions(self, params: Point) -> dict[str, BaseDistribution]:
        """Optuna's distributions of a point's parameters."""
        return {each.name: each.distribution for each in self.parameters if each.name in params}

    def active(self, parameter: Parameter, params: Point) -> bool:
        """Whether a parameter exists beside the values drawn before it."""
        if not parameter.when:
            return True
        known = {**self.known, **params}
        return all(key in known and known[key] in values for key, values in parameter.when)

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


def from_distributions(distributions: Mapping[str, BaseDistribution]) -> Domain:
    """The domain of Optuna's distributions by name.

    Raises:
        SpaceError: if a value is no distribution.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    parameters: list[Parameter] = []
    for name, one in distributions.items():
        match one:
            case CategoricalDistribution():
                parameters.append(Parameter(name, "categorical", choices=tuple(one.choices)))
            case IntDistribution():
                parameters.append(Parameter(name, "int", one.low, one.high, None if one.log else one.step, one.log))
            case FloatDistribution():
                parameters.append(Parameter(name, "float", one.low, one.high, one.step, one.log))
            case _:
                raise SpaceError(f"parameters[{name!r}] is {one!r}, expected an Optuna distribution")
    if not parameters:
        raise SpaceError("parameters is empty, expected names and Optuna distributions")
    return Domain(tuple(parameters))


def key(params: Point) -> tuple[tuple[str, Any], ...]:
    """What two equal points have in common, to look them up by."""
    return tuple(sorted(params.items()))


