"""A rung that was not finished: it is trained again, its trial begins anew or is given up, or the search ends."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.launchers import Launcher, WorkerDied, WorkerTaken
from explorer.results.record import TrialRecord
from explorer.storage.study_store import Store

TRIES = 10
"""Times that a rung is started before its trial is given up."""
OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError")
"""Errors that say it by their type: Python's, and that of torch's allocator for GPUs."""
OUT_OF_MEMORY_WORDS = ("DefaultCPUAllocator: can't allocate memory", "CUDA error: out of memory")
"""What others say: torch's allocator for the CPU, and CUDA itself."""


class DiskFullError(ValueError):
    """No space for a checkpoint. Everything finished is kept."""


@dataclass
class InFlight:
    """A rung on its slot."""

    trial: TrialRecord
    seed: int
    first_epoch: int
    last_epoch: int
    slot: int
    tries: int
    """Starts of this rung, this one included, that count towards TRIES."""
    folder: Path
    since: float
    """Time of its start (time.time)."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a trial whose rung was not finished.

    Attributes:
        reason: why it is given up, or "": it goes on.
        tries: of the rung that is next, so far.
    """

    reason: str = ""
    tries: int = 0


class Recovery:
    """Decides what becomes of a study's unfinished rungs.

    Args:
        store: the study.
        launcher: where its rungs run.
        runs: folder of the study's checkpoints.
        timeout: seconds without a finished epoch after which a worker is taken for hung; None: never.
    """

    def __init__(self, store: Store, launcher: Launcher, runs: Path, timeout: float | None) -> None:
        self.store, self.launcher, self.runs, self.timeout = store, launcher, runs, timeout
        self.recipe: dict[str, Any] = store.record.config["recipe"]

    def after(self, flight: InFlight, error: BaseException) -> Verdict:
        """What becomes of a rung's trial after an error.

        Raises:
            DiskFullError: if no checkpoint can be written.
        """
        number, trial = flight.trial.number, self.store.trials[flight.trial.number]
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"the disk of {self.runs} is full; free some space, then the same command goes on")
        if isinstance(error, WorkerTaken):
            return Verdict(tries=flight.tries - 1)
        if isinstance(error, WorkerDied):
            return Verdict(f"{what} ({flight.tries} times)" if flight.tries >= TRIES else "", flight.tries)
        if type(error).__name__ == "CheckpointError" and flight.first_epoch:
            epoch = drop_checkpoint(flight.folder, flight.first_epoch)
            curve = trial.curves[trial.seeds.index(flight.seed)][:epoch]
            self.store.save_curve(number, flight.seed, list(curve), trial.device, trial.devices)
            return Verdict()
        if out_of_memory(error) and not trial.adjusted and self.recipe["batch_size"] > 1:
            half = self.recipe["batch_size"] // 2
            self.store.adjust(number, {"batch_size": half, "accumulate": 2 * self.recipe.get("accumulate", 1)})
            self.launcher.kill(flight.slot)  # what it held is given back
            return Verdict()
        return Verdict(what)

    def end_hung_workers(self, flights: Iterable[InFlight]) -> None:
        """Kills a worker that has finished no epoch for too long; its rung is then trained again."""
        if self.timeout is None:
            return
        for flight in flights:
            progress = flight.folder / "progress.jsonl"
            last = max(flight.since, progress.stat().st_mtime if progress.exists() else 0.0)
            if time.time() - last > self.timeout:
                self.launcher.kill(flight.slot)


def out_of_memory(error: BaseException) -> bool:
    """Whether a device's memory, or the machine's, was too small."""
    return type(error).__name__ in OUT_OF_MEMORY or any(words in str(error) for words in OUT_OF_MEMORY_WORDS)


def drop_checkpoint(folder: Path, epoch: int) -> int:
    """Removes a checkpoint that cannot be read; returns the epoch of the one before it, 0 if there is none."""
    (folder / f"epoch_{epoch:04d}.safetensors").unlink(missing_ok=True)
    earlier = [int(path.stem.removeprefix("epoch_")) for path in folder.glob("epoch_*.safetensors")]
    return max((own for own in earlier if own < epoch), default=0)
