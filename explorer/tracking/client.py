"""Quiet clients of a tracking server; a database file is made where there is none."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.storage.lock import alone
from explorer.tracking.address import resolve, sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

# By default MLflow holds a call for minutes when the server is away, prints URLs, and reports usage to its makers.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def connect(uri: str) -> MlflowClient:
    """A quiet client of the server."""
    return load()(tracking_uri=resolve(uri))


def load() -> type[MlflowClient]:
    """Imports MLflow, which takes seconds, and quiets it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient


@contextmanager
def exclusive(uri: str) -> Iterator[MlflowClient]:
    """A client; where the server is a database file, for one process at a time, as it may have to be made."""
    path = sqlite_path(uri)
    with alone(path) if path else nullcontext():
        if path and not path.exists():
            _make_database(path)
        yield connect(uri)


def _make_database(path: Path) -> None:
    """Makes MLflow's database under another name first: one that was cut off half-made could never be opened again."""
    making = path.with_name(f"{path.name}.making")
    making.unlink(missing_ok=True)
    connect(f"sqlite:///{making}").search_experiments(max_results=1)
    making.replace(path)
