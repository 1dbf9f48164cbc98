"""Where jobs run. A launcher has slots; it runs a function with plain data on one of them and returns a future."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Set
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class LauncherError(ValueError):
    """An unknown launcher, or devices that are not there."""


class WorkerDied(Exception):  # noqa: N818 - an event, not a mistake
    """The process that ran a job is gone; the job may be submitted again."""


class WorkerTaken(WorkerDied):
    """The cluster took the process away, to give its place to others; the job had no part in it."""


class Launcher(Protocol):
    """Interface of the launchers."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the places where one job runs at a time, such as `cpu 0` or `gpu 1`; of a cluster, those of now."""

    @property
    def freed(self) -> Set[int]:
        """Slots that take no other job."""

    def warm_up(self) -> None:
        """Begins to start every worker, without waiting for it."""

    def submit(self, slot: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Runs a function of this package on a free slot. The future raises WorkerDied if its process is lost."""

    def kill(self, slot: int) -> None:
        """Ends a slot's worker at once; its job raises WorkerDied, the next one gets a new worker."""

    def close(self) -> None:
        """Ends every worker at once."""


def devices_of_trial(devices_per_trial: str | int, gpus: float) -> int:
    """How many devices a training uses in a slot of a cluster.

    Args:
        devices_per_trial: `auto` for the slot's GPUs, or a number, which without GPUs counts processes on the CPU.
        gpus: of the slot.
    """
    if devices_per_trial == "auto":
        return max(1, int(gpus))
    most = max(1, int(gpus)) if gpus else None
    if not isinstance(devices_per_trial, int) or devices_per_trial < 1 or (most and devices_per_trial > most):
        range_ = f"1 to {most}" if most else "a whole number of at least 1"
        raise LauncherError(f"launcher.devices_per_trial is {devices_per_trial!r}, expected auto or {range_}")
    return devices_per_trial


def make(config: Mapping[str, Any]) -> Launcher:
    """The launcher of a config.

    Raises:
        LauncherError: if there is no such launcher, key or device.
    """
    options = {str(key): value for key, value in config.items() if key != "name"}
    kind: Callable[..., Launcher]
    match config.get("name"):
        case "local":
            from explorer.launchers.local import LocalLauncher as kind  # noqa: N813
        case "ray":
            from explorer.launchers.ray import RayLauncher as kind  # noqa: N813
        case "slurm":
            from explorer.launchers.slurm import SlurmLauncher as kind  # noqa: N813
        case name:
            raise LauncherError(f"launcher.name is {name!r}, expected local, ray or slurm")
    known = inspect.signature(kind).parameters
    for key in options:
        if key not in known:
            raise LauncherError(f"launcher {config['name']} has no key {key!r}, its keys are {', '.join(known)}")
    return kind(**options)
