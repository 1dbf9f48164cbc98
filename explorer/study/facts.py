"""The facts of a data set, asked of the workers before a study begins."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import count
from typing import Any, TypeAlias

from explorer.launchers import Launcher, WorkerDied
from explorer.study.recovery import TRIES
from explorer.training.worker import data_facts

Reading: TypeAlias = Mapping[Future[dict[str, Any]], int]
"""Workers that still read the data, and their slots."""


def ask_facts(launcher: Launcher, data: dict[str, Any]) -> tuple[dict[str, Any], Reading]:
    """Asks every worker; one that dies is started again.

    Returns:
        `data_facts` of the first worker that has read the data, and the workers that still read it.
    """
    reading = {launcher.submit(slot, data_facts, data): slot for slot in range(len(launcher.slots))}
    for attempt in count(1):
        done, _ = wait(reading, return_when=FIRST_COMPLETED)
        for future in done:
            slot = reading.pop(future)
            if not isinstance(future.exception(), WorkerDied) or attempt >= TRIES:
                return future.result(), reading
            reading[launcher.submit(slot, data_facts, data)] = slot
    raise AssertionError
