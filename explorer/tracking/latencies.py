"""Measured latencies in MLflow: metrics of the trials' runs, so that its charts have them as an axis."""

from __future__ import annotations

import time
from collections.abc import Sequence

from explorer.results.latency import Timed
from explorer.results.record import StudyRecord
from explorer.tracking.address import TrackingError, check_uri, redact, tracking_errors
from explorer.tracking.files import add_files
from explorer.tracking.runs import existing_runs

PAGE = "latency.html"


def log_latencies(record: StudyRecord, found: Sequence[Timed], uri: str) -> bool:
    """Adds latency_RUNTIME_ms and latency_RUNTIME_p90_ms to the runs of trials. Makes neither a run nor a database.

    Args:
        record: the study.
        found: measured networks of it; those measured last are what MLflow shows.
        uri: of the tracking server.

    Returns:
        Whether the study is there.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    check_uri(uri)
    with tracking_errors(uri):
        there = existing_runs(record, uri)
        if there is None:
            return False
        from mlflow.entities import Metric, RunTag

        client, runs = there
        ids = {run.data.tags.get("trial"): run.info.run_id for run in runs}
        now = int(1000 * time.time())
        for one in found:
            if str(one.trial) not in ids:
                continue
            metrics = []
            for runtime, latency in one.latencies.items():
                metrics.append(Metric(f"latency_{runtime}_ms", latency.median, now, 0))
                metrics.append(Metric(f"latency_{runtime}_p90_ms", latency.p90, now, 0))
            tags = [RunTag("latency", one.conditions)]
            client.log_batch(ids[str(one.trial)], metrics=metrics, tags=tags)
    return True


def try_log_latencies(record: StudyRecord, found: Sequence[Timed], page: str | None, uri: str) -> tuple[str, bool]:
    """Adds them, and the page where there is one; a server that is away is no failure.

    Returns:
        What became of it in one line, and whether the server could be asked.
    """
    try:
        there = log_latencies(record, found, uri) and (page is None or add_files(record, {PAGE: page}, uri))
    except TrackingError as error:
        return f"not logged to MLflow: {error}", False
    if there:
        return (
            f"in MLflow: latency_*_ms of the trials' runs{f', {PAGE} of the run {record.name}' if page else ''}",
            True,
        )
    return f"study {record.name} is not in MLflow at {redact(uri)}; python -m explorer.track puts it there", True
