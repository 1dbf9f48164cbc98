"""The defaults of `explorer.search` against those before: real searches on digits, equal epochs, paired by seed.

    python -m benchmarks.defaults                 # 10 seeds, 256 epochs each: about a quarter of an hour on two cores
    python -m benchmarks.defaults --seeds 2 --epochs 64

Prints the hypervolume of both (decades of params times val_acc, `explorer.results.pareto.study_hypervolume`) for each
seed, the mean difference and its 95 % interval.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.search_quality_report import interval
from explorer.results.pareto import study_hypervolume
from explorer.storage.stored import load

BEFORE, NOW = "tpe, no stopping", "front, pareto stopping"
CHOICES = {BEFORE: ["sampler=tpe", "stopping=none", "uniform=0"], NOW: ["sampler=front", "stopping=pareto"]}


def search(folder: Path, name: str, seed: int, epochs: int, space: str) -> float:
    """Hypervolume of one search."""
    study, storage = f"{name.split(',')[0]}_{seed}", f"sqlite:///{folder}/study.db"
    command = [sys.executable, "-m", "explorer.search", f"+space={space}", f"study={study}", f"seed={seed}"]
    command += ["n_trials=1000", f"max_epochs_total={epochs}", "space.limits.params=100_000", *CHOICES[name]]
    command += [f"storage={storage}", f"tracking=sqlite:///{folder}/mlflow.db", f"runs={folder}/runs"]
    subprocess.run(command, check=True, capture_output=True)
    return study_hypervolume(load(storage, study))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=256)
    parser.add_argument("--space", default="fire_micro")
    options = parser.parse_args()
    gains = []
    with tempfile.TemporaryDirectory() as folder:
        print(f"hypervolume on digits after {options.epochs} epochs of +space={options.space}, params up to 100,000")
        print(f"seed  {BEFORE:>24}  {NOW:>24}")
        for seed in range(options.seeds):
            before, now = (search(Path(folder), name, seed, options.epochs, options.space) for name in (BEFORE, NOW))
            gains.append(now - before)
            print(f"{seed:4d}  {before:24.4f}  {now:24.4f}", flush=True)
    centre, low, high = interval(gains)
    print(f"difference {centre:+.4f} (95 % {low:+.4f} to {high:+.4f}, {len(gains)} seeds)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
