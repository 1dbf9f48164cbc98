"""Warm processes on this machine, each pinned to its device.

They are forked from one process that has imported what training needs and does nothing else, so that a worker, the
first as one that replaces another, starts in milliseconds and shares the memory of torch with the others.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, get_context, resource_tracker
from typing import Any, TypeVar

from explorer.data.sockets import place_sockets
from explorer.launchers import LauncherError, WorkerDied
from explorer.launchers.packing import Watch
from explorer.training.distributed import DEVICES
from explorer.training.parent import end_with_parent

T = TypeVar("T")
PRELOAD = "explorer.launchers.preload"
TRAINING = "explorer.training.worker:train"
"""What is watched to find how many share a GPU."""

log = logging.getLogger(__name__)


class LocalLauncher:
    """One process a slot.

    Args:
        devices: `auto` (every visible GPU, or without GPU one `cpu` a core), or a list of GPU indices and `cpu`.
        per_device: processes that share a device. `auto`: on a CPU one; on a GPU one at first and, once its first
            training has shown what it takes of memory and time, as many as pay: see `explorer.launchers.packing`.
        devices_per_trial: devices that one training uses at once, or `all` of them.
        threads: torch threads of a process. Two processes with two threads each on two cores are several times slower
            than with one each, so a thread count is set, never left to torch.
    """

    def __init__(
        self,
        devices: str | Sequence[int | str] = "auto",
        per_device: int | str = 1,
        threads: int = 1,
        devices_per_trial: int | str = 1,
    ) -> None:
        if per_device != "auto" and (not isinstance(per_device, int) or per_device < 1):
            raise LauncherError(f"launcher.per_device is {per_device!r}, expected auto or a whole number of at least 1")
        if not isinstance(threads, int) or threads < 1:
            raise LauncherError(f"launcher.threads is {threads!r}, expected a whole number of at least 1")
        self.threads = threads
        self.devices = _grouped(
            check_devices(devices), devices_per_trial, 1 if isinstance(per_device, str) else per_device
        )
        self.slots = tuple(_name(i, group) for i, group in enumerate(self.devices))
        alone = [group[0] for group in self.devices if len(group) == 1 and group[0] != "cpu"]
        self._unknown = set(alone) if per_device == "auto" else set()
        self._pools: list[ProcessPoolExecutor | None] = [None] * len(self.slots)
        self._ending: list[ProcessPoolExecutor] = []  # of slots that were freed and are in use again
        self._per_device = per_device
        self.freed: frozenset[int] = frozenset()

    def warm_up(self) -> None:
        """Starts the server from which workers are forked; it imports what training needs."""
        get_context("forkserver").set_forkserver_preload([PRELOAD])
        place_sockets()
        resource_tracker.ensure_running()  # it would unblock SIGINT
        # Ctrl-C reaches the whole process group, and would interrupt the imports with a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def submit(self, slot: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        outer: Future[T] = Future()
        outer.set_running_or_notify_cancel()
        if f"{function.__module__}:{function.__qualname__}" == TRAINING and self.devices[slot][0] in self._unknown:
            self._watch(self.devices[slot][0], outer)
        pool = self._pool(slot)
        try:
            inner = pool.submit(function, *arguments)
        except BrokenProcessPool:  # it died between two jobs
            self._pools[slot] = None
            pool = self._pool(slot)
            inner = pool.submit(function, *arguments)

        def pass_on(done: Future[T]) -> None:
            if done.cancelled():
                outer.set_exception(WorkerDied(f"the worker on {self.slots[slot]} was closed"))
            elif isinstance(error := done.exception(), BrokenProcessPool):
                if self._pools[slot] is pool:
                    self._pools[slot] = None
                outer.set_exception(WorkerDied(f"the worker on {self.slots[slot]} died"))
            elif error is not None:
                outer.set_exception(error)
            else:
                outer.set_result(done.result())

        inner.add_done_callback(pass_on)
        return outer

    def _watch(self, gpu: int | str, training: Future[Any]) -> None:
        """Adds slots of a GPU when its first training has ended, if there is room."""
        self._unknown.discard(gpu)
        watch = Watch(_visible(gpu))

        def add(done: Future[Any]) -> None:
            number, reason = watch.end()
            if done.exception() is not None:  # a failed training is no measurement
                self._unknown.add(gpu)
                return
            log.info(reason)
            self._add(gpu, number - 1)

        training.add_done_callback(add)

    def use(self, devices: str | Sequence[int | str]) -> None:
        """Changes the devices while jobs run.

        A device that is new gets slots. A slot of one that is no longer named ends its job, and its process ends.

        Raises:
            LauncherError: if a device is not there, or a training has several.
        """
        wanted = check_devices(devices)
        if any(len(group) > 1 for group in self.devices):
            raise LauncherError("devices cannot change while a training has several (launcher.devices_per_trial)")
        cores, freed = wanted.count("cpu"), set()
        for slot, (device, *_) in enumerate(self.devices):
            kept = cores > 0 if device == "cpu" else device in wanted
            cores -= device == "cpu"
            if not kept:
                freed.add(slot)
        here = {device for device, *_ in self.devices}
        new = [device for device in dict.fromkeys(wanted) if device != "cpu" and device not in here]
        each = self._per_device if isinstance(self._per_device, int) else 1
        self._unknown |= set(new) if self._per_device == "auto" else set()
        for device in [device for device in new for _ in range(each)] + ["cpu"] * max(cores, 0):
            self._add(device, 1)
        for slot in freed:
            if (pool := self._pools[slot]) is not None:
                pool.shutdown(wait=False)  # its job goes on to its end
        for slot in self.freed - freed:  # begins anew
            if (pool := self._pools[slot]) is not None:
                self._ending.append(pool)
                self._pools[slot] = None
        self.freed = frozenset(freed)

    def _add(self, device: int | str, count: int) -> None:
        self.devices += [[device]] * count
        self._pools += [None] * count
        self.slots += tuple(_name(len(self.slots) + i, [device]) for i in range(count))

    def kill(self, slot: int) -> None:
        pool = self._pools[slot]
        for process in list((pool._processes or {}).values()) if pool is not None else []:
            process.kill()

    def close(self) -> None:
        for pool in (*self._pools, *self._ending):
            if pool is not None:
                processes = list((pool._processes or {}).values())
                pool.shutdown(wait=False, cancel_futures=True)
                for process in processes:
                    process.terminate()

    def _pool(self, slot: int) -> ProcessPoolExecutor:
        pool = self._pools[slot]
        if pool is None:
            self.warm_up()
            start = (self.devices[slot], self.threads, dict(os.environ))
            pool = ProcessPoolExecutor(1, get_context("forkserver"), initializer=_start, initargs=start)
            self._pools[slot] = pool
        return pool


def check_devices(devices: str | Sequence[int | str]) -> list[int | str]:
    """Devices of this machine as a list.

    Raises:
        LauncherError: if one of them is not there, or there is none.
    """
    import joblib

    gpus = gpus_here()
    if devices == "auto":
        return list(range(gpus)) or ["cpu"] * joblib.cpu_count()
    if isinstance(devices, str | int):
        devices = [devices]
    for device in devices:
        if device != "cpu" and not (isinstance(device, int) and 0 <= device < gpus):
            have = f"cpu or 0 to {gpus - 1}" if gpus else "cpu, as this machine shows no GPU"
            raise LauncherError(f"launcher.devices has {device!r}, expected {have}")
    if not devices:
        raise LauncherError("launcher.devices is empty, expected auto or a list such as [cpu, cpu] or [0, 1]")
    return list(devices)


def _grouped(devices: list[int | str], each: int | str, per_device: int) -> list[list[int | str]]:
    """The devices of each slot."""
    each = len(devices) if each == "all" else each
    if not isinstance(each, int) or isinstance(each, bool) or not 1 <= each <= len(devices) or len(devices) % each:
        raise LauncherError(
            f"launcher.devices_per_trial is {each!r}, expected all or a divisor of the {len(devices)} devices"
        )
    if each > 1 and per_device > 1:
        raise LauncherError(f"launcher.per_device is {per_device}, expected 1 where a training has several devices")
    if each > 1 and len(set(map(type, devices))) > 1:
        raise LauncherError(f"launcher.devices is {devices}, expected GPUs or cpu where a training has several devices")
    return [devices[i : i + each] for i in range(0, len(devices), each) for _ in range(per_device)]


def _name(slot: int, group: list[int | str]) -> str:
    if group[0] != "cpu":
        return f"gpu {'+'.join(map(str, group))}"
    return f"cpu {slot}" if len(group) == 1 else f"{len(group)} cpu {slot}"


def gpus_here() -> int:
    """Visible NVIDIA GPUs, counted without importing torch."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def _visible(gpu: int | str) -> str:
    """What CUDA and nvidia-smi call a GPU: ours are counted among those visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return str(gpu) if visible == [""] else visible[int(gpu)].strip()


def _start(devices: list[int | str], threads: int, environment: dict[str, str]) -> None:
    """Begins a worker: takes the controller's current environment, not the fork server's, and sets its threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the controller decides
    os.environ.clear()
    os.environ.update(environment)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(_visible(device) for device in devices if device != "cpu")
    os.environ[DEVICES] = str(len(devices))
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(threads)
    end_with_parent()  # a controller that is killed takes its workers along
    if "torch" in sys.modules:  # else it reads the environment when it is imported
        sys.modules["torch"].set_num_threads(threads)
