"""Families of networks: functions from a few metaparameters to an Architecture, one file each.

A family is the function that carries its module's name; keyword arguments are its metaparameters, their defaults its
canonical member. `NAMED` in the same file names published members.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from explorer.arch.architecture import Architecture
from explorer.arch.layers import ArchitectureError, Shape

Family = Callable[..., Architecture]


@cache
def families() -> dict[str, Family]:
    """Every family by name."""
    names = sorted(module.name for module in iter_modules(__path__))
    return {name: getattr(import_module(f"{__name__}.{name}"), name) for name in names}


@cache
def named() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every published network by name: its family and its metaparameters."""
    return {
        name: (family, parameters)
        for family in families()
        for name, parameters in import_module(f"{__name__}.{family}").NAMED.items()
    }


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
    known = metaparameters(family)
    extra = {key: value for key, value in (options or {}).items() if key in known}
    return families()[family](input_shape, classes, **(parameters | extra))


def nearest(word: str, options: Mapping[str, object]) -> str:
    """'one of a, b, c', and the likeliest slip."""
    close = get_close_matches(word, options, 1)
    return f"one of {', '.join(options)}" + (f" (did you mean {close[0]}?)" if close else "")
