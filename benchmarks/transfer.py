"""What a start from a trained network's weights is worth: accuracy after a few epochs, with and without.

    python -m benchmarks.transfer cifar.npz        # a file of data=arrays; 10 random networks of fire_micro, 3 seeds

One network of the space is trained to the end of the recipe on the training images. Then each of the others is trained
for 4 epochs from random weights, and from what fits of that network's. Prints val_acc of both, network by network, and
the mean difference with its 95 % interval over the networks.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import yaml
from scipy.stats import t

from benchmarks.recipe import draw
from explorer.arch import Architecture
from explorer.cli.config import folder
from explorer.data import load
from explorer.training.job import Job, run

EPOCHS = 4
CENTRE = {"base_e": 64, "incr_e": 64, "freq": 2, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
"""The network that is trained first, near the middle of the space."""


def trained(task: tuple[str, dict[str, Any], dict[str, Any], int, str]) -> float:
    """val_acc of a network after its last epoch."""
    network, recipe, data, seed, place = task
    epochs = recipe["epochs"]
    return run(Job(network, recipe, data, seed, 0, epochs, epochs, place)).curve[-1]["val_acc"]


def main() -> None:
    """Trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="an .npz of images and labels")
    parser.add_argument("--space", default="fire_micro")
    parser.add_argument("--points", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()

    recipe = yaml.safe_load((folder("conf") / "recipe/fast.yaml").read_text())
    data = yaml.safe_load((folder("conf") / "data/arrays.yaml").read_text()) | {"train": arguments.file, "mirror": True}
    facts = load(data)
    points = draw(arguments.space, arguments.points, 0, facts.input_shape, facts.classes)
    first = _centre(arguments.space, facts.input_shape, facts.classes)
    print(f"{facts.images['train']:,} training images, {facts.images['val']:,} validation images")
    with tempfile.TemporaryDirectory() as home, ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        start = str(Path(home) / "start")
        whole = pool.submit(trained, (first.to_json(), recipe, data, 1000, start)).result()
        print(f"the start: {CENTRE} after {recipe['epochs']} epochs: val_acc {whole:.4f}", flush=True)
        tasks = [
            (network, recipe | {"epochs": EPOCHS} | init, data, seed, str(Path(home) / f"{i}_{seed}_{len(init)}"))
            for i, (network, _, _) in enumerate(points)
            for init in ({}, {"init": f"{start}/"})
            for seed in range(arguments.seeds)
        ]
        reached = _counted(pool.map(trained, tasks), len(tasks))
        rows = [[next(reached) for _ in range(arguments.seeds)] for _ in range(2 * len(points))]
    gains = []
    for (_, params, words), without, with_start in zip(points, rows[::2], rows[1::2], strict=True):
        gains.append(100 * (mean(with_start) - mean(without)))
        spread = f"{stdev(without):.4f} {stdev(with_start):.4f}"
        print(f"{params:>9,} params  {mean(without):.4f} -> {mean(with_start):.4f}  (sd {spread})  {words}")
    half = float(t.ppf(0.975, len(gains) - 1)) * stdev(gains) / len(gains) ** 0.5
    low, high = mean(gains) - half, mean(gains) + half
    better = sum(gain > 0 for gain in gains)
    interval = f"{mean(gains):+.2f} points, 95 % {low:+.2f} to {high:+.2f}"
    print(f"after {EPOCHS} epochs: {interval}; {better} of {len(gains)} better")


def _centre(space: str, shape: tuple[int, int, int], classes: int) -> Architecture:
    from explorer import load_space

    return load_space(space).architecture(CENTRE, shape, classes)


def _counted(values: Iterator[float], most: int) -> Iterator[float]:
    for done, value in enumerate(values, start=1):
        print(f"\r{done} of {most} trainings", end="" if done < most else "\n", file=sys.stderr, flush=True)
        yield value


if __name__ == "__main__":
    main()
