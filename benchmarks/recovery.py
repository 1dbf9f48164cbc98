"""python -m benchmarks.recovery: how soon a search is back at work after kill -9, of a worker and of the controller.

One worker trains one network for long, with a checkpoint after every epoch. Again and again the worker or the whole
search gets SIGKILL, the latter is started again with the same command, and the clock runs until

- requeued: the rung is given out again, to a new worker process (after the controller's death: the command has one);
- training: that trial has a further epoch behind it.

Both include what a process must import, so this is measured alone, too: a launcher and a worker that has imported what
training needs (`imports`). What is left of `training` without it is the search's own share.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.chaos import workers
from explorer.storage import stored
from explorer.storage.patient import StudyError

SPACE = """
defaults: [fire_micro, _self_]
search: {base_e: {low: 16, high: 16}, squeeze_ratio: {high: 0.25}, incr_e: {high: 16}}
limits: {params: 40_000}
anchors: null
"""
WORDS = ["+space=recovery", "--config-dir", ".", "epochs=10_000", "launcher.devices=[cpu]"]
WORDS += ["stopping=none", "stopping.rung=1"]
IMPORTS = """
if __name__ == "__main__":
    from explorer.launchers import jobs
    from explorer.launchers.local import LocalLauncher

    launcher = LocalLauncher(["cpu"])
    launcher.warm_up()
    import explorer.search, explorer.study.controller, explorer.tracking, explorer.cli.live_view
    launcher.submit(0, jobs.look_around).result()
    launcher.close()
"""


@dataclass(frozen=True)
class Return:
    """A way back to work.

    Attributes:
        requeued: seconds from the kill, or the start of the same command, until there is a new worker.
        training: the same until a further epoch is trained.
        trial: that was in flight.
        lost: epochs of it that were trained once more; a rung is one epoch.
        same: whether it is this trial that went on, from its last stored epoch.
    """

    requeued: float
    training: float
    trial: int
    lost: int
    same: bool


def main() -> int:
    """Measures; returns the exit code: 1 if a trial did not go on from its last rung."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        imports = [imports_alone(folder) for _ in range(options.rounds)]
        process = begin(folder)
        try:
            after_worker, after_controller = [], []
            for _ in range(options.rounds):
                await_epochs(folder, rng.randint(2, 4))
                time.sleep(rng.uniform(0, 1))
                after_worker.append(kill_worker(folder, process))
            for _ in range(options.rounds):
                await_epochs(folder, rng.randint(2, 4))
                time.sleep(rng.uniform(0, 1))
                process, back = kill_controller(folder, process)
                after_controller.append(back)
        finally:
            process.kill()
            process.wait()
    print(f"kill -9, {options.rounds} times each; seconds, median (max)\n")
    print("| | s |\n|---|---:|")
    print(row("imports alone", imports))
    print(row("worker killed: rung requeued after", [back.requeued for back in after_worker]))
    print(row("worker killed: next epoch trained after", [back.training for back in after_worker]))
    trained = [back.training for back in after_controller]
    print(row("controller killed: next epoch trained, after the start of the same command", trained))
    print(row("the same without imports (their median)", [seconds - median(imports) for seconds in trained]))
    everything = after_worker + after_controller
    lost = max(back.lost for back in everything)
    went_on = all(back.same for back in everything)
    print(f"\nthe same trial went on each time: {went_on}; epochs trained once more, at most: {lost}")
    return 0 if went_on and lost <= 1 else 1


def row(what: str, seconds: list[float]) -> str:
    """A line of the table."""
    return f"| {what} | {median(seconds):.1f} ({max(seconds):.1f}) |"


def imports_alone(folder: Path) -> float:
    """Seconds until a launcher and its worker have imported what a search needs, and nothing else."""
    (folder / "imports.py").write_text(IMPORTS)
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run([sys.executable, "imports.py"], cwd=folder, env=environment, check=True)
    return time.monotonic() - began


def begin(folder: Path) -> subprocess.Popen[bytes]:
    """Starts the search."""
    (folder / "recovery.yaml").write_text(SPACE)
    command = [sys.executable, "-m", "explorer.search", *WORDS]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def kill_worker(folder: Path, process: subprocess.Popen[bytes]) -> Return:
    """Kills the worker, and waits until another trains."""
    (worker,) = workers(process.pid)
    os.kill(worker, signal.SIGKILL)
    return _way_back(folder, process, {worker})


def kill_controller(folder: Path, process: subprocess.Popen[bytes]) -> tuple[subprocess.Popen[bytes], Return]:
    """Kills the controller, whose worker ends with it; starts the command again, and waits until it trains."""
    (worker,) = workers(process.pid)
    process.kill()
    process.wait()
    await_condition(lambda: not Path(f"/proc/{worker}").exists())
    process = begin(folder)
    return process, _way_back(folder, process, set())


def _way_back(folder: Path, process: subprocess.Popen[bytes], dead: set[int]) -> Return:
    """Waits until the trial in flight, whose worker is dead, has a further epoch behind it."""
    began = time.monotonic()
    trial, stored = in_flight(folder)
    file, trained = progress(folder, trial)
    await_condition(lambda: bool(set(workers(process.pid)) - dead))
    requeued = time.monotonic() - began
    await_condition(lambda: progress(folder, trial)[0] != file)  # a rung that begins puts the file in place anew
    _, first = progress(folder, trial)
    await_condition(lambda: progress(folder, trial)[1] > first)
    training = time.monotonic() - began
    return Return(requeued, training, trial, trained - first, in_flight(folder)[0] == trial and first >= stored)


def in_flight(folder: Path) -> tuple[int, int]:
    """The trial that is being trained, and the epochs of it that are stored; (-1, 0) before the first."""
    try:
        trials = stored.load(f"sqlite:///{folder}/study.db", "recovery").trials
    except StudyError:  # not made yet
        return -1, 0
    running = [own for own in trials if own.state == "RUNNING"]
    return (running[0].number, running[0].epochs) if running else (-1, 0)


def progress(folder: Path, trial: int) -> tuple[int, int]:
    """The file of a trial's progress (its inode), and the last epoch in it."""
    path = folder / f"runs/recovery/{trial}/seed_0/progress.jsonl"
    lines = path.read_text().split("\n")[:-1]
    return path.stat().st_ino, int(json.loads(lines[-1])["epoch"]) if lines else 0


def await_epochs(folder: Path, number: int) -> None:
    """Waits until so many further epochs are stored."""
    goal = in_flight(folder)[1] + number
    await_condition(lambda: in_flight(folder)[1] >= goal)


def await_condition(condition: Callable[[], bool]) -> None:
    """Looks a hundred times a second."""
    deadline = time.monotonic() + 300
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the search did not go on within 300 s")
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
