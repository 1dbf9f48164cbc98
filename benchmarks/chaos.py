"""python -m benchmarks.chaos: kills a search again and again, and compares its trials with those of an undisturbed one.

Both are the same deterministic search with the same seed. Workers, the controller or both get SIGKILL at random
moments: most after one to three more epochs were stored, so that the search makes headway however slow the machine is,
the others after some seconds, whatever the search does then, its start included, but never after more epochs than the
kills that are left would need to find the search still at work. After a controller's death the same command is started
again. Prints a table of what was killed, and whether the final trials are equal: numbers,
metaparameters, every epoch of every curve, states. Exit code 1 if they are not, or if the kills were fewer than asked.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from explorer.results.record import StudyRecord
from explorer.storage import stored
from explorer.storage.patient import StudyError

SPACE = """
defaults: [fire_micro, _self_]
search: {base_e: {low: 16, high: 48}, squeeze_ratio: {high: 0.25}, incr_e: {high: 16}}
limits: {params: 60_000}
anchors: null
"""
EPOCHS = 4
WORDS = ["+space=chaos", "--config-dir", ".", f"epochs={EPOCHS}", "deterministic=true"]
WORDS += ["stopping=none", "stopping.rung=1"]
BLIND = 0.3
"""Share of the kills that come after some seconds, whatever the search does then."""


def main() -> int:
    """Runs the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="also write the report to this file (Markdown)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        calm, torn = Path(scratch, "calm"), Path(scratch, "torn")
        begun = time.monotonic()
        undisturbed = finish(calm, options.trials)
        calm_seconds = time.monotonic() - begun
        print(f"undisturbed: {len(undisturbed.trials)} trials in {calm_seconds:.0f} s", flush=True)
        begun = time.monotonic()
        kills = torment(torn, options.trials, options.kills, random.Random(options.seed))
        seconds = calm_seconds, time.monotonic() - begun
        tormented = load(torn)
    differences = compare(undisturbed, tormented)
    if len(kills) < options.kills:
        differences.append(f"the search ended after {len(kills)} of {options.kills} kills")
    if any("LEFT BEHIND" in kill.outcome for kill in kills):
        differences.append("workers were left behind")
    told = report(tormented, kills, seconds, differences)
    print(told)
    if options.output:
        options.output.write_text(f"{told}\n")
    return 1 if differences else 0


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        victim: worker, controller, or controller and worker.
        outcome: what came of it at once, in words.
        epochs: of the search, stored before.
    """

    victim: str
    outcome: str
    epochs: int


def report(record: StudyRecord, kills: list[Kill], seconds: tuple[float, float], differences: list[str]) -> str:
    """The tables, in Markdown.

    Args:
        record: the tormented study.
        kills: what was done to it.
        seconds: that the undisturbed search took, and this one.
        differences: between their trials, and what else should not be.
    """
    whole = len(record.trials) * EPOCHS
    quarters = Counter(min(3, 4 * kill.epochs // whole) for kill in kills)
    search = f"A search of {len(record.trials)} trials of {EPOCHS} epochs, undisturbed ({seconds[0]:.0f} s)"
    again = f"and again with {len(kills)} kills -9 ({seconds[1]:.0f} s), on {os.cpu_count()} cores"
    lines = ["# Kills and outcomes", "", "Made by `make chaos` (benchmarks/chaos.py).", "", f"{search}, {again}.", ""]
    lines += [
        "| killed | times | what came of it |",
        "|---|---:|---|",
    ]
    outcomes = Counter((kill.victim, kill.outcome) for kill in kills)
    lines += [f"| {victim} | {count} | {outcome} |" for (victim, outcome), count in sorted(outcomes.items())]
    lines += ["", "| epochs of the search done at the kill | kills |", "|---|---:|"]
    lines += [f"| {25 * quarter} to {25 * quarter + 25} % | {quarters[quarter]} |" for quarter in range(4)]
    states = Counter(trial.state for trial in record.trials)
    ends = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    same = "equal to the undisturbed search's: numbers, metaparameters, states, every epoch of every curve"
    return "\n".join([*lines, "", f"Final trials: {ends}; {'; '.join(differences) if differences else same}."])


def begin(folder: Path, trials: int) -> subprocess.Popen[bytes]:
    """Starts the search in a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "chaos.yaml").write_text(SPACE)
    command = [sys.executable, "-m", "explorer.search", *WORDS, f"n_trials={trials}"]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def finish(folder: Path, trials: int) -> StudyRecord:
    """Runs the search to its end."""
    process = begin(folder, trials)
    if process.wait() != 0:
        raise SystemExit((folder / "log.txt").read_text())
    return load(folder)


