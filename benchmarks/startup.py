"""python -m benchmarks.startup: seconds until a command answers: its help, a mistake, the first training of a search.

The disk is warm: one start is not counted. The first training has begun when its worker makes the trial's folder, which
is the last thing before its first epoch.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import isolated
from benchmarks.row import Row, print_rows, within

COMMAND = "python -m benchmarks.startup"
SEARCH = [sys.executable, "-m", "explorer.search"]
ANSWERS = {
    "start-up: --help": (["--help"], 0),
    "start-up: a mistyped space": (["+space=fire_mikro"], 2),
    "start-up: a range that is no range": (["+space=fire_micro", "space.search.base_e.low=999"], 2),
}
TRAINING = ["+space=fire_micro", "n_trials=1", "epochs=1", "launcher.devices=[cpu]"]


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    rounds = 1 if quick else 5
    device = f"cpu ({platform.machine()}, {os.cpu_count()} cores)"
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (words, code) in ANSWERS.items():
            times = [_answer(words, code, scratch) for _ in range(rounds + 1)][1:]
            found.append(within(name, times, 1.5, "s", device, COMMAND))
    first = [_first_training() for _ in range(1 if quick else 4)]
    found.append(within("start-up: until the first training", first if quick else first[1:], 8.0, "s", device, COMMAND))
    return found


def _answer(words: list[str], code: int, folder: str) -> float:
    begun = time.perf_counter()
    done = subprocess.run(
        [*SEARCH, *words], cwd=folder, env=isolated.environment(), capture_output=True, text=True, check=False
    )
    taken = time.perf_counter() - begun
    if done.returncode != code:
        raise SystemExit(f"{words} ended with {done.returncode}, not {code}:\n{done.stdout}{done.stderr}")
    return taken


def _first_training() -> float:
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        search = subprocess.Popen(
            [*SEARCH, *TRAINING],
            cwd=folder,
            env=isolated.environment(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not next(Path(folder).glob("runs/fire_micro/0/seed_*"), None):
                if search.poll() is not None:
                    raise SystemExit(f"the search ended with {search.returncode} before it trained")
                time.sleep(0.01)
            return time.perf_counter() - begun
        finally:
            if search.poll() is None:
                os.killpg(search.pid, signal.SIGKILL)
            search.wait()


if __name__ == "__main__":
    print_rows(rows, __doc__)
