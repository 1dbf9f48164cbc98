"""Keeps the MLflow view up to date in the background; no failure of the server ever reaches the search."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.results.record import StudyRecord
from explorer.storage.lock import alone
from explorer.tracking.address import check_uri, reason, redact, resolve, sqlite_path, told_as_one_line
from explorer.tracking.apart import Apart
from explorer.tracking.mirror import Mirror, study_key, study_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

REFRESH, LONGEST = 10.0, 60.0  # seconds between two syncs: the usual and, while the server is slow or away, the most
SHARE = 0.1  # of the time at most is spent on syncs
FIRST_RETRY = 2.0
# By default MLflow holds a call for minutes when the server is away, prints URLs, and reports usage to its makers.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def mirror(record: StudyRecord, uri: str, ended: bool = True) -> None:
    """Writes a study into MLflow, or completes what is there. Doing it again changes nothing.

    Args:
        record: the study; without a trial there is nothing to write.
        uri: of the tracking server, such as sqlite:///mlflow.db.
        ended: whether the search is over: then trials still RUNNING are KILLED in MLflow.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    check_uri(uri)
    if not record.trials:
        return
    with told_as_one_line(uri):
        open_mirror(resolve(uri), record).sync(record, ended)


def connect(uri: str) -> MlflowClient:
    """A quiet client of the server; makes the database where there is none."""
    return load()(tracking_uri=resolve(uri))


def load() -> type[MlflowClient]:
    """Imports MLflow, which takes seconds, and quiets it."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient


def open_mirror(uri: str, record: StudyRecord) -> Mirror:
    """A study's mirror on a server; where that is a database file, one process at a time, as it may have to be made."""
    path = sqlite_path(uri)
    with alone(path) if path else nullcontext():
        if path and not path.exists():
            _make_database(path)
        return Mirror(connect(uri), uri, record)


def existing_runs(record: StudyRecord, uri: str) -> tuple[MlflowClient, list[Run]] | None:
    """A client, and the runs of a study that are on a server; None without them. Makes neither a run nor a database."""
    path = sqlite_path(resolve(uri))
    if not record.trials or (path and not path.is_file()):
        return None
    client = connect(uri)
    experiment = client.get_experiment_by_name(record.name)
    runs = list(study_runs(client, experiment.experiment_id, study_key(record))) if experiment else []
    return (client, runs) if runs else None


def _make_database(path: Path) -> None:
    """Makes MLflow's database under another name first: one that was cut off half-made could never be opened again."""
    making = path.with_name(f"{path.name}.making")
    making.unlink(missing_ok=True)
    connect(f"sqlite:///{making}").search_experiments(max_results=1)
    making.replace(path)


class Tracker:
    """Mirrors a study into MLflow. A process of its own writes; a thread tells it when, and waits for it.

    Args:
        uri: of the tracking server.
        warn: told, once an outage, in one line, that the server cannot be written to.
        refresh: seconds between two syncs while the search runs.

    Raises:
        TrackingError: if no server can have this URI.
    """

    def __init__(self, uri: str, warn: Callable[[str], None] | None = None, refresh: float = REFRESH) -> None:
        check_uri(uri)
        self._shown_uri = redact(uri)
        self._uri = resolve(uri)
        self._warn = warn or (lambda line: print(line, file=sys.stderr))
        self._refresh = refresh
        self._changed = threading.Condition()
        self._latest: StudyRecord | None = None
        self._pending = False
        self._closing = False
        self._apart: Apart | None = None
        self._thread = threading.Thread(target=self._work, name="explorer-tracker", daemon=True)
        self._thread.start()

    def update(self, record: StudyRecord) -> None:
        """Hands over the study as it is now. Returns at once; the latest record wins."""
        with self._changed:
            self._latest, self._pending = record, True
            self._changed.notify_all()

    def close(self, timeout: float = 30.0) -> bool:
        """Writes the last record as that of a search that has ended, and stops.

        Args:
            timeout: seconds to wait for the server.

        Returns:
            Whether MLflow is up to date. If not, one line says how to catch up.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._apart is not None:
            self._apart.hurry()
        self._thread.join(timeout)
        complete = not self._thread.is_alive() and not self._pending
        if self._apart is not None:
            self._apart.kill()  # its thread, if it still waits, learns of it
        if not complete:
            self._warn(f"MLflow at {self._shown_uri} is not up to date: `python -m explorer.track` completes it")
        return complete

    def _work(self) -> None:
        try:
            self._run()
        finally:
            if self._apart is not None:
                self._apart.close()

    def _run(self) -> None:
        with suppress(OSError):  # then it is tried again with the first sync
            self._apart = Apart(self._uri)  # MLflow's imports take seconds, in which the workers import torch
        failures = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                record, closing = self._latest, self._closing
                self._pending = False
            if record is None or not record.trials:
                if closing:
                    return
                continue
            error, took = self._sync(record, closing)
            if error is None:
                failures = 0
                pause = min(max(self._refresh, took / SHARE), max(LONGEST, self._refresh))
            else:
                failures += 1
                pause = min(FIRST_RETRY * 2 ** (failures - 1), LONGEST)
                with self._changed:
                    self._pending = True
                if failures == 1:
                    self._warn(f"MLflow at {self._shown_uri} cannot be written to ({error}); the search goes on")
            if closing:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._closing, timeout=pause)

    def _sync(self, record: StudyRecord, ended: bool) -> tuple[str | None, float]:
        """One sync: what went wrong, in one line, or None; the seconds that it took."""
        try:
            if self._apart is not None and not self._apart.alive:
                self._apart.close()
                self._apart = None
            if self._apart is None:
                self._apart = Apart(self._uri)
            return self._apart.sync(record, ended)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the search
            return reason(error, self._uri), 0.0
