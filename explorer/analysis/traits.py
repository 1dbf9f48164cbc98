"""What the networks on a front have in common: for each metaparameter the values that most of them share.

Any few networks have something in common, and the values are chosen to show it. So each trait says how often as many
uniform draws of the space would look as much alike in that metaparameter by chance, the values chosen for them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from explorer.analysis.equal_size import shown
from explorer.arch import ArchitectureError, Shape, totals
from explorer.arch.size import PREDICTED
from explorer.results.record import TrialRecord
from explorer.space import DesignSpace
from explorer.space.parameter import Parameter

DRAWS = 1_000
"""Uniform draws that stand for the space."""
MOST = 0.85
"""Share of the members that a trait has to hold for."""
FEWEST = 3
"""Members below which nothing is said to be common."""
REPEATS, LEVEL = 1_000, 0.05

Levels: TypeAlias = NDArray[np.int64]
Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Trait:
    """The values of a metaparameter that most members of a front share.

    Attributes:
        name: of the metaparameter.
        words: "lies in 0.125 to 0.25", "is simple".
        members: how many have them.
        of: how many members there are that have this metaparameter, which may exist under a condition.
        share: of the uniform draws with this metaparameter that have them.
        chance: probability that as many uniform draws look as much alike.
        significant: whether that is too rare for chance, all metaparameters considered (Bonferroni, at LEVEL).
        on_front: each member's value.
        drawn: of the uniform draws.
    """

    name: str
    words: str
    members: int
    of: int
    share: float
    chance: float
    significant: bool
    on_front: tuple[Any, ...]
    drawn: tuple[Any, ...]

    @property
    def text(self) -> str:
        """A sentence."""
        return (
            f"on the front {self.name} {self.words} ({self.members} of {self.of} members; "
            f"{100 * self.share:.0f} % of uniform draws do)"
        )


def draws(space: DesignSpace, input_shape: Shape, classes: int, count: int = DRAWS) -> list[dict[str, Any]]:
    """Uniform draws within the space's limits; fewer than `count` where nearly all of the space is over them.

    Limits of latency and cycles are left out: what a network takes is predicted while a search runs.
    """
    space = replace(space, limits={key: limit for key, limit in space.limits.items() if key not in PREDICTED})
    rng = Random(0)
    found: list[dict[str, Any]] = []
    for _ in range(20 * count):
        point = space.sample(rng)
        if space.limits:
            try:
                if space.over_limit(totals(space.architecture(point, input_shape, classes))):
                    continue
            except ArchitectureError:
                continue
        found.append(point)
        if len(found) == count:
            break
    return found


def traits(space: DesignSpace, front: Sequence[TrialRecord], drawn: Sequence[dict[str, Any]]) -> tuple[Trait, ...]:
    """What the members of a front have in common, the most telling first.

    A metaparameter that fewer than FEWEST of them have is left out.

    Args:
        space: that was searched.
        front: its members; published networks from outside the space have no metaparameters and do not count.
        drawn: see `draws`.
    """
    found: list[Trait] = []
    for parameter in space.parameters:
        name = parameter.name
        values = [trial.metaparameters[name] for trial in front if name in trial.metaparameters]
        others = [point[name] for point in drawn if name in point]
        if len(values) >= FEWEST and others:
            found.append(_trait(parameter, values, others, len(space.parameters)))
    return tuple(sorted(found, key=lambda trait: (trait.chance, trait.share)))


def _trait(parameter: Parameter, values: Sequence[Any], drawn: Sequence[Any], tests: int) -> Trait:
    """The trait in one metaparameter.

    Args:
        parameter: the metaparameter.
        values, drawn: its values on the front and in uniform draws.
        tests: how many metaparameters are looked at.
    """
    ordered = parameter.type != "categorical"
    known = sorted({*drawn, *values}) if ordered else list(parameter.choices)
    place = {value: level for level, value in enumerate(known)}
    levels = np.sort([place[value] for value in values])
    weight = np.bincount([place[value] for value in drawn], minlength=len(known)) / len(drawn)
    least = int(np.ceil(MOST * len(values)))
    narrowest = _narrowest_range if ordered else _narrowest_set
    share, chosen = narrowest(levels, weight, least)
    rng = np.random.default_rng(0)
    others = np.sort(rng.choice(len(known), size=(REPEATS, len(values)), p=weight), axis=1)
    alike = sum(narrowest(one, weight, least)[0] <= share + 1e-12 for one in others)
    chance = (1 + alike) / (1 + REPEATS)
    return Trait(
        name=parameter.name,
        words=_words([known[level] for level in chosen], ordered, len(chosen) == len(known)),
        members=int(np.isin(levels, chosen).sum()),
        of=len(values),
        share=share,
        chance=chance,
        significant=chance * tests <= LEVEL,
        on_front=tuple(values),
        drawn=tuple(drawn),
    )


def _narrowest_range(levels: Levels, weight: Array, least: int) -> tuple[float, list[int]]:
    """Of the ranges from one member's level to another's that hold enough of them, the one with the fewest draws.

    Args:
        levels: of the members, rising.
        weight: share of the draws at each level.
        least: members that the range has to hold.

    Returns:
        The share of the draws in it, and its levels.
    """
    up_to = np.concatenate([[0.0], np.cumsum(weight)])
    low, high = levels[: len(levels) - least + 1], levels[least - 1 :]
    shares = up_to[high + 1] - up_to[low]
    best = int(np.argmin(shares))
    return float(shares[best]), list(range(int(low[best]), int(high[best]) + 1))


def _narrowest_set(levels: Levels, weight: Array, least: int) -> tuple[float, list[int]]:
    """The same for values without an order: those of most members, of equals the rarer draw, until enough have one."""
    held = np.bincount(levels, minlength=len(weight))
    order = sorted(range(len(weight)), key=lambda level: (-held[level], weight[level]))
    count = int(np.searchsorted(np.cumsum(held[order]), least)) + 1
    return float(weight[order[:count]].sum()), sorted(order[:count])


def _words(values: Sequence[Any], ordered: bool, everything: bool) -> str:
    if everything and len(values) > 1:
        return "lies anywhere" if ordered else "is any of its values"
    if len(values) == 1:
        return f"is {shown(values[0])}"
    if ordered:
        return f"lies in {shown(values[0])} to {shown(values[-1])}"
    return "is " + " or ".join(shown(value) for value in values)
