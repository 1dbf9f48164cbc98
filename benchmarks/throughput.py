"""python -m benchmarks.throughput: trials a minute of a whole search, against the script from the manuals.

Each round runs a search with two workers of one thread each on a machine's first two cores, and then benchmarks/peer.py
on the networks of that search: with as many threads as torch takes by itself, which is what the script gets, and with
one. Times are from the first trial's start to the last one's end, so that start-up counts for nobody. The other row is
the share of the time of its two slots in which the search trains: epochs with their evaluation.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks import isolated
from benchmarks.row import Row, not_run, table, versus, within

COMMAND = "python -m benchmarks.throughput"
WORDS = ["+space=fire_micro", "sampler=random", "stopping=none"]
WORKERS = 2


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    return measure(1, 1, 1) if quick else measure(3, 24, 3)


def measure(rounds: int, trials: int, epochs: int) -> list[Row]:
    """The rows over so many rounds of so many trials of so many epochs."""
    default = isolated.environment()
    del default["OMP_NUM_THREADS"], default["MKL_NUM_THREADS"]
    peers = {"study.optimize, torch's threads": default, "study.optimize, 1 thread": isolated.environment()}
    ours: list[float] = []
    busy: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            rate, share = search(Path(scratch), trials, epochs)
            ours.append(rate)
            busy.append(share)
            for name, environment in peers.items():
                theirs[name].append(peer(Path(scratch), trials, epochs, environment))
    device = f"cpu ({os.cpu_count()} cores), {WORKERS} workers"
    found = [
        versus(f"search, {trials} networks", name, ours, rates, "trials/min", device, COMMAND, less=False, bar=3.0)
        for name, rates in theirs.items()
    ]
    gpu = not_run("search, per_device=auto", "study.optimize on a GPU", "trials/min", COMMAND, bar=5.0)
    return [*found, within("slots that train", busy, 0.9, "of their time", device, COMMAND, less=False), gpu]


def search(folder: Path, trials: int, epochs: int) -> tuple[float, float]:
    """Trials a minute of a search; share of the slots' time in which they train."""
    from explorer.storage import stored

    devices = f"launcher.devices=[{','.join(['cpu'] * WORKERS)}]"
    run(["-m", "explorer.search", *WORDS, devices, f"n_trials={trials}", f"epochs={epochs}"], folder)
    found = stored.load(f"sqlite:///{folder}/study.db", None).trials
    (folder / "networks.jsonl").write_text("\n".join(trial.architecture for trial in found), encoding="utf-8")
    wall = max(trial.ended or 0.0 for trial in found) - min(trial.started for trial in found)
    trained = sum(epoch["seconds"] for trial in found for curve in trial.curves for epoch in curve)
    return 60 * len(found) / wall, trained / (WORKERS * wall)


def peer(folder: Path, trials: int, epochs: int, environment: Mapping[str, str]) -> float:
    """Trials a minute of the script, on the networks of the search in the folder."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        out = run(["-m", "benchmarks.peer", str(folder / "networks.jsonl"), str(epochs)], Path(own), environment)
    found = re.search(r"seconds ([\d.]+)", out)
    if found is None:
        raise SystemExit(out)
    return 60 * trials / float(found.group(1))


def run(words: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints."""
    environment = environment or isolated.environment()
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    print(table(measure(options.rounds, options.trials, options.epochs)))


if __name__ == "__main__":
    main()
