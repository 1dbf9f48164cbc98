"""Workers on a Ray cluster: one actor a slot, holding its share of CPUs and GPUs.

Ray carries two strings, a job and its answer (see `explorer.launchers.jobs`). A cluster started here listens on
127.0.0.1 alone and requires a secret token; one that runs already listens where it was configured to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from explorer.launchers import LauncherError, WorkerDied, WorkerTaken, devices_of_trial, jobs
from explorer.training.distributed import DEVICES

T = TypeVar("T")

WATCH_SECONDS = 2.0
"""Seconds between two queries of the cluster's resources."""
PATIENCE_SECONDS = 30.0
"""Seconds that a job waits on a slot that the cluster no longer has."""


class Worker:
    """The class of the actors."""

    def __init__(self, folder: str) -> None:
        os.chdir(folder)

    def ready(self) -> None:
        """Returns once the worker has its place."""

    def run(self, job: str) -> str:
        """Runs a job of `explorer.launchers.jobs`; returns its answer."""
        return jobs.run(job)


@dataclass
class _Actor:
    handle: Any
    since: float = field(default_factory=time.monotonic)
    up: bool = False


class RayLauncher:
    """One actor a slot.

    Args:
        address: `local` (a cluster of this machine, for as long as the launcher lives), `auto` (the one that runs
            here), or HOST:PORT of its head.
        slots: `auto` (as many as the cluster holds, more when nodes join it and fewer when they leave), or a number.
        cpus: CPUs of a slot.
        gpus: GPUs of a slot, 0.5 for two slots on one; `auto` is 1 if the cluster has any.
        threads: torch threads of a worker.
        devices_per_trial: devices that one training uses at once; `auto` are the GPUs of its slot.
    """

    freed: frozenset[int] = frozenset()  # the cluster says what there is

    def __init__(
        self,
        address: str = "local",
        slots: str | int = "auto",
        cpus: float = 1,
        gpus: str | float = "auto",
        threads: int = 1,
        devices_per_trial: str | int = "auto",
    ) -> None:
        _check(slots, cpus, gpus, threads)
        self.ray = _connect(str(address), None if slots == "auto" else int(slots) * cpus)
        has = self.ray.cluster_resources()
        self.cpus, self.gpus = cpus, float(has.get("GPU", 0) > 0) if gpus == "auto" else float(gpus)
        self._fixed = None if slots == "auto" else int(slots)
        self._count = self._fixed or self._room(has)
        if not self._count:
            self.ray.shutdown()
            want = f"{cpus:g} CPUs" + (f" and {self.gpus:g} GPUs" if self.gpus else "")
            have = f"{has.get('CPU', 0):g} CPUs and {has.get('GPU', 0):g} GPUs"
            raise LauncherError(f"launcher: a slot takes {want}, the Ray cluster has {have}")
        variables = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        variables[DEVICES] = str(devices_of_trial(devices_per_trial, self.gpus))
        if not self.gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ""
        self._remote = self.ray.remote(Worker).options(
            num_cpus=cpus, num_gpus=self.gpus, runtime_env={"env_vars": variables}
        )
        self._actors: dict[int, _Actor] = {}
        self._open: set[Future[Any]] = set()
        """Futures without a result."""
        self._deaths: queue.Queue[tuple[Future[Any], WorkerDied] | None] = queue.Queue()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def slots(self) -> tuple[str, ...]:
        # With `auto` they change with the cluster, but one is always left.
        return tuple(f"ray {i}" for i in range(self._count))

    def warm_up(self) -> None:
        for slot in range(self._count):
            self._actor(slot).handle.run.remote(jobs.pack(jobs.warm_up, ()))

    def submit(self, slot: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        job = jobs.pack(function, arguments)
        outer: Future[T] = Future()
        outer.set_running_or_notify_cancel()
        self._open.add(outer)
        actor = self._actor(slot)

        def pass_on(done: Future[str]) -> None:
            try:
                result = jobs.unpack(done.result())
            except self.ray.exceptions.RayError as error:
                if self._actors.get(slot) is actor:
                    del self._actors[slot]
                # The watcher reports it, after it has asked what the cluster still has.
                kind = WorkerTaken if getattr(error, "preempted", False) else WorkerDied
                self._deaths.put((outer, kind(f"the worker on ray {slot} died: {_why(error)}")))
            except Exception as error:  # noqa: BLE001 - the future carries it to the controller
                self._resolve(outer, error=error)
            else:
                self._resolve(outer, result)

        actor.handle.run.remote(job).future().add_done_callback(pass_on)
        return outer

    def kill(self, slot: int) -> None:
        # A worker that still waits for its place goes on waiting.
        actor = self._actors.get(slot)
        if actor is not None and actor.up:
            self.ray.kill(actor.handle)

    def close(self) -> None:
        self._deaths.put(None)
        self._watcher.join()
        if self.ray.is_initialized():
            for actor in list(self._actors.values()):
                self.ray.kill(actor.handle)
            self.ray.shutdown()
        for future in list(self._open):
            self._resolve(future, error=WorkerDied("the worker was closed"))

    def _resolve(self, future: Future[Any], result: Any = None, error: Exception | None = None) -> None:
        """Sets a future's result or error, once: an answer may arrive while the launcher is closed."""
        try:
            self._open.remove(future)
        except KeyError:
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def _actor(self, slot: int) -> _Actor:
        actor = self._actors.get(slot)
        if actor is None:
            actor = self._actors[slot] = _Actor(self._remote.remote(os.getcwd()))

            def began(done: Future[None]) -> None:
                actor.up = done.exception() is None

            actor.handle.ready.remote().future().add_done_callback(began)
        return actor

    def _room(self, has: dict[str, float]) -> int:
        room = has.get("CPU", 0.0) / self.cpus
        return int(min(room, has.get("GPU", 0.0) / self.gpus) if self.gpus else room)

    def _watch(self) -> None:
        """The watcher's loop: follows the cluster's resources and reports lost workers."""
        while True:
            try:
                death = self._deaths.get(timeout=WATCH_SECONDS)
                if death is None:
                    return
            except queue.Empty:
                death = None
            if self._fixed is None:
                with contextlib.suppress(Exception):  # a cluster that does not answer is asked again
                    self._count = max(1, self._room(self.ray.cluster_resources()))
            for slot, actor in list(self._actors.items()):
                if slot >= self._count and not actor.up and time.monotonic() - actor.since > PATIENCE_SECONDS:
                    self.ray.kill(actor.handle)
            if death is not None:
                self._resolve(death[0], error=death[1])


def _check(slots: str | int, cpus: float, gpus: str | float, threads: int) -> None:
    if slots != "auto" and not (isinstance(slots, int) and slots >= 1):
        raise LauncherError(f"launcher.slots is {slots!r}, expected auto or a whole number of at least 1")
    if not (isinstance(cpus, int | float) and cpus > 0):
        raise LauncherError(f"launcher.cpus is {cpus!r}, expected a number above 0")
    if gpus != "auto" and not (isinstance(gpus, int | float) and (0 <= gpus < 1 or gpus == int(gpus) > 0)):
        raise LauncherError(f"launcher.gpus is {gpus!r}, expected auto, a share such as 0.5, or a whole number")
    if not (isinstance(threads, int) and threads >= 1):
        raise LauncherError(f"launcher.threads is {threads!r}, expected a whole number of at least 1")


def _connect(address: str, cpus: float | None) -> Any:
    """Connects to a cluster, or starts one; returns the module `ray`."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")  # Ray prints pages at every lost worker
    if address == "local":
        keep_private()
    try:
        import ray
    except ImportError:
        raise LauncherError("launcher=ray needs Ray: pip install 'explorer[ray]'") from None
    new: dict[str, Any] = {"num_cpus": cpus, "object_store_memory": 80 * 2**20, "include_dashboard": False}
    try:
        with _signals_kept():
            ray.init(
                address=address, log_to_driver=False, logging_level=logging.ERROR, **new if address == "local" else {}
            )
    except (ConnectionError, ValueError, RuntimeError) as error:
        why = str(error).strip().splitlines()[0]
        if address == "local":
            raise LauncherError(f"Ray does not start here: {why}") from None
        hint = "start one with `ray start --head`, or take launcher.address=local" if address == "auto" else why
        raise LauncherError(f"launcher.address is {address!r}, but no Ray cluster answers: {hint}") from None
    return ray


def keep_private() -> None:
    """Makes clusters that this process starts listen on 127.0.0.1 alone and require a token."""
    if "ray" not in sys.modules:  # it reads them when it is imported
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # its name for it
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; what the controller does on it stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _why(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "creation task" in lines[0] else lines[0]
