"""Firmware in MLflow: the files below `firmware` of its trial's run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from explorer.results.record import StudyRecord, TrialRecord
from explorer.tracking.address import resolve, tracking_errors
from explorer.tracking.client import connect
from explorer.tracking.mirror import open_mirror

PLACE = "firmware"


def log_firmware(record: StudyRecord, trial: TrialRecord, folder: Path, files: Sequence[str], uri: str) -> None:
    """Adds the files to the run of a trial, or replaces them there.

    Args:
        record: the study; mirrored first where it is not there yet.
        trial: the network's trial.
        folder: that holds the files.
        files: their names.
        uri: of the tracking server.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    with tracking_errors(uri):
        client, mirror = connect(uri), open_mirror(resolve(uri), record)
        if not mirror.holds(trial.number):
            mirror.sync(record, ended=True)
        run = mirror.run_of(trial.number)
        for name in files:
            client.log_artifact(run, str(folder / name), PLACE)
