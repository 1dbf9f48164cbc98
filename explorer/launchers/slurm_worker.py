"""What runs inside an allocation of SLURM: takes jobs from its folder, one at a time, until it is told to stop.

Its `worker.json` is its heartbeat: who it is (`start`, new after a requeue), when it was written (`beat`), which job it
has taken and which it has done, and in the end that it has left, because it was asked to or its time was up. The
controller's file says which job is next.
"""

from __future__ import annotations

import os
import platform
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any, NoReturn

from explorer.launchers import jobs
from explorer.launchers.mailbox import PATIENCE_SECONDS, Pulse, read, write

LOOK_SECONDS, BEAT_SECONDS = 0.1, 1.0


def serve(folder: str, orders: str, warm: str = "") -> None:
    """Works until it is stopped, cancelled or out of time, or until its controller has fallen silent.

    Args:
        folder: the worker's own.
        orders: the controller's file.
        warm: whether to import what training needs before the first job.
    """
    os.environ.pop("SLURM_NTASKS", None)  # Lightning would take every job for a part of a parallel one
    _Worker(Path(folder), Path(orders)).serve(bool(warm))


class _Worker:
    def __init__(self, folder: Path, orders: Path) -> None:
        self.folder, self.orders = folder, orders
        before = read(folder / "worker.json") or {"taken": 0}
        # What a requeued worker had in hand is lost; it is sent again under a new number.
        self.taken: int = before["taken"]
        self.done = 0
        self.beat = 0
        self.start = uuid.uuid4().hex
        self.last = False
        """Whether the job in hand is the last."""

    def serve(self, warm: bool) -> None:
        # The main thread alone sees signals, and Lightning changes their handlers only there: jobs run beside it.
        signal.signal(signal.SIGTERM, lambda *_: self._leave(128 + signal.SIGTERM))
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # time is nearly up
            signal.signal(number, self._no_more)
        pulse = Pulse()
        job: threading.Thread | None = None
        if warm:
            job = threading.Thread(target=jobs.warm_up, daemon=True)
            job.start()
        while True:
            order = read(self.orders)
            if pulse.silent(order and order["beat"]) > PATIENCE_SECONDS or (order and order["stop"]):
                self._leave(0)
            if job is not None and not job.is_alive():
                job, self.done = None, self.taken
                self._heartbeat()
            if job is None and self.last:
                self._leave(0)
            if job is None and order and order["jobs"].get(self.folder.name, 0) > self.taken:
                self.taken = order["jobs"][self.folder.name]
                self._heartbeat()
                job = threading.Thread(target=self._run, args=(self.taken,), daemon=True)
                job.start()
            self._heartbeat_if_due()
            time.sleep(LOOK_SECONDS)

    def _run(self, number: int) -> None:
        answer = jobs.run(read(self.folder / f"job_{number}.json"))
        write(self.folder / f"result_{number}.json", answer)

    def _no_more(self, *_: Any) -> None:
        self.last = True

    def _heartbeat_if_due(self) -> None:
        if time.monotonic() > self.beat + BEAT_SECONDS:
            self._heartbeat()

    def _heartbeat(self, left: bool = False) -> None:
        self.beat = int(time.monotonic())
        about = {"host": platform.node(), "pid": os.getpid(), "start": self.start, "beat": self.beat}
        about |= {"taken": self.taken, "done": self.done, "left": left, "time_up": self.last}
        write(self.folder / "worker.json", about)

    def _leave(self, code: int) -> NoReturn:
        self._heartbeat(left=True)
        os._exit(code)
