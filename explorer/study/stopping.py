"""Rules that decide at each rung whether a trial goes on or stops.

A rule decides as soon as a trial reaches a rung, from the trials that reached it before, so that no slot ever waits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from explorer.arch.families import nearest
from explorer.results.archive import Point
from explorer.results.pareto import non_dominated_ranks, spread_order

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class StoppingError(ValueError):
    """An unknown stopping rule, or one that does not take its arguments."""


class Stopping(Protocol):
    """Decides at rungs."""

    def next_rung(self, epoch: int, epochs: int) -> int:
        """The epoch up to which a training that has reached `epoch` goes on."""

    def goes_on(self, point: Point, others: ArrayLike, complete: ArrayLike) -> bool:
        """Whether a trial trains on.

        Args:
            point: (size, accuracy) at the rung; see `explorer.results.archive.Point`.
            others: (n, 2) or (n, 3), those of all other trials that have reached it.
            complete: (m, 3) or (m, 4), of the trials that have trained to the end: size, accuracy at the rung, accuracy
                at the end.
        """


@dataclass(frozen=True)
class NoStopping:
    """Every trial trains to the end; rungs are only where a training can be resumed.

    Args:
        rung: epochs from one checkpoint to the next.
    """

    rung: int = 10

    def next_rung(self, epoch: int, epochs: int) -> int:
        return min(epochs, (epoch // self.rung + 1) * self.rung)

    def goes_on(self, point: Point, others: ArrayLike, complete: ArrayLike) -> bool:
        return True


@dataclass(frozen=True)
class Rungs:
    """Rungs after r, r * eta, r * eta^2 ... epochs.

    Args:
        rung: r, epochs up to the first rung; None: an eighth of a whole training.
        eta: factor from one rung to the next.
    """

    rung: int | None = None
    eta: int = 2

    def next_rung(self, epoch: int, epochs: int) -> int:
        rung = self.rung or max(1, epochs // 8)
        while rung <= epoch:
            rung *= self.eta
        return min(epochs, rung)


@dataclass(frozen=True)
class ParetoStopping(Rungs):
    """Dominance with a slack that is learned: a trial stops when it is unlikely to come near the front.

    A straight line through the complete trials, accuracy at the rung against accuracy at the end, says where the trial
    is expected to end. It goes on if that, plus the luck that the best so far may have had, is at least what a network
    no larger has reached. That luck is the spread around the line times sqrt(2 ln n), about what the largest of n
    Gaussian deviations comes to, with n complete trials: early rungs say little, so little is stopped there. The
    quarter of the complete trials that was worst at the rung is left out of the line: what fails to train says nothing
    about the others.

    Args:
        slack: factor on that luck.
        few: complete trials below which all go on.
    """

    slack: float = 1.0
    few: int = 8

    def goes_on(self, point: Point, others: ArrayLike, complete: ArrayLike) -> bool:
        import numpy as np

        rows = np.asarray(complete, dtype=np.float64).reshape(-1, len(point) + 1)
        sizes, ends = rows[:, :-2], rows[:, -2:]
        if len(rows) < self.few or not (smaller := (sizes <= point[:-1]).all(axis=1)).any():
            return True
        rival = ends[smaller, 1].max()
        kept = ends[ends[:, 0] >= np.partition(ends[:, 0], len(rows) // 4)[len(rows) // 4]]
        (x, y), count = kept.mean(axis=0), len(kept)
        reached, end = (kept - (x, y)).T
        square = float(reached @ reached)
        # The order stays, and differences do not grow.
        slope = min(max(float(reached @ end) / square, 0.0), 1.0) if square else 0.0
        around = end - slope * reached
        spread = math.sqrt(float(around @ around) / max(count - 2, 1))
        luck = spread * math.sqrt(2 * math.log(len(rows)))
        return bool(y + slope * (point[-1] - x) + self.slack * luck >= rival)


@dataclass(frozen=True)
class Halving(Rungs):
    """Asynchronous successive halving (Li 2020, arXiv:1810.05934): the better share at a rung goes on.

    Args:
        keep: share of the trials at a rung that goes on.
        few: trials at a rung below which all go on.
    """

    keep: float = 0.5
    few: int = 5

    def goes_on(self, point: Point, others: ArrayLike, complete: ArrayLike) -> bool:
        import numpy as np

        count = len(np.asarray(others))
        return count < self.few or self.better(point, others) < self.keep * (count + 1)

    def better(self, point: Point, others: ArrayLike) -> int:
        """How many of the others are better."""
        raise NotImplementedError


class Asha(Halving):
    """The most accurate share goes on, whatever its size: for comparison."""

    def better(self, point: Point, others: ArrayLike) -> int:
        import numpy as np

        return int((np.asarray(others).reshape(-1, len(point))[:, -1] > point[-1]).sum())


class RankStopping(Halving):
    """The best share by non-dominated rank of (size, accuracy) goes on; within a rank, what covers it best.

    Multi-objective successive halving with the epsilon-net (Salinas 2021, arXiv:2106.12639): a small network is
    compared with what its size can do, not with the largest.
    """

    def better(self, point: Point, others: ArrayLike) -> int:
        import numpy as np

        points: list[Point] = [point, *map(tuple, np.asarray(others).reshape(-1, len(point)).tolist())]
        rank, *rest = non_dominated_ranks(points)
        ahead = sum(other < rank for other in rest)
        if ahead >= self.keep * len(points):
            return ahead
        same = [0, *(index for index, other in enumerate(rest, start=1) if other == rank)]
        return ahead + [same[index] for index in spread_order([points[index] for index in same])].index(0)


RULES: dict[str, Callable[..., Stopping]] = {
    "none": NoStopping,
    "pareto": ParetoStopping,
    "rank": RankStopping,
    "asha": Asha,
}
NUMBERS = ("keep", "slack")


def make(config: Mapping[str, Any]) -> Stopping:
    """The stopping rule of a config: its `name` and its arguments.

    Raises:
        StoppingError: naming the key, its value and what would be right.
    """
    name = str(config.get("name"))
    if name not in RULES:
        raise StoppingError(f"stopping.name is {name!r}, expected {nearest(name, RULES)}")
    arguments = {key: value for key, value in config.items() if key != "name"}
    for key, value in arguments.items():
        if key == "rung" and value is None and name != "none":
            continue
        least = {"eta": 2, "keep": 0, "slack": 0, "few": 0}.get(key, 1)
        kind = int | float if key in NUMBERS else int
        if isinstance(value, bool) or not isinstance(value, kind) or value < least:
            what = "a number of at least 0" if key in NUMBERS else f"a whole number of at least {least}"
            raise StoppingError(f"stopping.{key} is {value!r}, expected {what}")
    try:
        return RULES[name](**arguments)
    except TypeError as error:
        raise StoppingError(f"stopping {name}: {error}") from None
