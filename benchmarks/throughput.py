"""python -m benchmarks.throughput: trials per minute with one and two workers, against the script from the manuals.

Each round runs a search with one worker, the same search with two, and benchmarks/peer.py on the networks of the
search; one torch thread a process everywhere. Times are from the first trial's start to the last one's end, so start-up
counts for nobody. Prints each round, then the medians and the ratios to the peer with their spread.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from explorer import store

WORDS = ["+space=fire_micro", "sampler=random", "stopping=none"]


def main() -> None:
    """Runs the rounds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {"search, 1 worker": [], "search, 2 workers": [], "study.optimize": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            for workers in (1, 2):
                folder = Path(scratch, str(workers))
                rates[f"search, {workers} worker{'s' * (workers > 1)}"].append(search(folder, workers, options))
            rates["study.optimize"].append(peer(Path(scratch, "2"), options))
        print("  ".join(f"{name}: {values[-1]:.1f}/min" for name, values in rates.items()), flush=True)
    print(f"\n{'':<20}{'trials/min':>12}{'x peer':>9}   lowest and highest of {options.rounds} rounds")
    for name, values in rates.items():
        ratios = [one / other for one, other in zip(values, rates["study.optimize"], strict=True)]
        print(f"{name:<20}{median(values):>12.1f}{median(ratios):>9.2f}   {min(ratios):.2f} to {max(ratios):.2f}")


def search(folder: Path, workers: int, options: argparse.Namespace) -> float:
    """Trials per minute of a search."""
    folder.mkdir()
    devices = f"launcher.devices=[{','.join(['cpu'] * workers)}]"
    words = [*WORDS, devices, f"n_trials={options.trials}", f"epochs={options.epochs}"]
    run(["-m", "explorer.search", *words], folder)
    trials = store.load(f"sqlite:///{folder}/study.db", None).trials
    (folder / "networks.jsonl").write_text("\n".join(trial.architecture for trial in trials))
    return 60 * len(trials) / (max(trial.ended for trial in trials) - min(trial.started for trial in trials))


def peer(folder: Path, options: argparse.Namespace) -> float:
    """Trials per minute of the script, on the networks of the search in the folder."""
    out = run(["-m", "benchmarks.peer", "networks.jsonl", str(options.epochs)], folder)
    found = re.search(r"seconds ([\d.]+)", out)
    if found is None:
        raise SystemExit(out)
    return 60 * options.trials / float(found.group(1))


def run(words: list[str], folder: Path) -> str:
    """What a command prints."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
