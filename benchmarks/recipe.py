"""Does one recipe train the whole space? Random points of a space, and canonical SqueezeNet over several seeds.

    python benchmarks/recipe.py                          # recipe=fast on digits, 100 points of fire, 3 seeds
    python benchmarks/recipe.py --points 24 --space fire_micro --recipe fast

Prints a table: val_acc over the points (smallest, quantiles), how many ended at chance, seconds a training.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, median, quantiles, stdev
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
# One thread a process, before torch is imported anywhere.
os.environ["OMP_NUM_THREADS"] = "1"

AT_CHANCE = 0.2


def train(task: tuple[str, dict[str, Any], dict[str, Any], int]) -> dict[str, float]:
    """Trains one network to the end: val_acc, seconds of the training, of the processor."""
    from explorer.training.job import Job, run

    network, recipe, data, seed = task
    started, processor = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        epochs = recipe["epochs"]
        last = run(Job(network, recipe, data, seed, 0, epochs, epochs, folder)).curve[-1]
    return {
        "val_acc": last["val_acc"],
        "seconds": time.perf_counter() - started,
        "processor": time.process_time() - processor,
    }


def draw(space: str, count: int, seed: int, shape: tuple[int, int, int], classes: int) -> list[tuple[str, int, str]]:
    """(JSON, params, point in words) of random points within the space's limits."""
    from explorer.arch import cost
    from explorer.cli.config import load_space

    rng, drawn = Random(seed), []
    design = load_space(space)
    while len(drawn) < count:
        point = design.sample(rng)
        network = design.architecture(point, shape, classes)
        if design.over_limit(cost(network)) is None:
            words = " ".join(f"{key}={value}" for key, value in point.items())
            drawn.append((network.to_json(), cost(network).params, words))
    return drawn


def main() -> None:
    """Trains and prints."""
    import yaml

    from explorer.arch import architecture
    from explorer.data import load

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="fire")
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3, help="of canonical SqueezeNet")
    parser.add_argument("--seed", type=int, default=0, help="draws the points")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    recipe = yaml.safe_load((ROOT / "conf" / "recipe" / f"{arguments.recipe}.yaml").read_text())
    data = yaml.safe_load((ROOT / "conf" / "data" / f"{arguments.data}.yaml").read_text())
    facts = load(data)
    points = draw(arguments.space, arguments.points, arguments.seed, facts.input_shape, facts.classes)
    canonical = architecture("squeezenet_v1_0", facts.input_shape, facts.classes, {"final_relu": False}).to_json()
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        # One short training a process, so that importing is in nobody's seconds.
        list(pool.map(train, [(points[0][0], recipe | {"epochs": 1}, data, 0)] * arguments.processes))
        stars = list(pool.map(train, [(canonical, recipe, data, seed) for seed in range(arguments.seeds)]))
        started = time.perf_counter()
        rows = []
        for row in pool.map(train, [(network, recipe, data, 0) for network, _, _ in points]):
            rows.append(row)
            print(f"\r{len(rows)} of {len(points)} points", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        wall = time.perf_counter() - started

    print(f"recipe {arguments.recipe}, data {arguments.data} ({facts.images['val']} validation images): {recipe}\n")
    report(f"{arguments.points} random points of {arguments.space}", rows)
    print(f"  all of them                  {wall:.1f} s with {arguments.processes} processes")
    worst = sorted(zip(rows, points, strict=True), key=lambda pair: pair[0]["val_acc"])[:5]
    for row, (_, params, words) in worst:
        print(f"  {row['val_acc']:.4f} {params:>9,} params  {words}")
    print()
    report(f"squeezenet_v1_0 over {arguments.seeds} seeds", stars)


def report(title: str, rows: list[dict[str, float]]) -> None:
    """One block of the table."""
    accuracies = [row["val_acc"] for row in rows]
    seconds = [row["seconds"] for row in rows]
    print(title)
    if len(rows) >= 10:
        twentieths = quantiles(accuracies, n=20)
        print(f"  val_acc smallest             {min(accuracies):.4f}")
        for share, value in ((5, twentieths[0]), (25, twentieths[4]), (50, median(accuracies)), (75, twentieths[14])):
            print(f"  val_acc {share:>2} % below            {value:.4f}")
    spread = f" ± {stdev(accuracies):.4f}" if len(rows) > 1 else ""
    print(f"  val_acc mean                 {mean(accuracies):.4f}{spread}, best {max(accuracies):.4f}")
    print(f"  at chance (below {AT_CHANCE})        {sum(accuracy < AT_CHANCE for accuracy in accuracies)}")
    print(f"  seconds a training           {mean(seconds):.1f}, at most {max(seconds):.1f}")
    print(f"  processor seconds            {mean([row['processor'] for row in rows]):.1f}")


if __name__ == "__main__":
    main()
