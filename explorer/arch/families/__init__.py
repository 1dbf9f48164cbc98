"""Families of networks: functions from a few metaparameters to an Architecture, one file each.

A family is the function that carries its module's name; keyword arguments are its metaparameters, their defaults its
canonical member. `NAMED` in the same file names published members. Installed packages offer families through the entry
point group `explorer.families`: `NAME = "module"`, the module being such a file (docs/families.md).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from explorer.arch.architecture import Architecture
from explorer.arch.layers import ArchitectureError, Shape

GROUP = "explorer.families"
Family = Callable[..., Architecture]


@cache
def families() -> dict[str, Family]:
    """Every family by name: ours, then those of installed packages.

    Raises:
        ArchitectureError: if a package offers what is no family, naming the package's module.
    """
    return {name: getattr(module, name) for name, module in _modules().items()}


@cache
def named() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every published network by name: its family and its metaparameters.

    Raises:
        ArchitectureError: as `families`.
    """
    return {
        name: (family, parameters)
        for family, module in _modules().items()
        for name, parameters in getattr(module, "NAMED", {}).items()
    }


@cache
def _modules() -> dict[str, ModuleType]:
    from importlib.metadata import entry_points

    names = sorted(module.name for module in iter_modules(__path__))
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    taken = {network for module in modules.values() for network in module.NAMED}
    for entry in sorted(entry_points(group=GROUP)):
        where = f"entry point {GROUP}: {entry.name} = {entry.value!r}"
        if entry.name in modules:
            raise ArchitectureError(f"{where}: there is a family {entry.name} already")
        try:
            module = entry.load()
        except Exception as error:  # another's code may raise anything
            raise ArchitectureError(f"{where}: {type(error).__name__}: {error}") from error
        _check(where, entry.name, module, taken)
        taken |= getattr(module, "NAMED", {}).keys()
        modules[entry.name] = module
    return modules


def _check(where: str, name: str, module: object, taken: set[str]) -> None:
    """Refuses what is no module of a family."""
    family = getattr(module, name, None)
    if not isinstance(module, ModuleType) or not callable(family):
        raise ArchitectureError(f"{where}: expected a module with a function {name}")
    for parameter in inspect.signature(family).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise ArchitectureError(f"{where}: its metaparameter {parameter.name} has no default")
    if twice := taken & getattr(module, "NAMED", {}).keys():
        raise ArchitectureError(f"{where}: there is a network {min(twice)} already")


def metaparameters(family: str) -> dict[str, Any]:
    """Names and defaults of a family's metaparameters.

    Raises:
        ArchitectureError: if there is no such family.
    """
    if family not in families():
        raise ArchitectureError(f"family is {family!r}, expected {nearest(family, families())}")
    signature = inspect.signature(families()[family])
    return {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}


def architecture(
    name: str, input_shape: Shape = (3, 227, 227), classes: int = 1000, options: Mapping[str, Any] | None = None
) -> Architecture:
    """A published network, such as `squeezenet_v1_0`.

    Args:
        name: one of `named()`.
        input_shape: (channels, height, width) of one image.
        classes: number of classes.
        options: metaparameters to change; those the network's family lacks are ignored.

    Raises:
        ArchitectureError: if there is no such network.
    """
    if name not in named():
        raise ArchitectureError(f"network is {name!r}, expected {nearest(name, named())}")
    family, parameters = named()[name]
    keywords = metaparameters(family)
    extra = {key: value for key, value in (options or {}).items() if key in keywords}
    return families()[family](input_shape, classes, **(parameters | extra))


def nearest(word: str, options: Mapping[str, object]) -> str:
    """'one of a, b, c', and the likeliest slip."""
    close = get_close_matches(word, options, 1)
    return f"one of {', '.join(options)}" + (f" (did you mean {close[0]}?)" if close else "")
