"""Checks of a command's options. What is wrong is said in one form: KEY is VALUE, expected WHAT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

Options = Mapping[str, Any]


class ConfigError(ValueError):
    """A value on the command line that cannot be right: one line that names it and what would be right."""


def refuse(key: str, value: object, expected: str) -> NoReturn:
    """Says that a value cannot be right."""
    raise ConfigError(f"{key} is {value!r}, expected {expected}")


def whole(config: Options, key: str, least: int) -> int:
    """A whole number of the config.

    Raises:
        ConfigError: if it is none, or below `least`.
    """
    value = config[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        refuse(key, value, f"a whole number of at least {least}")
    return value


def positive(config: Options, key: str) -> float | None:
    """A positive number of the config, or None where it says null.

    Raises:
        ConfigError: if it is neither.
    """
    value: float | None = config[key]
    if value is not None and not (_is_number(value) and value > 0):
        refuse(key, value, "a positive number or null")
    return value


def share(config: Options, key: str) -> float:
    """A share of the config, from 0 to 1.

    Raises:
        ConfigError: if it is none.
    """
    value = config[key]
    if not (_is_number(value) and 0 <= value <= 1):
        refuse(key, value, "a share between 0 and 1")
    return float(value)


def within(config: Options) -> float:
    """The option `within`: what of the metric `smallest` may give up against the best network, in [0, 1).

    Raises:
        ConfigError: if it is no such number.
    """
    value = config["within"]
    if not (_is_number(value) and 0 <= value < 1):
        refuse("within", value, "what of the metric to give up, from 0 to 1")
    return float(value)


def flag(config: Options, key: str) -> bool:
    """True or false.

    Raises:
        ConfigError: if it is neither.
    """
    value = config[key]
    if not isinstance(value, bool):
        refuse(key, value, "true or false")
    return value


def choice(config: Options, key: str, *choices: str | None) -> Any:
    """One of some words, or null where None is among them.

    Raises:
        ConfigError: if it is none of them.
    """
    value = config[key]
    if value not in choices:
        words = ["null" if one is None else one for one in choices]
        refuse(key, value, " or ".join(words) if len(words) < 3 else _one_of(words))
    return value


def _one_of(words: list[str]) -> str:
    last = ", or null" if words[-1] == "null" else f", {words[-1]}"
    return f"one of {', '.join(words[:-1])}{last}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
