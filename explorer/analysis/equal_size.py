"""Networks compared with others of about their size, and what each value of a metaparameter adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

NEIGHBOURS, SHARE = 12, 0.15
"""Networks of about the same size that say what is usual: the larger of a number and a share of all."""
MANY = 6
"""Values beyond which a metaparameter is shown in as many groups."""


@dataclass(frozen=True)
class Relative:
    """Networks held against others of their size.

    Attributes:
        gains: val_acc less what is usual at that size, shape (n,).
        scores: share of the networks of about the same size with a lower gain, shape (n,). How much networks differ
            depends on their size: by gains alone the best of all would nearly all be small ones.
    """

    gains: Array
    scores: Array


@dataclass(frozen=True)
class Effect:
    """What a value, or a range of them, adds at equal size.

    Attributes:
        values: in words: 0.125, or 0.1 to 0.2.
        gain: mean of val_acc less what is usual at that size.
        error: standard error of `gain`; infinite for one network alone.
        networks: that have it.
    """

    values: str
    gain: float
    error: float
    networks: int


@dataclass(frozen=True)
class Importance:
    """How much a metaparameter counts for accuracy at equal size.

    Attributes:
        name: of the metaparameter.
        share: of all metaparameters' importance.
        chance: share that one that does not count would stay below in 95 of 100 studies.
        effects: what each of its values adds.
    """

    name: str
    share: float
    chance: float
    effects: tuple[Effect, ...]

    @property
    def significant(self) -> bool:
        """Whether it counts more than chance alone would explain."""
        return self.share > self.chance


@dataclass(frozen=True)
class Importances:
    """All metaparameters, the most important first.

    Attributes:
        ranked: empty where there are too few networks.
        networks: that were looked at.
        uniform: whether they are uniform draws; else all that finished.
        metric: what the study maximises.
    """

    ranked: tuple[Importance, ...]
    networks: int
    uniform: bool
    metric: str


def relative(sizes: Sequence[float], accuracies: Sequence[float]) -> Relative:
    """Holds each network against the others, itself left out.

    What is usual is a line through val_acc over log10(size), fitted to the nearest in log10(size), which weigh by
    Tukey's biweight of that distance (a local regression, Cleveland 1979), and kept within what they reached.

    Args:
        sizes: of each network, above zero; three at least.
        accuracies: val_acc of each.
    """
    x, y = np.log10(np.asarray(sizes, dtype=np.float64)), np.asarray(accuracies, dtype=np.float64)
    nearest = min(max(NEIGHBOURS, round(SHARE * len(x))), len(x) - 1)
    gains = np.empty(len(x))
    for i in range(len(x)):
        chosen, weight = _near(x, i, nearest)
        gains[i] = y[i] - _line(x[chosen] - x[i], y[chosen], weight)
    scores = np.empty(len(x))
    for i in range(len(x)):
        chosen, weight = _near(x, i, nearest)
        beaten = (gains[chosen] < gains[i]) + (gains[chosen] == gains[i]) / 2
        scores[i] = min(weight @ beaten / weight.sum(), 1.0)  # two sums may round apart by one bit
    return Relative(gains, scores)


def effects(values: Sequence[Any], gains: Array) -> tuple[Effect, ...]:
    """What each value adds; of a number with many values each of MANY ranges that hold about as many networks.

    A metaparameter that exists under a condition is looked at among the networks that have it: what they gain or lose
    all together is the condition's doing.

    Args:
        values: of one metaparameter, one a network; None where it is absent.
        gains: see `Relative`.
    """
    present = np.array([value is not None for value in values])
    there = [value for value in values if value is not None]
    common = float(gains[present].mean()) if there and not present.all() else 0.0
    own = gains[present] - common
    return tuple(_effect(name, own[[value in within for value in there]]) for name, within in _groups(there))


def _groups(values: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Values, or ranges of them, by name."""
    known = sorted(set(values), key=lambda value: (isinstance(value, str), value))
    if len(known) <= MANY or any(isinstance(value, str | bool) for value in known):
        return [(shown(value), [value]) for value in known]
    edges = sorted({part[0] for part in np.array_split(np.array(sorted(values), dtype=np.float64), MANY)})
    groups = [[value for value in known if low <= value < after] for low, after in pairwise([*edges, float("inf")])]
    return [(shown_range(own), own) for own in groups]


def shown(value: Any, digits: int = 4) -> str:
    """0.3125 as it is, a long float in four digits, anything else as Python writes it."""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def shown_range(values: Sequence[Any], digits: int = 4) -> str:
    """The first and the last of values in their order, once where they look the same."""
    first, last = shown(values[0], digits), shown(values[-1], digits)
    return first if first == last else f"{first} to {last}"


def _effect(name: str, gains: Array) -> Effect:
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("inf")
    return Effect(name, float(gains.mean()), error, len(gains))


def _near(x: Array, i: int, count: int) -> tuple[NDArray[np.int64], Array]:
    """The nearest others and their weights; others at the same distance as the last count too."""
    distance = np.abs(x - x[i])
    distance[i] = np.inf
    reach = float(np.partition(distance, count - 1)[count - 1])
    chosen = np.flatnonzero(distance <= reach)
    weight = (1 - (distance[chosen] / (reach * 1.0001 + 1e-12)) ** 2) ** 2
    return chosen, weight


def _line(x: Array, y: Array, weight: Array) -> float:
    """The weighted line's height at 0, within the range of y."""
    total = weight.sum()
    mean_x, mean_y = weight @ x / total, weight @ y / total
    spread = weight @ (x - mean_x) ** 2
    slope = weight @ ((x - mean_x) * (y - mean_y)) / spread if spread > 1e-12 * total else 0.0
    return float(np.clip(mean_y - slope * mean_x, y.min(), y.max()))
