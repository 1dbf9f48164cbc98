"""python -m benchmarks.compression [RATIO ...]: digits-trained networks compressed with retraining; val_acc by bytes.

Three networks are trained by the recipe `fast` with three seeds each; after each training they are compressed to a
budget of their fp32 bytes over RATIO (15.05 by default), as `python -m explorer.compress TARGET budget=...` does.
val_acc is that of the network decoded from the file. The bar: 15 times smaller, at most 0.2 points of val_acc lost in
the mean of the seeds, by each network. The method was chosen on other networks, seeds and another split.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
import yaml

from explorer import data as datasets
from explorer import load_space
from explorer.arch import Architecture, cost
from explorer.cli.config import folder
from explorer.compression import deep
from explorer.compression.codec import container
from explorer.compression.decoded import decoded_network
from explorer.data.module import DataModule
from explorer.training import job
from explorer.training import recipe as recipes
from explorer.training.evaluation import evaluate

POINTS: tuple[dict[str, Any], ...] = (
    {"base_e": 32, "incr_e": 32, "freq": 2, "pct_3x3": 0.5, "squeeze_ratio": 0.25},
    {"base_e": 80, "incr_e": 0, "freq": 1, "pct_3x3": 0.5, "squeeze_ratio": 0.6875},
    {"base_e": 64, "incr_e": 48, "freq": 4, "pct_3x3": 0.5, "squeeze_ratio": 0.125},
)
SEEDS = (0, 1, 2)
EPOCHS = 96
"""Of retraining from the first pruning on, six times those that the network was trained for."""


def main() -> int:
    """Prints the tables."""
    torch.set_num_threads(1)
    ratios = [float(word) for word in sys.argv[1:]] or [15.05]
    recipe = yaml.safe_load((folder("conf") / "recipe/fast.yaml").read_text())
    options: dict[str, Any] = yaml.safe_load((folder("conf") / "data/digits.yaml").read_text())
    worst = max(lost(point, ratios, recipe, options) for point in POINTS)
    return 0 if worst <= 0.2 else 1


def lost(point: dict[str, Any], ratios: list[float], recipe: dict[str, Any], options: dict[str, Any]) -> float:
    """Prints one network's table; the most points lost at a ratio of 15 or more."""
    data = datasets.load(options)
    network = load_space("fire_micro").architecture(point, (1, 8, 8), 10)
    fp32 = cost(network).bytes
    print(f"\nfire_micro {point}: {cost(network).params:,} params, {fp32:,} bytes in fp32\n")
    print(f"{'budget':>9}{'bytes':>9}{'smaller':>9}{'weights':>9}{'before':>9}{'after':>9}{'points lost':>18}")
    worst = -100.0
    rows: dict[float, list[tuple[int, int, float, float]]] = {ratio: [] for ratio in ratios}
    with tempfile.TemporaryDirectory() as home:
        for seed in SEEDS:
            place, epochs = str(Path(home) / str(seed)), recipe["epochs"]
            job.run(job.Job(network.to_json(), recipe, options, seed, 0, epochs, epochs, place))
            weights = job.weights(place)
            before = _val_acc(network, {name: value.numpy() for name, value in weights.items()}, data)
            for ratio in ratios:
                settings = deep.CompressionSettings(int(fp32 / ratio), epochs=EPOCHS)
                tensors = deep.compress(network, weights, data, recipes.read(recipe), settings, seed)
                file = Path(home) / "network.sqz"
                size = container.write(file, network, tensors)
                decoded, values = container.read(file)
                kept = sum(int((value != 0).sum()) for value in values.values() if value.ndim > 1)
                after = _val_acc(decoded, values, data)
                rows[ratio].append((size, kept, before, after))
                head = f"{settings.budget:>9,}{size:>9,}{fp32 / size:>8.1f}x"
                print(f"{head}{kept:>9,}{before:>9.4f}{after:>9.4f}", flush=True)
    for seeds in rows.values():
        points = [100 * (before - after) for _, _, before, after in seeds]
        size, kept, before, after = (mean(column) for column in zip(*seeds, strict=True))
        points_lost = f"{mean(points):+.2f} ± {stdev(points) / len(points) ** 0.5:.2f}"
        head = f"{'mean':>9}{size:>9,.0f}{fp32 / size:>8.1f}x"
        print(f"{head}{kept:>9,.0f}{before:>9.4f}{after:>9.4f}{points_lost:>18}", flush=True)
        worst = max(worst, mean(points)) if fp32 / size >= 15 else worst
    return worst


def _val_acc(network: Architecture, tensors: Mapping[str, Any], data: DataModule) -> float:
    return evaluate(decoded_network(network, tensors), data, "val").top1


if __name__ == "__main__":
    sys.exit(main())
