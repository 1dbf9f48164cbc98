"""Does dense-sparse-dense training pay? recipe=dsd against recipe=fast: same networks, seeds, epochs, data.

    python benchmarks/dsd.py                              # 6 networks of fire_micro and canonical SqueezeNet, 3 seeds
    python benchmarks/dsd.py --points 0 --seeds 10 --epochs 32

Prints the val_acc of both for every network, and the mean of the paired differences with its 95 % interval (Student's
t): of canonical SqueezeNet, and over the networks, each averaged over its seeds.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
# One thread a process, before torch is imported anywhere.
os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks.recipe import draw, train  # noqa: E402


def main() -> None:
    """Trains and prints."""
    import yaml

    from explorer.arch import architecture, cost
    from explorer.data import load

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="fire_micro")
    parser.add_argument("--points", type=int, default=6, help="random ones of the space, beside canonical SqueezeNet")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=48)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()

    conf = ROOT / "conf"
    fast: dict[str, Any] = yaml.safe_load((conf / "recipe" / "fast.yaml").read_text()) | {"epochs": arguments.epochs}
    dsd = fast | {"phases": yaml.safe_load((conf / "recipe" / "dsd.yaml").read_text())["phases"]}
    data = yaml.safe_load((conf / "data" / f"{arguments.data}.yaml").read_text())
    facts = load(data)
    canonical = architecture("squeezenet_v1_0", facts.input_shape, facts.classes, {"final_relu": False})
    networks = [(canonical.to_json(), cost(canonical).params)]
    networks += [
        (n, params) for n, params, _ in draw(arguments.space, arguments.points, 0, facts.input_shape, facts.classes)
    ]

    tasks = [
        (network, recipe, data, seed)
        for network, _ in networks
        for seed in range(arguments.seeds)
        for recipe in (fast, dsd)
    ]
    accuracies = []
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        for row in pool.map(train, tasks):
            accuracies.append(row["val_acc"])
            print(f"\r{len(accuracies)} of {len(tasks)} trainings", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    pairs = list(zip(accuracies[::2], accuracies[1::2], strict=True))

    count = arguments.seeds
    print(f"{arguments.data} ({facts.images['val']} validation images), {arguments.epochs} epochs, {count} seeds")
    print(f"dsd: {dsd['phases']}\n")
    print("   params      fast       dsd   difference, seed by seed")
    differences = []
    for i, (_, params) in enumerate(networks):
        seeds = pairs[i * count : (i + 1) * count]
        differences.append([b - a for a, b in seeds])
        listed = " ".join(f"{difference:+.4f}" for difference in differences[i])
        print(f"{params:>9,}    {mean(a for a, _ in seeds):.4f}    {mean(b for _, b in seeds):.4f}   {listed}")
    print(f"\ndsd - fast, canonical SqueezeNet over {count} seeds: {interval(differences[0])}")
    if len(networks) > 2:
        print(f"dsd - fast, means of {len(networks)} networks: {interval([mean(each) for each in differences])}")


def interval(values: list[float]) -> str:
    """Mean and the 95 % interval of Student's t."""
    from scipy.stats import t

    if len(values) < 2:
        return f"{mean(values):+.4f} (one pair has no interval)"
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return f"{mean(values):+.4f}, 95 % interval {mean(values) - half:+.4f} to {mean(values) + half:+.4f}"


if __name__ == "__main__":
    main()
