"""What the search methods are compared on: learning-curve tables as objectives, hypervolume, and a search's history."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import log10
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy: one thread a process

import moocore
import numpy as np

from benchmarks import graph_tables, lcbench_tables

TUNED, REPORTED = 0.25, 0.5
"""The values of downsampling that halve the table."""
OTHERS: dict[str, Any] = {"graph": graph_tables, "lcbench": lcbench_tables}
"""Other people's tables, each with its data sets."""


@dataclass(frozen=True)
class Bench:
    """What is searched: a table, or the half of it with one value of downsampling; size is params or macs.

    With `mean` a network's accuracy is the mean of its trainings, as a search with several seeds a trial has it.
    `graph/NAME` and `lcbench/NAME` are data sets of other people (see `OTHERS`), which have params alone.
    """

    table: str
    size: str = "params"
    downsampling: float | None = None
    mean: bool = False

    @property
    def outside(self) -> str:
        """Whose it is; empty: ours."""
        return self.table.rpartition("/")[0]

    @property
    def apart(self) -> bool:
        """Whether it had no part in any choice."""
        return self.table != "fire_digits" or self.downsampling == REPORTED

    def __str__(self) -> str:
        part = f", downsampling {self.downsampling}" if self.downsampling else ""
        return f"{self.table}, {self.size}{part}" + (", mean of the seeds" if self.mean else "")


@dataclass(frozen=True)
class Objective:
    """A bench in memory: distributions, and what the table says of a point."""

    distributions: dict[str, Any]
    fixed: dict[str, Any]
    table: Any
    by: str
    epochs: int
    networks: int
    corner: tuple[float, float]
    best: float

    def at(self, params: Mapping[str, Any]) -> Any:
        return self.table.at({**params, **self.fixed})

    def accuracy(self, params: Mapping[str, Any], epoch: int) -> float:
        return float(self.at(params).val_acc[epoch - 1])

    def size(self, params: Mapping[str, Any]) -> float:
        return float(getattr(self.at(params), self.by))

    def share(self, points: list[tuple[float, float]]) -> float:
        return volume(points, self.corner) / self.best


def volume(points: list[tuple[float, float]], corner: tuple[float, float]) -> float:
    """Hypervolume of (size, accuracy) pairs."""
    if not points:
        return 0.0
    costs = np.array([(log10(size), -accuracy) for size, accuracy in points])
    return float(moocore.hypervolume(costs, ref=(log10(corner[0]), -corner[1])))


@lru_cache
def objective(bench: Bench) -> Objective:
    if bench.outside:
        others = OTHERS[bench.outside]
        networks = others.load(bench.table.rpartition("/")[2])
        return _objective(bench, others.distributions(), {}, networks, networks.ends())
    from explorer import tables
    from explorer.samplers.distributions import distribution

    table = tables.load(bench.table)
    if bench.mean:
        table = table.mean()
    fixed = {} if bench.downsampling is None else {"downsampling": bench.downsampling}
    points = [
        (float(getattr(own, bench.size)), own.val_acc[-1])
        for own in table.trainings
        if own.seed == 0 and any(fixed.items() <= point.items() for point in own.points)
    ]
    free = {one.name: distribution(one) for one in table.space.parameters if one.name not in fixed}
    return _objective(bench, free, fixed, table, points)


def _objective(
    bench: Bench, free: dict[str, Any], fixed: dict[str, Any], table: Any, points: list[tuple[float, float]]
) -> Objective:
    corner = (max(size for size, _ in points), min(accuracy for _, accuracy in points))
    return Objective(free, fixed, table, bench.size, table.epochs, len(points), corner, volume(points, corner))


Run = list[tuple[int, float]]
"""After each trial: epochs spent so far, share of the best hypervolume."""


def history(own: Objective, ended: list[tuple[int, tuple[float, float] | None]]) -> Run:
    spent, found, run = 0, list[tuple[float, float]](), Run()
    share = 0.0
    for epochs, point in ended:
        spent += epochs
        if point is not None:
            found.append(point)
            share = own.share(found)
        run.append((spent, share))
    return run
