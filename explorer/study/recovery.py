"""What follows when a rung was not finished: train it again, restart or give up its trial, or end the search."""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.launchers import Launcher, WorkerDied, WorkerTaken
from explorer.storage.study_store import StudyStore
from explorer.training import files
from explorer.training.job import Job

TRIES = 10
"""Times that a rung is started before its trial is given up."""
OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")
"""Types of error: Python's, and that of torch's allocator for GPUs."""
OUT_OF_MEMORY_MESSAGES = ("DefaultCPUAllocator: can't allocate memory", "CUDA error: out of memory")
"""Messages of others: torch's allocator for the CPU, and CUDA itself."""


COMMON = ("DataError", "MetricError", "RecipeError", "ImportError", "ModuleNotFoundError")
"""Types of error that every trial would meet; so it would the operating system's (OSError)."""
ALIKE = 3
"""Trials that fail in the same way, before any has finished, after which it is taken for every trial's failure."""


class DiskFullError(ValueError):
    """No space for a checkpoint. Everything finished is kept."""


class CommonError(Exception):
    """What every trial would meet: the search ends, and the trials at hand go on when it is started again."""


@dataclass
class InFlight:
    """A job on its slot.

    Attributes:
        trial: number of its trial.
        job: what is trained.
        slot: of the launcher.
        tries: starts of this rung, this one included, that count towards TRIES.
        started: seconds since 1970.
    """

    trial: int
    job: Job
    slot: int
    tries: int
    started: float


@dataclass(frozen=True)
class Verdict:
    """Decision about a trial whose rung was not finished.

    Attributes:
        reason: why the trial is given up; "": it goes on.
        tries: how often the next rung was started so far.
    """

    reason: str = ""
    tries: int = 0


class Recovery:
    """Decides about a study's unfinished rungs.

    Args:
        store: the study.
        launcher: where its rungs run.
        runs: folder of the study's checkpoints.
        timeout: seconds without a finished epoch after which a worker is taken for hung; None: never.
    """

    def __init__(self, store: StudyStore, launcher: Launcher, runs: Path, timeout: float | None) -> None:
        self.store, self.launcher, self.runs, self.timeout = store, launcher, runs, timeout
        self.recipe: dict[str, Any] = store.record.config["recipe"]

    def after(self, flight: InFlight, error: BaseException) -> Verdict:
        """The decision about a rung's trial after an error.

        Raises:
            DiskFullError: if no checkpoint can be written.
            CommonError: if every other trial would meet the error too.
        """
        number, job, trial = flight.trial, flight.job, self.store.trials[flight.trial]
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"the disk of {self.runs} is full; free some space, then the same command goes on")
        if isinstance(error, WorkerTaken):
            return Verdict(tries=flight.tries - 1)
        if isinstance(error, WorkerDied):
            return Verdict(f"{what} ({flight.tries} times)" if flight.tries >= TRIES else "", flight.tries)
        if type(error).__name__ == "CheckpointError" and job.first_epoch:
            epoch = drop_checkpoint(Path(job.folder), job.first_epoch)
            curve = trial.curves[trial.seeds.index(job.seed)][:epoch]
            self.store.save_curve(number, job.seed, list(curve), trial.device, trial.devices)
            return Verdict()
        if out_of_memory(error) and not trial.adjusted and self.recipe["batch_size"] > 1:
            half = self.recipe["batch_size"] // 2
            self.store.adjust(number, {"batch_size": half, "accumulate": 2 * self.recipe.get("accumulate", 1)})
            self.launcher.kill(flight.slot)  # to free its memory
            return Verdict()
        if type(error).__name__ in COMMON or isinstance(error, OSError):
            raise CommonError(what)
        return Verdict(what)

    def end_hung_workers(self, flights: Iterable[InFlight]) -> None:
        """Kills workers that have finished no epoch within the timeout; their rungs are then trained again."""
        if self.timeout is None:
            return
        for flight in flights:
            progress = Path(flight.job.folder) / files.PROGRESS
            last = max(flight.started, progress.stat().st_mtime if progress.exists() else 0.0)
            if time.time() - last > self.timeout:
                self.launcher.kill(flight.slot)


class Doubts:
    """Failures held back while no trial has finished: the same one again and again is no trial's own."""

    def __init__(self) -> None:
        self.reasons: dict[int, str] = {}

    def add(self, number: int, reason: str) -> bool:
        """Holds a failure back.

        Returns:
            Whether those held back differ, so that they are the trials' own.

        Raises:
            CommonError: if ALIKE trials have failed in the same way.
        """
        self.reasons[number] = reason
        alike = len({re.sub(r"\d+", "", each) for each in self.reasons.values()}) == 1
        if alike and len(self.reasons) >= ALIKE:
            raise CommonError(f"{reason} (so ended the first {ALIKE} trials)")
        return not alike

    def settled(self) -> dict[int, str]:
        """Takes out what was held back: trials and why they failed."""
        held, self.reasons = self.reasons, {}
        return held


def out_of_memory(error: BaseException) -> bool:
    """Whether a device's memory, or the machine's, was too small."""
    return type(error).__name__ in OUT_OF_MEMORY or any(message in str(error) for message in OUT_OF_MEMORY_MESSAGES)


def drop_checkpoint(folder: Path, epoch: int) -> int:
    """Removes a checkpoint that cannot be read; returns the epoch of the one before it, 0 if there is none."""
    files.checkpoint(folder, epoch).unlink(missing_ok=True)
    return max((earlier for earlier in files.checkpoint_epochs(folder) if earlier < epoch), default=0)
