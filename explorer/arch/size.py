"""What a network shall have little of: one of its exact costs, a weighted sum of several, or two at once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

SIZES = {
    "params": "parameters",
    "bytes": "bytes of the weights in fp32",
    "macs": "multiply-accumulates for one image",
    "activations": "bytes of activations at once, in fp32",
    "flash": "bytes of the int8 file for TFLite Micro",
    "ram": "bytes of TFLite Micro's arena in int8",
    "latency": "microseconds for one image, as predicted for a device",
    "cycles": "cycles of an NPU for one image, as Vela predicts",
}
"""Names and what they count, in words."""
PREDICTED = ("latency", "cycles")
"""Those that are not computed from the network, but predicted from others that were timed."""
MOST = 2
"""Sizes at once."""
TERM = re.compile(r"(?:(?P<factor>[0-9.]+(?:e[+-]?\d+)?)\*)?(?P<name>[a-z]+)(?:/(?P<over>[0-9.]+(?:e[+-]?\d+)?))?")


class SizeError(ValueError):
    """A size that cannot be computed; one line for a person."""


class Costs(Protocol):
    """What a size is computed from; see `explorer.arch.cost.Cost`."""

    @property
    def params(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def macs(self) -> int: ...
    @property
    def activations(self) -> int: ...
    @property
    def flash(self) -> int: ...
    @property
    def ram(self) -> int: ...
    @property
    def latency(self) -> float: ...
    @property
    def cycles(self) -> float: ...


@dataclass(frozen=True)
class Size:
    """A weighted sum of costs.

    Attributes:
        name: as it was written.
        terms: factors, above 0, and what they multiply.
    """

    name: str
    terms: tuple[tuple[float, str], ...]

    def of(self, costs: Costs) -> float:
        """The size of a network."""
        return sum(factor * float(getattr(costs, name)) for factor, name in self.terms)

    @property
    def words(self) -> str:
        """What it counts."""
        return SIZES.get(self.name, self.name)


def uses(sizes: Iterable[Size], name: str) -> bool:
    """Whether one of some sizes is computed from a cost."""
    return any(name == term for size in sizes for _, term in size.terms)


@lru_cache
def parse(text: object) -> Size:
    """Reads `macs`, or `0.5*params/1e6 + 0.5*macs/1e8`; it is data, nothing is run.

    Raises:
        SizeError: saying what would be right.
    """
    name = " ".join(str(text).split())
    terms = []
    for word in re.split(r"(?<!e)\+", name.replace(" ", "")):  # 1e+6 is a number
        found = TERM.fullmatch(word)
        factor, over = (_number(found["factor"]), _number(found["over"])) if found else (math.nan, math.nan)
        if not found or found["name"] not in SIZES or not (0 < factor < math.inf and 0 < over < math.inf):
            raise SizeError(
                f"size is {name!r}, expected {', '.join(SIZES)}, or a sum such as '0.5*params/1e6 + 0.5*macs/1e8'"
            )
        terms.append((factor / over, found["name"]))
    return Size(name, tuple(terms))


def parse_all(given: object) -> tuple[Size, ...]:
    """Reads one size, or two at once: `[params, macs]`, or `params, macs` as `together` writes it.

    Raises:
        SizeError: saying what would be right.
    """
    text = str(given).strip().removeprefix("[").removesuffix("]")
    parts = given if isinstance(given, Sequence) and not isinstance(given, str) else text.split(",")
    sizes = tuple(map(parse, parts))
    if len(sizes) > MOST:
        raise SizeError(f"size has {len(sizes)} parts, expected {MOST} at most, such as size=[params,macs]")
    if len(set(sizes)) < len(sizes):
        raise SizeError(f"size names {sizes[0].name!r} twice, expected one size, or two different ones")
    return sizes


def together(sizes: Iterable[Size]) -> str:
    """The name of one size, or of two: `params, macs`."""
    return ", ".join(size.name for size in sizes)


def _number(text: str | None) -> float:
    try:
        return 1.0 if text is None else float(text)
    except ValueError:
        return math.nan


def shown(size: float) -> str:
    """48,211; 0.7312 where it is no whole number."""
    return f"{size:,.0f}" if float(size).is_integer() else f"{size:.4g}"
