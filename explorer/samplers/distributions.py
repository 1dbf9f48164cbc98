"""Parameters as Optuna's distributions, and the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from explorer.space.domain import Domain
from explorer.space.parameter import Parameter, SpaceError


def distribution(parameter: Parameter) -> BaseDistribution:
    """Of one parameter."""
    match parameter.type:
        case "categorical":
            return CategoricalDistribution(parameter.choices)
        case "int":
            return IntDistribution(int(parameter.low), int(parameter.high), parameter.log, int(parameter.step or 1))
        case _:
            return FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)


def distributions(domain: Domain, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Of a point's parameters."""
    return {each.name: distribution(each) for each in domain.parameters if each.name in params}


def from_distributions(named: Mapping[str, Any]) -> Domain:
    """The domain of distributions by name.

    Raises:
        SpaceError: if there is none, or a value is no distribution.
    """
    if not named:
        raise SpaceError("parameters is empty, expected names and Optuna distributions")
    return Domain(tuple(_parameter(name, given) for name, given in named.items()))


def _parameter(name: str, given: Any) -> Parameter:
    match given:
        case CategoricalDistribution():
            return Parameter(name, "categorical", choices=tuple(given.choices))
        case IntDistribution():
            return Parameter(name, "int", given.low, given.high, None if given.log else given.step, given.log)
        case FloatDistribution():
            return Parameter(name, "float", given.low, given.high, given.step, given.log)
        case _:
            raise SpaceError(f"parameters[{name!r}] is {given!r}, expected an Optuna distribution")
