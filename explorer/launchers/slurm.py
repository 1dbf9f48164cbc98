"""Workers on a SLURM cluster: each slot is an allocation whose worker does one job after another.

Jobs and results are JSON files in a folder that every node sees (see `explorer.launchers.mailbox`). submitit's own
files beside them are pickles of the same user's; they name a function of this package and a folder, and carry no job.
An allocation that ends is replaced when its slot has work; one that SLURM requeues goes on when it starts again.
"""

from __future__ import annotations

import os
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from explorer.launchers import LauncherError, WorkerDied, devices_of_trial, jobs, slurm_queue, slurm_worker
from explorer.launchers.mailbox import read, write
from explorer.launchers.slurm_queue import ENDED
from explorer.launchers.slurm_slots import SETTLE_SECONDS, Allocation, PostedJob, Slot
from explorer.training.distributed import DEVICES

T = TypeVar("T")

LOOK_SECONDS, ASK_SECONDS = 0.1, 2.0
"""Seconds between two looks at the folder, and between two queries of SLURM."""


class SlurmLauncher:
    """One allocation a slot.

    Args:
        slots: allocations.
        partition: of the cluster; None: its default.
        minutes: that an allocation lasts.
        cpus: CPUs of an allocation.
        gpus: GPUs of an allocation.
        mem: memory of an allocation, such as 8GB; None: the cluster's default.
        options: other options of sbatch, such as {account: NAME, qos: NAME}.
        folder: takes jobs, results and logs; every node has to see it under the same path.
        threads: torch threads of a worker.
        devices_per_trial: devices that one training uses at once; `auto` are the GPUs of its allocation.
    """

    freed: frozenset[int] = frozenset()  # the cluster says what there is

    def __init__(
        self,
        slots: int = 2,
        partition: str | None = None,
        minutes: int = 240,
        cpus: int = 1,
        gpus: int = 0,
        mem: str | None = None,
        options: Mapping[str, Any] | None = None,
        folder: str = "runs/.slurm",
        threads: int = 1,
        devices_per_trial: str | int = "auto",
    ) -> None:
        counts = {"slots": slots, "minutes": minutes, "cpus": cpus, "threads": threads, "gpus": gpus}
        for key, value in counts.items():
            least = 0 if key == "gpus" else 1
            if not isinstance(value, int) or value < least:
                raise LauncherError(f"launcher.{key} is {value!r}, expected a whole number of at least {least}")
        variables = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "SRUN_CPUS_PER_TASK": cpus}
        variables[DEVICES] = devices_of_trial(devices_per_trial, gpus)
        setup = [f"export {key}={value}" for key, value in variables.items()]
        if not gpus:
            setup.append("export CUDA_VISIBLE_DEVICES=")
        asked: dict[str, Any] = {
            "partition": partition,
            "mem": mem,
            "gpus_per_node": gpus or None,
            "job_name": "explorer",
        }
        asked |= {"time": minutes, "cpus_per_task": cpus, "setup": setup}
        asked["additional_parameters"] = {"requeue": True, **(options or {})}
        self._queue = slurm_queue.Queue({key: value for key, value in asked.items() if value is not None})
        self._slots = [Slot(f"slurm {i}") for i in range(slots)]
        self._folder = Path(folder).absolute()
        self._root = self._folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:6]}"
        self._ordered: dict[str, Any] = {}
        self._lost = False
        self._lock = threading.RLock()
        self._closing, self._changed = threading.Event(), threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def slots(self) -> tuple[str, ...]:
        return tuple(slot.name for slot in self._slots)

    def warm_up(self) -> None:
        """Asks for every allocation.

        Raises:
            LauncherError: if SLURM refuses one.
        """
        self._open()
        with self._lock:
            for slot in self._slots:
                slot.allocation = slot.allocation or self._allocate(slot, "warm")

    def submit(self, slot: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        text = jobs.pack(function, arguments)
        self._open()
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        with self._lock:
            chosen = self._slots[slot]
            chosen.numbers += 1
            chosen.job = PostedJob(chosen.numbers, text, future)
        self._changed.set()
        return future

    def kill(self, slot: int) -> None:
        # A job that still waits in SLURM's queue goes on waiting.
        with self._lock:
            chosen = self._slots[slot]
            if chosen.allocation is not None and chosen.job is not None and chosen.job.taken_by is not None:
                slurm_queue.cancel([chosen.allocation.id], kill=True)
                self._lose(chosen, WorkerDied("killed"))
                chosen.allocation = None

    def close(self) -> None:
        # Logs stay if a worker was lost.
        if self._keeper is None:
            return
        self._closing.set()
        self._keeper.join()
        ids = [slot.allocation.id for slot in self._slots if slot.allocation is not None]
        self._order(stop=True)
        slurm_queue.cancel(ids)
        lost = self._lost
        for slot in self._slots:
            self._lose(slot, WorkerDied("closed"))
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline and set((slurm_queue.states(ids) or {}).values()) - ENDED:
            time.sleep(0.2)
        for folder in self._root.glob("*") if lost else [self._root]:
            if folder.name != "log":
                shutil.rmtree(folder, ignore_errors=True)

    def _open(self) -> None:
        """Creates the folder and starts the thread, once."""
        with self._lock:
            if self._keeper is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                _end_orphans(self._folder)
                self._root.mkdir(mode=0o700)
                self._order()
                self._keeper = threading.Thread(target=self._keep, daemon=True)
                self._keeper.start()

    def _allocate(self, slot: Slot, *more: str) -> Allocation:
        folder = self._root / f"{slot.name.replace(' ', '_')}_{uuid.uuid4().hex[:6]}"
        folder.mkdir()
        orders = self._root / "orders.json"
        id = self._queue.allocate(self._root / "log", slurm_worker.serve, str(folder), str(orders), *more)
        return Allocation(id, folder)

    def _keep(self) -> None:
        """The thread's loop: it hands out jobs, collects results and notices lost workers."""
        asked = time.monotonic()
        while not self._closing.is_set():
            self._changed.wait(LOOK_SECONDS)
            self._changed.clear()
            with self._lock:
                for slot in self._slots:
                    self._tend(slot)
                self._order()
                allocations = [slot.allocation for slot in self._slots if slot.allocation is not None]
            if time.monotonic() - asked > ASK_SECONDS:
                asked = time.monotonic()
                states = slurm_queue.states([allocation.id for allocation in allocations])
                for allocation in allocations if states else []:
                    allocation.state = states[allocation.id] if states else allocation.state

    def _tend(self, slot: Slot) -> None:
        """Checks a slot's worker, collects its result, and gives a waiting job to a worker."""
        if slot.allocation is not None:
            self._look(slot, slot.allocation)
        job = slot.job
        try:
            if job is not None and slot.allocation is None and time.monotonic() > slot.not_before:
                slot.not_before = time.monotonic() + SETTLE_SECONDS
                slot.allocation = self._allocate(slot)
            if job is not None and slot.allocation is not None and not job.posted:
                write(slot.allocation.folder / f"job_{job.number}.json", job.text)
                job.posted = True
        except LauncherError:
            pass  # SLURM is asked again later: what could never work was refused in warm_up
        except OSError as error:
            slot.job = None
            if job is not None:
                job.future.set_exception(error)

    def _look(self, slot: Slot, allocation: Allocation) -> None:
        """Compares a worker's heartbeat with what SLURM says about its allocation."""
        allocation.look()
        heartbeat, job = allocation.heartbeat, slot.job
        if job is not None and heartbeat.get("taken", 0) >= job.number and job.taken_by is None:
            job.taken_by = heartbeat["start"]
        if job is not None and heartbeat.get("done", 0) >= job.number and self._collect(slot, job, allocation):
            return
        if job is not None and (loss := allocation.loss(job)) is not None:
            self._lose(slot, loss)
        if allocation.dead:
            slurm_queue.cancel([allocation.id], kill=True)
        if allocation.ended or allocation.dead:
            slot.allocation = None
            slot.not_before = 0.0
            if slot.job is not None:  # never taken: the next worker has it
                slot.job.posted = False

    def _collect(self, slot: Slot, job: PostedJob, allocation: Allocation) -> bool:
        answer = read(allocation.folder / f"result_{job.number}.json")
        if answer is None:
            return False
        slot.job = None
        for kind in ("job", "result"):
            (allocation.folder / f"{kind}_{job.number}.json").unlink(missing_ok=True)
        try:
            job.future.set_result(jobs.unpack(answer))
        except Exception as error:  # noqa: BLE001 - the future carries it to the controller
            job.future.set_exception(error)
        return True

    def _lose(self, slot: Slot, loss: WorkerDied) -> None:
        job, slot.job = slot.job, None
        if job is not None:
            self._lost = True
            job.future.set_exception(type(loss)(f"the worker on {slot.name} is gone: {loss}"))

    def _order(self, stop: bool = False) -> None:
        """Writes the workers' orders, which are the controller's heartbeat too."""
        placed = [(slot, slot.allocation) for slot in self._slots if slot.allocation is not None]
        posted = {
            allocation.folder.name: slot.job.number for slot, allocation in placed if slot.job and slot.job.posted
        }
        order = {"host": platform.node(), "pid": os.getpid(), "beat": int(time.monotonic()), "stop": stop}
        order |= {"allocations": [place.id for _, place in placed], "jobs": posted}
        if order != self._ordered:
            try:
                write(self._root / "orders.json", order)
            except OSError:  # a full disk may have room again in a moment
                return
            self._ordered = order


def _end_orphans(folder: Path) -> None:
    """Ends workers whose controller on this machine was killed, sooner than they notice it themselves."""
    for orders in folder.glob("*/orders.json"):
        order = read(orders)
        if order and order["host"] == platform.node() and not Path(f"/proc/{order['pid']}").exists():
            slurm_queue.cancel(order["allocations"], kill=True)
            shutil.rmtree(orders.parent, ignore_errors=True)
