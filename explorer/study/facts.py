"""The facts of a data set, asked of the workers before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

from explorer.launchers import Launcher, WorkerDied
from explorer.results.metric import metric_of
from explorer.study.recovery import TRIES
from explorer.training.worker import data_facts

Reading: TypeAlias = Mapping[Future[dict[str, Any]], int]
"""Workers that still read the data, and their slots."""
Counted: TypeAlias = Callable[[int, int], None]


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
    """
    file = None if progress is None else str(progress.absolute())
    try:
        for attempt in count(1):
            asked = launcher.submit(0, data_facts, config["data"], check, file, metric_of(config))
            while progress and counted and wait([asked], timeout=0.2).not_done:
                with suppress(OSError, ValueError):
                    done, total = map(int, progress.read_text().split())
                    counted(done, total)
            if not isinstance(asked.exception(), WorkerDied) or attempt >= TRIES:
                return asked.result()
    finally:
        if progress:
            progress.unlink(missing_ok=True)
    raise AssertionError


def read_elsewhere(launcher: Launcher, config: Mapping[str, Any]) -> Reading:
    """Has the other workers read the data meanwhile."""
    asked = config["data"], False, None, metric_of(config)
    return {launcher.submit(slot, data_facts, *asked): slot for slot in range(1, len(launcher.slots))}
