"""python -m benchmarks.overhead: what a trial costs beyond its epochs, in a warm worker and in a fresh process.

A tiny network trains two epochs on digits. Warm: through the launcher of a search, from `submit` to its result, less
the seconds of its epochs: build, Trainer, checkpoint, the way to the worker and back. Fresh: the same job in a process
that imports all it needs, as Hydra's multirun launches them. In a search: whatever is no epoch between the first
trial's start and the last one's end, so asking, telling, storing and tracking too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import isolated
from benchmarks.networks import NETWORKS, recipe
from benchmarks.row import Row, print_rows, versus, within

COMMAND = "python -m benchmarks.overhead"
LIMIT = 60.0
EPOCHS = 2
FRESH = """import json, sys; from explorer.training.worker import train
print(); print(json.dumps(train(json.loads(sys.argv[1]))))"""
SEARCH = ["+space=overhead", "sampler=random", "stopping=none", "launcher.devices=[cpu]", f"epochs={EPOCHS}"]
SPACE = """
family: fire
fixed: {modules: 2, incr_e: 0}
search:
  base_e: {type: int, low: 8, high: 24, step: 1}
  stem: {type: int, low: 8, high: 16, step: 1}
options: {final_relu: false}
"""


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    return isolated.rows("benchmarks.overhead", "measure", quick)


def measure(quick: bool) -> list[Row]:
    """Measures, as the controller of a search would see it."""
    from explorer.launchers.local import LocalLauncher
    from explorer.training.worker import train

    launcher = LocalLauncher(["cpu"])
    warm: list[float] = []
    fresh: list[float] = []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for number in range(3):
                launcher.submit(0, train, _job(scratch, f"once_{number}")).result()
            for number in range(1 if quick else 5):
                mean = []
                for again in range(2 if quick else 6):
                    begun = time.perf_counter()
                    done = launcher.submit(0, train, _job(scratch, f"{number}_{again}")).result()
                    mean.append(_beyond(begun, done))
                warm.append(sum(mean) / len(mean))
                fresh.append(_fresh(_job(scratch, f"fresh_{number}")))
                device = str(done["device"])
    finally:
        launcher.close()
    search = [_search(4 if quick else 20) for _ in range(1 if quick else 3)]
    name = "beyond a trial's epochs"
    return [
        within(f"{name}, warm worker", warm, LIMIT, "ms", device, COMMAND),
        within(f"{name}, in a search", search, LIMIT, "ms", device, COMMAND),
        versus(f"{name}, warm worker", "a fresh process", warm, fresh, "ms", device, COMMAND, bar=50.0),
    ]


def _job(scratch: str, name: str) -> dict[str, Any]:
    architecture = next(iter(NETWORKS.values()))().to_json()
    about = {"architecture": architecture, "recipe": recipe(), "data": {"name": "digits"}, "seed": 0}
    return about | {"first_epoch": 0, "last_epoch": EPOCHS, "epochs": EPOCHS, "folder": str(Path(scratch, name))}


def _beyond(begun: float, result: dict[str, Any]) -> float:
    """Milliseconds since `begun` that are not the result's epochs."""
    return 1000 * (time.perf_counter() - begun - sum(epoch["seconds"] for epoch in result["curve"]))


def _fresh(job: dict[str, Any]) -> float:
    begun = time.perf_counter()
    out = subprocess.run([sys.executable, "-c", FRESH, json.dumps(job)], capture_output=True, text=True, check=True)
    return _beyond(begun, json.loads(out.stdout.splitlines()[-1]))


def _search(trials: int) -> float:
    """Milliseconds a trial of a search with one worker that are not epochs."""
    from explorer.storage import stored

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "overhead.yaml").write_text(SPACE, encoding="utf-8")
        words = [sys.executable, "-m", "explorer.search", "--config-dir", folder, *SEARCH, f"n_trials={trials}"]
        subprocess.run(words, cwd=folder, capture_output=True, check=True)
        found = stored.load(f"sqlite:///{folder}/study.db", None).trials
    wall = max(trial.ended or 0.0 for trial in found) - min(trial.started for trial in found)
    trained = sum(epoch["seconds"] for trial in found for curve in trial.curves for epoch in curve)
    return 1000 * (wall - trained) / len(found)


if __name__ == "__main__":
    print_rows(rows, __doc__)
