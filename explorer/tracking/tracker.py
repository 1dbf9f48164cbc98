"""Keeps the MLflow view up to date in the background; no failure of the server ever reaches the search."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from explorer.results.record import StudyRecord
from explorer.tracking.address import check_uri, reason, redact, resolve
from explorer.tracking.worker import Worker

REFRESH, LONGEST = 10.0, 60.0  # seconds between two syncs: the usual and, while the server is slow or away, the most
SHARE = 0.1  # of the time at most is spent on syncs
FIRST_RETRY = 2.0


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
        self._worker: Worker | None = None
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
        if self._worker is not None:
            self._worker.hurry()
        self._thread.join(timeout)
        complete = not self._thread.is_alive() and not self._pending
        if self._worker is not None:
            self._worker.kill()  # its thread, if it still waits, learns of it
        if not complete:
            self._warn(f"MLflow at {self._shown_uri} is not up to date: `python -m explorer.track` completes it")
        return complete

    def _work(self) -> None:
        try:
            self._run()
        finally:
            if self._worker is not None:
                self._worker.close()

    def _run(self) -> None:
        with suppress(OSError):  # then it is tried again with the first sync
            self._worker = Worker(self._uri)  # MLflow's imports take seconds, in which the workers import torch
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
            if self._worker is not None and not self._worker.alive:
                self._worker.close()
                self._worker = None
            if self._worker is None:
                self._worker = Worker(self._uri)
            return self._worker.sync(record, ended)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not reach the search
            return reason(error, self._uri), 0.0
