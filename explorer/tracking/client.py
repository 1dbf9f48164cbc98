"""Quiet clients of a tracking server; a database file is made where there is none."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from explorer.alone import alone
from explorer.tracking.address import resolve, sqlite_path, sqlite_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

# By default MLflow holds a call for minutes when the server is away, prints URLs, and reports usage to its makers.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


CONTACT = 5.0
"""Seconds in which a server has to take a connection. MLflow would try for minutes."""


def connect(uri: str) -> MlflowClient:
    """A quiet client of the server.

    Raises:
        OSError: if nobody listens there.
    """
    _reach(uri)
    return load()(tracking_uri=resolve(uri))


def load() -> type[MlflowClient]:
    """Imports MLflow, which takes seconds, and quiets it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient


def _reach(uri: str) -> None:
    server = urlsplit(uri)
    if server.scheme not in ("http", "https") or server.hostname is None:
        return
    if server.scheme in getproxies() and not proxy_bypass(server.hostname):
        return  # somebody else is to be asked
    port = server.port or {"http": 80, "https": 443}[server.scheme]
    socket.create_connection((server.hostname, port), CONTACT).close()


@contextmanager
def exclusive(uri: str) -> Iterator[MlflowClient]:
    """A client; where the server is a database file, for one process at a time, as it may have to be made."""
    path = sqlite_path(uri)
    with alone(path) if path else nullcontext():
        if path:
            _make_database(path)
        yield connect(uri)


def _make_database(path: Path) -> None:
    """Makes MLflow's database, if there is none, under another name first: one that was cut off half-made could never
    be opened again, and is thrown away.
    """
    making = path.with_name(f"{path.name}.making")
    _remove(making)
    if path.exists():
        return
    connect(sqlite_uri(making)).search_experiments(max_results=1)
    making.replace(path)


def _remove(database: Path) -> None:
    """Removes a database and its journals: to one of the same name, these would be its own."""
    for ending in ("", "-journal", "-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