def load(folder: Path) -> StudyRecord:
    """The study of a folder."""
    return stored.load(f"sqlite:///{folder}/study.db", "chaos")


def torment(folder: Path, trials: int, kills: int, rng: random.Random) -> list[Kill]:
    """Kills until there were so many kills, then lets the search end."""
    done: list[Kill] = []
    process = begin(folder, trials)
    each = max(1, trials * EPOCHS // kills)  # epochs from one kill to the next
    while len(done) < kills:
        if rng.random() < BLIND:
            await_moment(process, folder, each, seconds=rng.uniform(0.5, 6))
        else:
            await_moment(process, folder, rng.randint(1, each))
        if process.poll() is not None:
            if process.returncode != 0:
                raise SystemExit((folder / "log.txt").read_text())
            return done  # it was faster than the kills
        victim = rng.choice(["worker", "worker", "controller", "controller and worker"])
        epochs = stored_epochs(folder)
        if (outcome := kill(process, victim, rng)) is not None:
            done.append(Kill(victim, outcome, epochs))
        if process.poll() is not None:
            process = begin(folder, trials)
    if process.wait() != 0:
        raise SystemExit((folder / "log.txt").read_text())
    return done


def await_moment(process: subprocess.Popen[bytes], folder: Path, epochs: int, seconds: float = math.inf) -> None:
    """Waits for so many further epochs or so many seconds, whichever is first, or the search's end."""
    goal, until = stored_epochs(folder) + epochs, time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until and stored_epochs(folder) < goal:
        time.sleep(0.05)  # an epoch of these networks takes little longer


def stored_epochs(folder: Path) -> int:
    """Epochs of all trials that the study holds."""
    try:
        return sum(len(curve) for trial in load(folder).trials for curve in trial.curves)
    except StudyError:  # not made yet
        return 0


def kill(process: subprocess.Popen[bytes], victim: str, rng: random.Random) -> str | None:
    """One kill and what came of it; None if there was no worker to kill yet."""
    own = workers(process.pid)
    if "worker" in victim:
        if not own:
            return None
        os.kill(rng.choice(own), signal.SIGKILL)
    if "controller" not in victim:
        return "the search went on"
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in own):
        if time.monotonic() > deadline:
            return "WORKERS WERE LEFT BEHIND"
        time.sleep(0.05)
    return "its workers ended; the same command went on"


def workers(controller: int) -> list[int]:
    """Worker processes of a controller: they are the children of its fork server."""
    servers = [pid for pid in children(controller) if b"multiprocessing.forkserver" in command_line(pid)]
    return [pid for server in servers for pid in children(server)]


def children(parent: int) -> list[int]:
    """The child processes of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def command_line(pid: int) -> bytes:
    """Of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def compare(one: StudyRecord, other: StudyRecord) -> list[str]:
    """What differs between two studies, in words; nothing if their trials are equal."""
    if len(one.trials) != len(other.trials):
        return [f"{len(one.trials)} and {len(other.trials)} trials"]
    differences: list[str] = []
    for mine, theirs in zip(one.trials, other.trials, strict=True):
        differences += [
            f"trial {mine.number}: {field} {getattr(mine, field)} and {getattr(theirs, field)}"
            for field in ("number", "state", "metaparameters", "identity", "params")
            if getattr(mine, field) != getattr(theirs, field)
        ]
        timeless = [
            [{k: v for k, v in e.items() if k != "seconds"} for c in t.curves for e in c] for t in (mine, theirs)
        ]
        if timeless[0] != timeless[1]:
            differences.append(f"trial {mine.number}: another curve")
    return differences


if __name__ == "__main__":
    sys.exit(main())
