"""A slot of a SLURM cluster: its allocation, the job given to it, and how that job is lost."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from explorer.launchers import WorkerDied, WorkerTaken
from explorer.launchers.mailbox import PATIENCE_SECONDS, Pulse, read
from explorer.launchers.slurm_queue import ENDED, TAKEN, WAITING

SETTLE_SECONDS = 10.0
"""Time after which a worker's file and SLURM's state should agree."""


@dataclass
class PostedJob:
    """A job that was submitted and has no result yet."""

    number: int
    text: str
    future: Future[Any]
    posted: bool = False
    taken_by: str | None = None
    """The start of the worker that took it."""


@dataclass
class Allocation:
    """A place on the cluster and the last heartbeat of its worker."""

    id: str
    folder: Path
    state: str = "PENDING"
    heartbeat: dict[str, Any] = field(default_factory=dict)
    """The worker's last `worker.json`; see `explorer.launchers.slurm_worker`."""
    silent: float = 0.0
    """Seconds since the heartbeat changed."""
    pulse: Pulse = field(default_factory=Pulse)

    def look(self) -> None:
        """Reads the worker's heartbeat."""
        self.heartbeat = read(self.folder / "worker.json") or self.heartbeat
        self.silent = self.pulse.silent((self.heartbeat.get("start"), self.heartbeat.get("beat")))

    @property
    def ended(self) -> bool:
        """Whether SLURM says that it has ended for good."""
        return self.state in ENDED

    @property
    def requeued(self) -> bool:
        """Whether it had a worker, and waits for another start."""
        return bool(self.heartbeat) and self.silent > SETTLE_SECONDS and self.state in WAITING

    @property
    def dead(self) -> bool:
        """Whether its worker has been silent for too long."""
        return bool(self.heartbeat) and self.silent > PATIENCE_SECONDS and not self.requeued

    def loss(self, job: PostedJob) -> WorkerDied | None:
        """Why a job that its worker had taken is lost; None if it is not.

        A worker that is preempted, requeued or cancelled is asked to leave without having been warned that its time
        is up, or comes back under the same id: then it was taken. One that dies by itself does neither.
        """
        if job.taken_by is None:
            return None
        back = job.taken_by != self.heartbeat["start"]
        left = self.heartbeat["left"]
        if not (self.ended or self.dead or self.requeued or back or left):
            return None
        taken = self.requeued or back or self.state in TAKEN or (left and not self.heartbeat["time_up"])
        why = self.state.lower() if self.ended else "silent" if self.dead else "cancelled or requeued"
        return (WorkerTaken if taken else WorkerDied)(f"{why} (job {self.id} of SLURM)")


@dataclass
class Slot:
    """One job at a time."""

    name: str
    numbers: int = 0
    job: PostedJob | None = None
    allocation: Allocation | None = None
    not_before: float = 0.0
    """When SLURM may be asked again after a refusal (time.monotonic)."""
