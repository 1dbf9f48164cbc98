"""The options of a search. Nothing heavy is imported here: a mistake in them is reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer.results.budget import Budget
from explorer.space import DesignSpace
from explorer.study.proposed import Given
from explorer.study.stopping import Stopping


@dataclass(frozen=True)
class SearchOptions:
    """What the command line asks for; values are checked as far as they can be without the data.

    Attributes:
        study: name of the study.
        space: what is searched.
        config: of the study, as plain data; see `StudyRecord.config`.
        launcher: its `name` and its arguments.
        stopping: the rule at the rungs.
        budget: of the study.
        deterministic: whether the seed decides every trial, however long each takes.
        timeout: seconds without a finished epoch after which a worker is taken for hung.
        storage: URL of the study's database.
        tracking: URI of MLflow.
        folder: takes the checkpoints.
        latency_table: the file of measured latencies; see `explorer.study.latencies`.
        timed_networks: how many networks of the space it shall have.
        tries: networks that are trained next; see `explorer.study.proposed`.
        start_from: name of the study whose trials it starts from; see `explorer.study.earlier`.
    """

    study: str
    space: DesignSpace
    config: dict[str, Any]
    launcher: dict[str, Any]
    stopping: Stopping
    budget: Budget
    deterministic: bool
    timeout: float
    storage: str
    tracking: str
    folder: Path
    latency_table: Path = Path("latency.db")
    timed_networks: int = 0
    tries: tuple[Given, ...] = ()
    start_from: str | None = None
