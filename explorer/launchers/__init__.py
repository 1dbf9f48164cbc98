"""Where jobs run. A launcher has slots and turns a function with plain data into a future on one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class LauncherError(ValueError):
    """An unknown launcher, or devices that are not there."""


class WorkerDied(Exception):  # noqa: N818 - an event, not a mistake
    """The process that ran a job is gone; the job may be submitted again."""


class Launcher(Protocol):
    """What every launcher offers."""

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of the places where one job runs at a time, such as `cpu 0` or `gpu 1`; of a cluster, those of now."""

    def warm_up(self) -> None:
        """Begins to start every worker, without waiting for it."""

    def submit(self, slot: int, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Runs a function of this package on a free slot. The future raises WorkerDied if its process is lost."""

    def kill(self, slot: int) -> None:
        """Ends a slot's worker at once; its job raises WorkerDied, the next one gets a new worker."""

    def close(self) -> None:
        """Ends every worker at once."""


def make(config: Mapping[str, Any]) -> Launcher:
    """The launcher of a config."""
    options = {str(key): value for key, value in config.items() if key != "name"}
    match config.get("name"):
        case "local":
            from explorer.launchers.local import LocalLauncher

            return LocalLauncher(**options)
        case "ray":
            from explorer.launchers.ray import RayLauncher

            return RayLauncher(**options)
        case "slurm":
            from explorer.launchers.slurm import SlurmLauncher

            return SlurmLauncher(**options)
        case name:
            raise LauncherError(f"launcher.name is {name!r}, expected local, ray or slurm")
