"""A compressed network in MLflow: a child run of its trial's. Logging it again updates the same run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from explorer.results.compressed import Compressed
from explorer.results.record import StudyRecord, TrialRecord
from explorer.tracking.address import resolve, tracking_errors
from explorer.tracking.client import connect
from explorer.tracking.mirror import open_mirror
from explorer.tracking.runs import PARENT, SOURCE, STUDY, written

if TYPE_CHECKING:
    from mlflow import MlflowClient

TAG = f"{STUDY}.compressed"


def log_compressed(record: StudyRecord, trial: TrialRecord, found: Compressed, folder: Path | None, uri: str) -> None:
    """Logs what compressing a trial's network found, with its files.

    Args:
        record: the study; mirrored first where it is not there yet.
        trial: the network's trial.
        found: the result.
        folder: that holds the file of each seed, and compressed.json; None: without files.
        uri: of the tracking server.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    with tracking_errors(uri):
        _log(connect(uri), resolve(uri), record, trial, found, folder)


def _log(
    client: MlflowClient, uri: str, record: StudyRecord, trial: TrialRecord, found: Compressed, folder: Path | None
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    mirror = open_mirror(uri, record)
    if not mirror.holds(trial.number):  # else the run is there, and a search may be at work on the study
        mirror.sync(record, ended=True)
    key = f"{mirror.key} {trial.number} {found.plan}"
    parent = mirror.run_of(trial.number)
    known = client.search_runs([mirror.experiment], f"tags.`{TAG}` = '{key}'", max_results=1)
    tags = {
        PARENT: parent,
        TAG: key,
        "identity": trial.identity,
        "compressed_trial": str(trial.number),
        "seeds": " ".join(map(str, found.seeds)),
        SOURCE: "python -m explorer.compress",
        "mlflow.note.content": found.words(),
    }
    name = f"compress {trial.number}: {found.plan}"
    run = known[0] if known else client.create_run(mirror.experiment, tags=tags, run_name=name)
    lost, error = found.lost
    metrics = {"params": float(found.params), "bytes": found.size, "ratio": found.ratio, found.metric: found.accuracy}
    metrics |= {
        f"{found.metric}_before": mean(found.before),
        f"{found.metric}_lost": lost,
        f"{found.metric}_lost_error": error,
    }
    metrics |= {f"{found.metric}_error": found.error, "nonzero": mean(found.nonzero)}
    metrics |= {"ram": mean(found.ram)} if found.ram else {}
    run_id, now = run.info.run_id, run.info.start_time
    with written(client, run):
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            params=[Param("plan", found.plan)],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        if folder is not None:
            for file in ("compressed.json", *found.files):
                client.log_artifact(run_id, str(folder / file))


def log_results(record: StudyRecord, results: Iterable[Compressed], home: Path, uri: str) -> int:
    """Logs results anew, with their files where these are still there.

    Args:
        record: the study.
        results: of its trials.
        home: holds a folder STUDY-TRIAL for each.
        uri: of the tracking server.

    Returns:
        How many of them were logged without files.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    trials = {trial.number: trial for trial in record.trials}
    bare = 0
    for found in results:
        folder = home / f"{record.name}-{found.trial}"
        whole = _holds(folder, found)
        log_compressed(record, trials[found.trial], found, folder if whole else None, uri)
        bare += not whole
    return bare


def _holds(folder: Path, found: Compressed) -> bool:
    """Whether a folder has this result's files: another plan's may have taken their place."""
    try:
        same = Compressed.read(json.loads((folder / "compressed.json").read_text())) == found
    except (OSError, ValueError, TypeError):
        return False
    sizes = {folder / name: size for name, size in zip(found.files, found.bytes, strict=True)}
    return same and all(file.is_file() and file.stat().st_size == size for file, size in sizes.items())
