"""One searched metaparameter: its values, draws, conditions; read from and written to plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

KEYS = {
    "int": {"type", "low", "high", "step", "log", "when"},
    "float": {"type", "low", "high", "step", "log", "when"},
    "categorical": {"type", "choices", "when"},
}

SCALARS = (str, int, float, bool, type(None))
FEW = 6
"""Values up to which a message names all."""
LARGEST = 10**15
"""Of a range's ends: beyond it a float no longer tells whole numbers apart."""
MOST_VALUES = 100_000
"""Of one parameter: they are held in memory."""


class SpaceError(ValueError):
    """A space that cannot be searched: one line that names the space, the key and what would be right."""


@dataclass(frozen=True)
class Parameter:
    """One searched metaparameter, in Optuna's terms.

    Attributes:
        name: the family's keyword.
        type: int, float or categorical.
        low, high: range of a number, both included.
        step: distance between neighbours; None for a continuous float.
        log: drawn uniformly in the logarithm.
        choices: of a categorical.
        when: exists only if each named parameter has one of these values.
    """

    name: str
    type: str
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @cached_property
    def values(self) -> tuple[Any, ...] | None:
        """All values in order; None if there is a continuum."""
        if self.type == "categorical":
            return self.choices
        if self.step is None:
            return (self.low,) if self.low == self.high else None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self.low + i * self.step for i in range(count))

    @cached_property
    def ordered(self) -> tuple[Any, ...] | None:
        """The choices of a categorical in ascending order, where all are numbers and there are more than two.

        People write steps evenly on the scale that they have in mind (8, 16, 32, 64), so a choice's place in this
        order stands for it.
        """
        numbers = all(type(choice) in (int, float) for choice in self.choices)
        return tuple(sorted(self.choices)) if numbers and len(self.choices) > 2 else None

    @property
    def words(self) -> str:
        """What can be drawn: 1 to 4; 16, 32, ... 128; fire or residual."""
        values = self.values
        if values is None:
            return f"a number from {self.low:g} to {self.high:g}"
        few = [str(value) for value in values[: FEW if len(values) <= FEW else 2]]
        return ", ".join(few) + (f", ... {values[-1]}" if len(values) > FEW else "")

    def suggest(self, trial: Any) -> Any:
        """Asks an Optuna trial for a value."""
        match self.type:
            case "categorical":
                return trial.suggest_categorical(self.name, self.choices)
            case "int":
                return trial.suggest_int(
                    self.name, int(self.low), int(self.high), step=int(self.step or 1), log=self.log
                )
            case _:
                return trial.suggest_float(self.name, self.low, self.high, step=self.step, log=self.log)

    def draw(self, rng: Random) -> Any:
        """A uniform draw (in the logarithm, if `log`)."""
        if self.values is not None and not self.log:
            return rng.choice(self.values)
        if not self.log:
            return rng.uniform(self.low, self.high)
        value = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        return min(max(round(value), int(self.low)), int(self.high)) if self.type == "int" else value

    def other(self, value: Any, rng: Random) -> Any:
        """Another value; of numbers as often the next one, up or down, as any. The same if there is but one."""
        if self.values is None or self.log:
            return self.draw(rng)
        left = [other for other in self.values if other != value]
        if not left:
            return value
        if self.ordered is not None and rng.random() < 0.5:
            place = self.ordered.index(value)
            return rng.choice(self.ordered[max(0, place - 1) : place] + self.ordered[place + 1 : place + 2])
        if self.type != "categorical" and rng.random() < 0.5:
            near = sorted(left, key=lambda other: abs(other - value))
            return rng.choice([other for other in near if math.isclose(abs(other - value), abs(near[0] - value))])
        return rng.choice(left)

    def contains(self, value: Any) -> bool:
        """Whether the value can be drawn."""
        if self.type == "categorical":
            return matches(value, self.choices)
        if not isinstance(value, int | float):
            return False
        if self.values is not None:
            return any(math.isclose(value, each) for each in self.values)
        return bool(self.low <= value <= self.high)


