"""Data sets, one a file: each has a function `load` whose keyword arguments are the keys of conf/data/NAME.yaml.

A config names its data set, it never carries a Python path. Nothing heavy is imported until a data set is loaded.
"""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer.data.module import DataModule

NAMES = ("digits", "fashion_mnist", "cifar10", "cifar100", "image_folder", "imagenet")
EXPECTED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a word",
    "Sequence[float]": "a list of numbers",
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
    if name not in NAMES:
        raise DataError(f"data is {name!r}, expected one of {', '.join(NAMES)}")
    function = import_module(f"explorer.data.{name}").load
    arguments = inspect.signature(function).parameters
    unknown = sorted(set(options) - set(arguments))
    if unknown:
        raise DataError(f"data {name} has no key {unknown[0]!r}, its keys are {', '.join(arguments)}")
    for key, value in options.items():
        if not any(_is(value, kind) for kind in arguments[key].annotation.split(" | ")):
            raise DataError(f"data {name}: {key} is {value!r}, expected {EXPECTED[arguments[key].annotation]}")
    module: DataModule = function(**options)
    return module


def _is(value: object, kind: str) -> bool:
    """Whether a config's value has an annotated type."""
    if kind == "Sequence[float]":
        return isinstance(value, list | tuple) and all(_is(number, "float") for number in value)
    expected = {"float": (int, float), "None": (type(None),)}.get(kind, (getattr(builtins, kind, object),))
    return type(value) in expected
