"""How much of the front each search method finds for how many epochs, on learning-curve tables: no training, minutes.

    python -m benchmarks.search_quality                            # 30 seeds; docs/search_quality.md and .png
    python -m benchmarks.search_quality --seeds 4 --trials 60      # a look
    python -m benchmarks.search_quality --tune                     # how the stopping rule was chosen, on the other half
    python -m benchmarks.search_quality --table graph --seeds 20   # other people's tables: docs/search_quality_graph.md
    python -m benchmarks.search_quality --table lcbench --seeds 20 # and curves: docs/search_quality_lcbench.md

Hypervolume is moocore's, over log10(size) and val_acc, from the corner of the table's largest size and lowest val_acc,
as a share of what the whole table covers. Optuna's samplers run as Optuna runs them: a point that they propose again
costs its epochs again. What is stopped counts its epochs, and never as a result.

The sampler was developed on other tables, its scale of accuracy also on the half of fire_digits with downsampling 0.25,
on which the stopping rule was chosen (its slack also on four tasks of LCBench's surrogate, the number of start-up draws
on those, NAS-Bench-Macro and NAS-Bench-Graph's proteins). The half with downsampling 0.5, fire_small_digits,
NAS-Bench-Graph's eight data sets and LCBench's first dozen others had no part in any choice. fire_digits as a whole
holds the half that had.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from math import log10
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy: one thread a process

import moocore
import numpy as np

from benchmarks import graph_tables, lcbench_tables

ROOT = Path(__file__).parents[1]
TUNED, REPORTED = 0.25, 0.5
"""The values of downsampling that halve the table."""
GP_SEEDS, GP_SEEDS_ELSEWHERE, TUNING_SEEDS = 12, 6, 24
"""GP takes a minute a search: its seeds on a page's first table, and on each of the others but for LCBench's dozen."""
LONG = 1000
"""Trials of the long random search."""
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


def ours(sampler: Any, stopping: Any, bench: Bench, seed: int, trials: int) -> Run:
    """`explorer.optimize`."""
    import explorer

    own = objective(bench)
    study = explorer.optimize(
        own.distributions,
        own.accuracy,
        own.size,
        n_trials=trials if stopping == "none" else 100 * trials,  # what stopping saves, it may spend
        epoch_budget=trials * own.epochs,
        max_epochs=own.epochs,
        sampler=sampler,
        stopping=stopping,
        seed=seed,
        uniform=0.0 if stopping == "none" else 0.05,
    )
    return history(own, [(t.epochs, (t.size, t.accuracy) if t.state == "COMPLETE" else None) for t in study.trials])


def optunas(make: Callable[[int], Any], bench: Bench, seed: int, trials: int) -> Run:
    """Optuna's `study.optimize`, every trial at full length."""
    import warnings

    import optuna

    own, points = objective(bench), []
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def run(trial: Any) -> tuple[float, float]:
        params = {name: trial._suggest(name, one) for name, one in own.distributions.items()}
        points.append((own.size(params), own.accuracy(params, own.epochs)))
        return points[-1][1], points[-1][0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=make(seed))
        study.optimize(run, n_trials=trials)
    return history(own, [(own.epochs, point) for point in points])


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


def nsga2(seed: int) -> Any:
    import optuna

    return optuna.samplers.NSGAIISampler(seed=seed)


def tpe(seed: int) -> Any:
    import optuna

    return optuna.samplers.TPESampler(seed=seed)


def multivariate(seed: int) -> Any:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, multivariate=True)


def gp(seed: int) -> Any:
    import optuna

    return optuna.samplers.GPSampler(seed=seed)


