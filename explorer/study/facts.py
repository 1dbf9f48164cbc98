"""The facts of a data set, asked of the workers before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from explorer.launchers import Launcher, WorkerDied
from explorer.study.recovery import TRIES
from explorer.training.worker import data_facts

Reading: TypeAlias = Mapping[Future[dict[str, Any]], int]
"""Workers that still read the data, and their slots."""
Counted: TypeAlias = Callable[[int, int], None]


def ask_facts(
    launcher: Launcher, data: dict[str, Any], check: bool, counted: Counted = lambda done, total: None
) -> dict[str, Any]:
    """Facts of a data set, from the first worker; one that dies is started again.

    Args:
        launcher: where the workers are.
        data: see `explorer.data.load`.
        check: whether it looks at every image.
        counted: called now and then with how many it has looked at, and how many there are.

    Raises:
        DataError: if the data are absent or an image cannot be read.
    """
    for attempt in count(1):
        with TemporaryDirectory(prefix=".explorer-", dir=".") as folder:  # which the workers see as well
            progress = Path(folder).absolute() / "images"
            asked = launcher.submit(0, data_facts, data, check, str(progress))
            while wait([asked], timeout=0.2).not_done:
                with suppress(OSError, ValueError):
                    done, total = map(int, progress.read_text().split())
                    counted(done, total)
        if not isinstance(asked.exception(), WorkerDied) or attempt >= TRIES:
            return asked.result()
    raise AssertionError


def read_elsewhere(launcher: Launcher, data: dict[str, Any]) -> Reading:
    """Has the other workers read the data meanwhile."""
    return {launcher.submit(slot, data_facts, data): slot for slot in range(1, len(launcher.slots))}
