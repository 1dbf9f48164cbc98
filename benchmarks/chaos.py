"""python -m benchmarks.chaos: kills a search again and again, and compares its trials with those of an undisturbed one.

Both are the same deterministic search with the same seed. Workers, the controller or both get SIGKILL at random
moments; after a controller's death the same command is started again. Prints a table of what was killed, and whether
the final trials are equal: numbers, metaparameters, every epoch of every curve, states. Exit code 1 if they are not.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from explorer import store
from explorer.record import StudyRecord

SPACE = """
defaults: [fire_micro, _self_]
search: {base_e: {low: 16, high: 48}, squeeze_ratio: {high: 0.25}, incr_e: {high: 16}}
limits: {params: 60_000}
anchors: null
"""
WORDS = ["+space=chaos", "--config-dir", ".", "epochs=4", "stopping.rung=1", "deterministic=true"]


def main() -> int:
    """Runs the comparison; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        calm, torn = Path(scratch, "calm"), Path(scratch, "torn")
        begun = time.monotonic()
        undisturbed = finish(calm, options.trials)
        print(f"undisturbed: {len(undisturbed.trials)} trials in {time.monotonic() - begun:.0f} s", flush=True)
        begun = time.monotonic()
        outcomes = torment(torn, options.trials, options.kills, random.Random(options.seed))
        print(f"tormented: {sum(outcomes.values())} kills in {time.monotonic() - begun:.0f} s\n")
        for (victim, outcome), count in sorted(outcomes.items()):
            print(f"  {count:>4}  {victim:<20} {outcome}")
        differences = compare(undisturbed, load(torn))
        print("\nfinal trials: " + ("equal, every epoch of every curve" if not differences else "; ".join(differences)))
        return 1 if differences else 0


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
    return store.load(f"sqlite:///{folder}/study.db", "chaos")


def torment(folder: Path, trials: int, kills: int, rng: random.Random) -> Counter[tuple[str, str]]:
    """Kills until there were so many kills, then lets the search end; what happened after each kind of kill."""
    outcomes: Counter[tuple[str, str]] = Counter()
    process = begin(folder, trials)
    while sum(outcomes.values()) < kills:
        pause = time.monotonic() + rng.uniform(0.5, 6)
        while time.monotonic() < pause and process.poll() is None:
            time.sleep(0.05)
        if process.poll() is not None:
            if process.returncode != 0:
                raise SystemExit((folder / "log.txt").read_text())
            break  # it was faster than the kills
        victim = rng.choice(["worker", "worker", "controller", "controller and worker"])
        outcomes[victim, kill(process, victim, rng)] += 1
        if process.poll() is not None:
            process = begin(folder, trials)
    if process.wait() != 0:
        raise SystemExit((folder / "log.txt").read_text())
    return outcomes


def kill(process: subprocess.Popen[bytes], victim: str, rng: random.Random) -> str:
    """One kill and what came of it."""
    own = workers(process.pid)
    if "worker" in victim:
        if not own:
            return "no worker was up yet: nothing was killed"
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
    """Worker processes of a controller (the resource tracker of multiprocessing is none)."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            line = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == controller and b"spawn_main" in line:
            found.append(int(stat.parent.name))
    return found


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
