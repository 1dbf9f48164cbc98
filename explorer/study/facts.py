"""The facts of a data set, asked of the workers before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from explorer.launchers import Launcher, WorkerDied
from explorer.results.metric import metric_of
from explorer.study.recovery import TRIES
from explorer.training.init_files import init_digest
from explorer.training.worker import data_facts

Reading: TypeAlias = Mapping[Future[dict[str, Any]], int]
"""Workers that still read the data, and their slots."""


class Counted(Protocol):
    """Shows how many of how many things are done; without a name they are pictures."""

    def __call__(self, done: int, total: int, things: str = ...) -> None: ...


def ask_facts(
    launcher: Launcher,
    config: Mapping[str, Any],
    check: bool,
    progress: Path | None = None,
    counted: Counted | None = None,
) -> dict[str, Any]:
    """Facts of a data set, from the first worker; one that dies is started again.

    Args:
        launcher: where the workers are.
        config: of the study.
        check: whether it looks at every image.
        progress: a file in which it counts them meanwhile.
        counted: called now and then with how many it has looked at, and how many there are.

    Raises:
        DataError: if the data are absent or an image cannot be read.
        MetricError: if the metric cannot be made, or gives no number.
        RecipeError: if the weights to start from cannot be read, or have seen the validation images.
    """
    init = init_digest(config["recipe"], config["data"])
    file = None if progress is None else str(progress.absolute())
    try:
        for attempt in count(1):
            asked = launcher.submit(0, data_facts, *_asked(config, check, file))
            while progress and counted and wait([asked], timeout=0.2).not_done:
                with suppress(OSError, ValueError):
                    done, total = map(int, progress.read_text().split())
                    counted(done, total)
            if not isinstance(asked.exception(), WorkerDied) or attempt >= TRIES:
                return asked.result() | ({"init": init} if init else {})
    finally:
        if progress:
            progress.unlink(missing_ok=True)
    raise AssertionError


def read_elsewhere(launcher: Launcher, config: Mapping[str, Any]) -> Reading:
    """Has the other workers read the data meanwhile."""
    return {
        launcher.submit(slot, data_facts, *_asked(config, False, None)): slot for slot in range(1, len(launcher.slots))
    }


def _asked(config: Mapping[str, Any], check: bool, progress: str | None) -> tuple[Any, ...]:
    """Arguments of `data_facts` for a study."""
    return config["data"], check, progress, metric_of(config), config["recipe"].get("init")
