"""Data sets, one a file: each has a function `load` whose keyword arguments are the keys of conf/data/NAME.yaml.

A config names its data set; `module` alone carries a Python path, which is the user's own. Nothing heavy is imported
until a data set is loaded.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.data.module import DataModule

NAMES = ("digits", "fashion_mnist", "cifar10", "cifar100", "image_folder", "imagenet", "arrays", "huggingface")
OWN = "module"
"""Data of the user's own code."""
GROUP = "explorer.data"
"""Entry points of installed packages: `NAME = "module"`, with a function `load` as ours have it."""
EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a word",
    "Sequence[float]": "a list of numbers",
    "Sequence[float] | None": "a list of numbers or null",
    "float | str": "a number or a file",
    "str | None": "a word or null",
    "int | None": "a whole number or null",
}
"""Annotations of the data sets' arguments, for error messages."""


class DataError(ValueError):
    """Data that is absent or unreadable, or a config that asks for something impossible; one line for a person."""

    def __init__(self, message: str) -> None:
        # From a loader process torch hands the error on with that process's whole traceback as its message.
        super().__init__(message.rpartition("DataError: ")[2].strip())


def load(data: Mapping[str, Any]) -> DataModule:
    """Loads a data set and splits it.

    Args:
        data: `name`, one of NAMES, and the keyword arguments of that data set's `load`.

    Raises:
        DataError: if there is no such data set or key, or if its images are absent.
    """
    options = {str(key): value for key, value in data.items()}
    name = options.pop("name", None)
    function = _function(name)
    arguments = inspect.signature(function).parameters
    unknown = sorted(set(options) - set(arguments))
    if unknown:
        raise DataError(f"data {name} has no key {unknown[0]!r}, its keys are {', '.join(arguments)}")
    for key, value in options.items():
        if arguments[key].annotation not in EXPECTED:  # a package checks its own
            continue
        if not any(_is(value, kind) for kind in arguments[key].annotation.split(" | ")):
            raise DataError(f"data {name}: {key} is {value!r}, expected {EXPECTED[arguments[key].annotation]}")
    module: DataModule = function(**options)
    return module


def _function(name: object) -> Callable[..., DataModule]:
    """The `load` of a data set, ours or an installed package's."""
    if name in (*NAMES, OWN):
        ours: Callable[..., DataModule] = import_module(f"explorer.data.{'own_module' if name == OWN else name}").load
        return ours
    from importlib.metadata import entry_points

    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise DataError(f"data is {name!r}, expected one of {', '.join([*NAMES, OWN, *sorted(found)])}")
    entry = found[str(name)]
    try:
        theirs: Callable[..., DataModule] = entry.load().load
    except Exception as error:  # another's code may raise anything
        where = f"entry point {GROUP}: {entry.name} = {entry.value!r}"
        raise DataError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    return theirs


def _is(value: object, kind: str) -> bool:
    """Whether a config's value has an annotated type."""
    if kind == "Sequence[float]":
        return isinstance(value, list | tuple) and all(_is(number, "float") for number in value)
    expected = {"float": (int, float), "None": (type(None),)}.get(kind, (getattr(builtins, kind, object),))
    return type(value) in expected
