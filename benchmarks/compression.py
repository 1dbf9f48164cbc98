"""python -m benchmarks.compression [RATIO ...]: digits-trained networks compressed with retraining; val_acc by bytes.

The network is trained by the recipe `fast` with three seeds; after each it is compressed to a budget of its fp32 bytes
over RATIO (16 unless told). val_acc is that of the network decoded from the file. The bar: 15 times smaller, at most
0.2 points of val_acc lost in the mean of the seeds.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
import yaml

from explorer import data as datasets
from explorer import load_space, train
from explorer import recipe as recipes
from explorer.arch import cost
from explorer.compress import accuracy
from explorer.compression import container, deep
from explorer.config import folder

POINT = {"base_e": 32, "incr_e": 32, "freq": 2, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
SEEDS = (0, 1, 2)
EPOCHS = 48
"""Of training after the first weights are gone; the network itself has 16."""


def main() -> int:
    """Prints the table."""
    torch.set_num_threads(1)
    ratios = [float(word) for word in sys.argv[1:]] or [16.0]
    recipe = yaml.safe_load((folder("conf") / "recipe/fast.yaml").read_text())
    options: dict[str, Any] = yaml.safe_load((folder("conf") / "data/digits.yaml").read_text())
    data = datasets.load(options)
    network = load_space("fire_micro").architecture(POINT, (1, 8, 8), 10)
    fp32 = cost(network).bytes
    print(f"fire_micro {POINT}: {cost(network).params:,} params, {fp32:,} bytes in fp32\n")
    print(f"{'budget':>9}{'bytes':>9}{'smaller':>9}{'weights':>9}{'before':>9}{'after':>9}{'points lost':>18}")
    worst = 0.0
    with tempfile.TemporaryDirectory() as home:
        trained = []
        for seed in SEEDS:
            place = str(Path(home) / str(seed))
            epochs = recipe["epochs"]
            train.run(train.Job(network.to_json(), recipe, options, seed, 0, epochs, epochs, place))
            trained.append(train.weights(place))
        for ratio in ratios:
            budget = int(fp32 / ratio)
            rows = []
            for seed, weights in zip(SEEDS, trained, strict=True):
                before = accuracy(network, {name: value.numpy() for name, value in weights.items()}, data)
                plan = deep.Plan(budget, epochs=EPOCHS)
                made = deep.compress(network, weights, data, recipes.read(recipe), plan, seed)
                file = Path(home) / "network.sqz"
                size = container.write(file, network, made)
                decoded, values = container.read(file)
                kept = sum(int((value != 0).sum()) for value in values.values() if value.ndim > 1)
                after = accuracy(decoded, values, data)
                rows.append((size, kept, before, after))
                print(f"{budget:>9,}{size:>9,}{fp32 / size:>8.1f}x{kept:>9,}{before:>9.4f}{after:>9.4f}", flush=True)
            lost = [100 * (before - after) for _, _, before, after in rows]
            size = mean(row[0] for row in rows)
            words = f"{mean(lost):+.2f} ± {stdev(lost) / len(lost) ** 0.5:.2f}"
            print(
                f"{'mean':>9}{size:>9,.0f}{fp32 / size:>8.1f}x{mean(row[1] for row in rows):>9,.0f}"
                f"{mean(row[2] for row in rows):>9.4f}{mean(row[3] for row in rows):>9.4f}{words:>18}",
                flush=True,
            )
            worst = max(worst, mean(lost)) if fp32 / size >= 15 else worst
    return 0 if worst <= 0.2 else 1


if __name__ == "__main__":
    sys.exit(main())
