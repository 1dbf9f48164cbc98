"""The runs of a study on a tracking server: found by tags, and what they hold already."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from explorer.results.record import StudyRecord
from explorer.tracking.address import resolve, sqlite_path
from explorer.tracking.client import connect

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# Names of tags. The study's key tells studies of one name apart on a shared server, and a study from its predecessor.
STUDY, PARENT = "explorer.study", "mlflow.parentRunId"


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


def study_key(record: StudyRecord) -> str:
    """Made of the study's name and birth, so that another study of the same name has another key."""
    return hashlib.sha256(f"{record.name} {record.trials[0].started}".encode()).hexdigest()[:16]


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
    experiment = client.get_experiment_by_name(record.name)
    runs = list(study_runs(client, experiment.experiment_id, study_key(record))) if experiment else []
    return (client, runs) if runs else None