def read_parameter(space: str, name: str, entry: Any, settled: Mapping[str, Parameter | None]) -> Parameter:
    """Reads one entry of `search`.

    Args:
        space: its name, for messages.
        name: of the metaparameter.
        entry: plain data.
        settled: what stands before it, on which `when` may depend; None: a metaparameter that is not searched.

    Raises:
        SpaceError: naming the key.
    """
    where = f"space {space}: search.{name}"
    kind = entry.get("type") if isinstance(entry, Mapping) else entry
    if not isinstance(entry, Mapping) or not isinstance(kind, str) or kind not in KEYS:
        raise SpaceError(f"{where}.type: is {kind!r}, expected one of {', '.join(KEYS)}")
    for key in entry:
        if key not in KEYS[kind]:
            raise SpaceError(f"{where}.{key}: no such key for {kind}, expected one of {', '.join(sorted(KEYS[kind]))}")
    when = _conditions(where, name, entry.get("when") or {}, settled)
    if kind == "categorical":
        choices = tuple(_several(f"{where}.choices", entry.get("choices") or ()))
        if not choices or len(set(choices)) < len(choices):
            raise SpaceError(f"{where}.choices: is {list(choices)}, expected at least one choice, each once")
        return Parameter(name, kind, choices=choices, when=when)
    return _number(where, name, entry, when)


def _conditions(
    where: str, name: str, entry: Any, settled: Mapping[str, Parameter | None]
) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    """`when`: each key names a parameter that comes before, with values that it can take."""
    if not isinstance(entry, Mapping):
        raise SpaceError(f"{where}.when: is {entry!r}, expected a mapping such as {{bypass: none}}")
    when = tuple((str(key), tuple(_several(f"{where}.when.{key}", values))) for key, values in entry.items())
    for key, values in when:
        if key not in settled:
            raise SpaceError(
                f"{where}.when: {key!r} is not settled before {name}, expected one of {', '.join(sorted(settled))}"
            )
        parent = settled[key]
        for value in values:
            if parent is not None and not parent.contains(value):
                raise SpaceError(f"{where}.when.{key}: {key} is never {value!r}, so {name} would never be searched")
    return when


def _number(
    where: str, name: str, entry: Mapping[str, Any], when: tuple[tuple[str, tuple[Any, ...]], ...]
) -> Parameter:
    kind, log = entry["type"], bool(entry.get("log", False))
    number = int if kind == "int" else int | float
    for key in ("low", "high", *(("step",) if entry.get("step") is not None else ())):
        value = entry.get(key)
        if not isinstance(value, number) or isinstance(value, bool) or not abs(value) <= LARGEST:
            expected = f"{'a whole' if kind == 'int' else 'a'} number"
            raise SpaceError(f"{where}.{key}: is {_short(value)}, expected {expected} of at most {LARGEST:,}")
    low, high, step = entry["low"], entry["high"], entry.get("step")
    if low > high:
        raise SpaceError(f"{where}: the range is upside down, low {low} is above high {high}")
    if step is not None and (step <= 0 or log):
        raise SpaceError(
            f"{where}.step: is {step}, expected a positive number" + (" and no log beside it" if log else "")
        )
    if log and low <= 0:
        raise SpaceError(f"{where}.low: is {low}, expected a positive number with log")
    if kind == "int" and step is None and not log:
        step = 1
    if step is not None and (high - low) / step >= MOST_VALUES:
        raise SpaceError(f"{where}: has more than {MOST_VALUES:,} values; give it a larger step, or log")
    return Parameter(name, kind, low, high, step, log, when=when)


def _several(where: str, value: Any) -> list[Any]:
    """A list, or one value as a list."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    for each in values:
        if not isinstance(each, SCALARS):
            raise SpaceError(f"{where}: has {each!r}, expected text, numbers, true, false or null")
    return values


def matches(value: Any, values: tuple[Any, ...]) -> bool:
    """Whether a value is one of others; numbers that differ by rounding are the same."""
    if value in values:
        return True
    if not isinstance(value, float):
        return False
    return any(isinstance(other, int | float) and math.isclose(value, other) for other in values)


def as_plain(parameter: Parameter) -> dict[str, Any]:
    plain: dict[str, Any] = {"type": parameter.type}
    if parameter.type == "categorical":
        plain["choices"] = list(parameter.choices)
    else:
        plain |= {"low": parameter.low, "high": parameter.high}
        if parameter.log:
            plain["log"] = True
        elif parameter.step is not None:
            plain["step"] = parameter.step
    if parameter.when:
        plain["when"] = {key: list(values) for key, values in parameter.when}
    return plain


def _short(value: Any) -> str:
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**40 else "a number of many digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