METHODS: dict[str, Callable[[Bench, int, int], Run]] = {
    "random": partial(ours, "random", "none"),
    "NSGA-II (Optuna)": partial(optunas, nsga2),
    "TPE (Optuna)": partial(optunas, tpe),
    "TPE multivariate (Optuna)": partial(optunas, multivariate),
    "GP (Optuna)": partial(optunas, gp),
    "mutation of the front": partial(ours, "mutation", "none"),
    "front (ours)": partial(ours, "front", "none"),
    "front + pareto stopping (ours)": partial(ours, "front", "pareto"),
    "front + rank stopping": partial(ours, "front", "rank"),
    "front + asha stopping": partial(ours, "front", "asha"),
}
RANDOM, TPE, OURS, STOPPED = (
    "random",
    "TPE multivariate (Optuna)",
    "front (ours)",
    "front + pareto stopping (ours)",
)


def one(task: tuple[str, Bench, int, int]) -> tuple[tuple[str, Bench, int], Run, float]:
    """One search."""
    method, bench, seed, trials = task
    started = time.perf_counter()
    run = METHODS[method](bench, seed, trials)
    return (method, bench, seed), run, time.perf_counter() - started


def seeds(method: str, bench: Bench, first: bool, asked: int) -> int:
    """How many of the seeds that are asked for a method runs with, on a page's first table or another."""
    if not method.startswith("GP"):
        return asked
    if first:
        return min(GP_SEEDS, asked)
    return 0 if bench.outside == "lcbench" else min(GP_SEEDS_ELSEWHERE, asked)


def tune() -> None:
    """Prints what stopping rules find for how many epochs, on the half and with seeds that are not reported."""
    variants: dict[str, Any] = {"none": "none"}
    variants |= {f"pareto slack={slack}": {"name": "pareto", "slack": slack} for slack in (0.5, 0.75, 1.0, 1.5)}
    variants |= {f"pareto rung={rung}": {"name": "pareto", "rung": rung} for rung in (1, 4)}
    variants |= {f"rank rung={rung}": {"name": "rank", "rung": rung} for rung in (1, 2, 4)}
    bench = Bench("fire_digits", downsampling=TUNED)
    print(f"{bench}: share of the hypervolume after the epochs of 25, 50, 100 and 200 trials, {TUNING_SEEDS} seeds")
    for name, rule in variants.items():
        runs = [ours("front", rule, bench, 1000 + seed, 200) for seed in range(TUNING_SEEDS)]
        epochs = [count * objective(bench).epochs for count in (25, 50, 100, 200)]
        shares = [np.mean([max(s for spent, s in run if spent <= limit) for run in runs]) for limit in epochs]
        print(f"{name:20s}", "  ".join(f"{share:.4f}" for share in shares), flush=True)


def main() -> int:
    from benchmarks.search_quality_report import write

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument(
        "--table", default="fire", help="fire: both of ours; graph, lcbench: others'; or a table's name"
    )
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    if options.tune:
        tune()
        return 0
    if options.table in OTHERS:
        benches = [Bench(f"{options.table}/{name}") for name in OTHERS[options.table].DATA_SETS]
    elif options.table == "fire":
        benches = [Bench("fire_small_digits", size, mean=mean) for mean in (True, False) for size in ("params", "macs")]
        benches += [Bench("fire_digits", downsampling=REPORTED)]
    else:
        benches = [Bench(options.table), Bench(options.table, "macs")]
    tasks = [
        (method, bench, seed, LONG if method == RANDOM and bench.downsampling is None else options.trials)
        for bench in benches
        for method in METHODS
        if bench == benches[0] or method not in ("front + rank stopping", "front + asha stopping")
        if not (bench.outside == "graph" and "stopping" in method)  # without curves there is nothing to stop by
        for seed in range(seeds(method, bench, bench == benches[0], options.seeds))
    ]
    tasks.sort(key=lambda task: not task[0].startswith("GP"))  # the slow ones first
    runs, seconds = {}, {}
    started = time.perf_counter()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        for done, (name, run, took) in enumerate(pool.map(one, tasks), start=1):
            runs[name], seconds[name] = run, took
            print(f"\r{done}/{len(tasks)} searches, {time.perf_counter() - started:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    write(options.output, {bench: objective(bench) for bench in benches}, runs, seconds, options.trials)
    return 0


if __name__ == "__main__":
    sys.exit(main())
