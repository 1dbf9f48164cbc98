"""Files that are added to a study's run in MLflow after its search."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from explorer.results.record import StudyRecord
from explorer.tracking.address import TrackingError, check_uri, redact, tracking_errors
from explorer.tracking.runs import existing_runs


def add_files(record: StudyRecord, files: Mapping[str, str], uri: str) -> bool:
    """Adds files to the run of a study, or replaces them there. Makes neither a run nor a database.

    Args:
        record: the study.
        files: texts by name.
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
        client, runs = there
        parent = next((run.info.run_id for run in runs if "trial" not in run.data.tags), None)
        if parent is None:
            return False
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding="utf-8")
            client.log_artifacts(parent, folder)
    return True


def try_add_files(record: StudyRecord, files: Mapping[str, str], uri: str) -> tuple[str, bool]:
    """Adds files as `add_files` does; a server that is away is no failure, as what is added was shown already.

    Returns:
        What became of it in one line, and whether the server could be asked.
    """
    try:
        there = add_files(record, files, uri)
    except TrackingError as error:
        return str(error), False
    if there:
        return f"in MLflow: {next(iter(files))} of the run {record.name}", True
    return f"study {record.name} is not in MLflow at {redact(uri)}; python -m explorer.track puts it there", True
