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
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy: one thread a process

import numpy as np

from benchmarks.search_quality_report import LONG, OURS, RANDOM, STOPPED, TPE, write
from benchmarks.table_objective import OTHERS, REPORTED, TUNED, Bench, Run, history, objective

ROOT = Path(__file__).parents[1]
GP_SEEDS, GP_SEEDS_ELSEWHERE, TUNING_SEEDS = 12, 6, 24
"""GP takes a minute a search: its seeds on a page's first table, and on each of the others but for LCBench's dozen."""


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
    RANDOM: partial(ours, "random", "none"),
    "NSGA-II (Optuna)": partial(optunas, nsga2),
    "TPE (Optuna)": partial(optunas, tpe),
    TPE: partial(optunas, multivariate),
    "GP (Optuna)": partial(optunas, gp),
    "mutation of the front": partial(ours, "mutation", "none"),
    OURS: partial(ours, "front", "none"),
    STOPPED: partial(ours, "front", "pareto"),
    "front + rank stopping": partial(ours, "front", "rank"),
    "front + asha stopping": partial(ours, "front", "asha"),
}


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
    runs = dict(sorted(runs.items(), key=lambda item: list(METHODS).index(item[0][0])))
    write(options.output, {bench: objective(bench) for bench in benches}, runs, seconds, options.trials)
    return 0


if __name__ == "__main__":
    sys.exit(main())
