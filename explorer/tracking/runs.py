"""The runs of a study on a tracking server: found by tags, and what they hold already."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from explorer.results.record import StudyRecord
from explorer.tracking.address import resolve, sqlite_path
from explorer.tracking.client import connect
from explorer.tracking.moved import follow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

# Names of tags. The study's key tells studies of one name apart on a shared server, and a study from its predecessor.
STUDY, PARENT, SOURCE = "explorer.study", "mlflow.parentRunId", "mlflow.source.name"
SEARCH = "python -m explorer.search"
"""The source of a study's own run."""
QUARTER, FARTHEST = 900, 26
"""Seconds that offsets from UTC are multiples of, and hours that lie between any two of them at most."""


@dataclass
class Mirrored:
    """What a run in MLflow holds already."""

    run_id: str
    status: str = "RUNNING"
    name: str = ""
    steps: int = 0
    params: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Run) -> Mirrored:
        """From a run as the server gives it."""
        metrics, tags = run.data.metrics, dict(run.data.tags)
        return cls(
            run_id=run.info.run_id,
            status=run.info.status,
            name=run.info.run_name or "",
            steps=int(metrics.get("epoch", metrics.get("trials_finished", 0))),
            params=set(run.data.params),
            tags=tags,
        )


def key_on(client: MlflowClient, experiment: str, record: StudyRecord) -> str:
    """The key of a study, by which its runs in an experiment are known; another study of the same name has another one.

    Studies of earlier versions have none. Theirs was made of the name and of the first trial's local time as a number,
    so it changed with the time zone: the one that a run there has is kept, whichever zone it came from.
    """
    if "key" in record.facts:
        return str(record.facts["key"])
    mine, *others = _keys_by_birth(record)
    if next(study_runs(client, experiment, mine), None):
        return mine
    known = client.search_runs([experiment], f"tags.`{SOURCE}` = '{SEARCH}'", max_results=1_000)
    return next((run.data.tags[STUDY] for run in known if run.data.tags.get(STUDY) in others), mine)


def _keys_by_birth(record: StudyRecord) -> list[str]:
    """Under the present time zone first, then under every other."""
    started = record.trials[0].started
    seconds = math.floor(started)
    fraction = round(1e6 * (started - seconds)) / 1e6  # a time has microseconds
    steps = range(-FARTHEST * 3600, FARTHEST * 3600 + 1, QUARTER)
    times = [started, *(seconds + step + fraction for step in steps)]
    return [hashlib.sha256(f"{record.name} {time}".encode()).hexdigest()[:16] for time in times]


def experiment_name(record: StudyRecord) -> str:
    """The study's name, unless the environment names another experiment, as for every client of MLflow."""
    return os.environ.get("MLFLOW_EXPERIMENT_NAME") or record.name


def find_experiment(client: MlflowClient, uri: str, record: StudyRecord) -> Experiment | None:
    """The experiment of a study, its files beside the database; None if there is none."""
    name = experiment_name(record)
    found = client.get_experiment_by_name(name)
    return client.get_experiment_by_name(name) if found and follow(uri, found) else found


@contextmanager
def written(client: MlflowClient, run: Run) -> Iterator[None]:
    """For a run that is written in one go: FINISHED at the end, FAILED if it is cut short; never left RUNNING."""
    try:
        yield
    except BaseException:
        if run.info.status != "FINISHED":  # else it was whole before
            with suppress(Exception):
                client.set_terminated(run.info.run_id, "FAILED")
        raise
    if run.info.status != "FINISHED":
        client.set_terminated(run.info.run_id)


def study_runs(client: MlflowClient, experiment: str, key: str) -> Iterator[Run]:
    """All runs of the study, deleted ones too, the oldest first."""
    from mlflow.entities import ViewType

    token: str | None = None
    query = f"tags.`{STUDY}` = '{key}'"
    while True:
        page: Any = client.search_runs(
            [experiment],
            query,
            ViewType.ALL,
            max_results=1_000,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def existing_runs(record: StudyRecord, uri: str) -> tuple[MlflowClient, list[Run]] | None:
    """A client, and the runs of a study that are on a server; None without them. Makes neither a run nor a database."""
    path = sqlite_path(resolve(uri))
    if not record.trials or (path and not path.is_file()):
        return None
    client = connect(uri)
    experiment = find_experiment(client, uri, record)
    if experiment is None:
        return None
    key = key_on(client, experiment.experiment_id, record)
    runs = list(study_runs(client, experiment.experiment_id, key))
    return (client, runs) if runs else None
