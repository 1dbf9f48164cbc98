"""A retraining in MLflow: a run in the study's experiment, linked to its trial's run, and a version of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.retrained import Retrained
from explorer.tracking.address import resolve, tracking_errors
from explorer.tracking.client import connect
from explorer.tracking.mirror import open_mirror
from explorer.tracking.registry import WEIGHTS, digest, register
from explorer.tracking.runs import PARENT, SOURCE, STUDY, written
from explorer.training import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILES = (files.MODEL_CARD, files.ARCHITECTURE, files.CONFIG, files.OUTCOME, files.ONNX, files.WEIGHTS)
RETRAINED = f"{STUDY}.retrained"


def log_retrain(record: StudyRecord, trial: TrialRecord, outcome: Mapping[str, Any], folder: Path, uri: str) -> str:
    """Logs what retraining a trial found, with the files it saved, and registers the network as a model.

    Doing it again with the same weights and seeds updates the same run and version.

    Args:
        record: the study; mirrored first where it is not there yet.
        trial: the trial.
        outcome: fields of `explorer.results.retrained.Retrained`, and `reproduced`.
        folder: that holds FILES.
        uri: of the tracking server.

    Returns:
        The version of the model, whose name is the study's.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    with tracking_errors(uri):
        return _log(connect(uri), resolve(uri), record, trial, outcome, folder)


def log_retrain_folders(record: StudyRecord, folder: Path, uri: str) -> list[str]:
    """Logs what was retrained of a study before, as it lies in the folders that retrain wrote.

    Args:
        record: the study.
        folder: that holds those folders.
        uri: of the tracking server.

    Returns:
        The folders whose networks are trials of the study; files that are no such thing are left out.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    trials = {trial.number: trial for trial in record.finished}
    logged = []
    for file in sorted(folder.glob("*/outcome.json")):
        try:
            data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in data.items()}
            outcome = Retrained(**values)
        except (OSError, ValueError, TypeError, AttributeError):
            continue
        trial = trials.get(outcome.trial)
        same = trial and (outcome.study, outcome.identity) == (record.name, trial.identity)
        if trial and same and all((file.parent / name).is_file() for name in FILES):
            log_retrain(record, trial, data | {"reproduced": outcome.reproduced}, file.parent, uri)
            logged.append(file.parent.name)
    return logged


def _log(
    client: MlflowClient,
    uri: str,
    record: StudyRecord,
    trial: TrialRecord,
    outcome: Mapping[str, Any],
    folder: Path,
) -> str:
    from mlflow.entities import Metric, Param, RunTag

    mirror = open_mirror(uri, record)
    if not mirror.holds(trial.number):  # else the run is there, and a search may be at work on the study
        mirror.sync(record, ended=True)
    tags = {
        PARENT: mirror.run_of(trial.number),
        RETRAINED: mirror.key,
        WEIGHTS: digest(folder),
        "identity": trial.identity,
        "retrained_trial": str(trial.number),
        "reproduced": str(outcome["reproduced"]).lower(),
        "device": outcome["device"],
        SOURCE: "python -m explorer.retrain",
    }
    seeds = " ".join(map(str, outcome["seeds"]))
    query = f"tags.`{RETRAINED}` = '{tags[RETRAINED]}' and tags.`{WEIGHTS}` = '{tags[WEIGHTS]}'"
    # One without seeds was cut off before it had any.
    known = [
        one for one in client.search_runs([mirror.experiment], query) if one.data.params.get("seeds", seeds) == seeds
    ]
    run = known[0] if known else client.create_run(mirror.experiment, tags=tags, run_name=f"retrain {trial.number}")
    run_id, now = run.info.run_id, run.info.start_time
    name = outcome.get("metric", "acc")
    tests = outcome.get("test") or outcome["test_acc"]
    metrics = {
        "params": float(trial.params),
        record.metric: mean(outcome["again"]),
        "test_acc": mean(outcome["test_acc"]),
        f"test_{name}": mean(tests),
        f"test_{name}_std": stdev(tests) if len(tests) > 1 else 0.0,
        "luck": mean(outcome["recorded"]) - mean(tests),
    }
    with written(client, run):
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
            params=[Param("trial", str(trial.number)), Param("seeds", seeds)],
            tags=[RunTag(name, value) for name, value in tags.items()]
            + [RunTag("mlflow.note.content", (folder / files.MODEL_CARD).read_text(encoding="utf-8"))],
        )
        for name in (*FILES, *(name for name in (files.CONFUSION,) if (folder / name).is_file())):
            client.log_artifact(run_id, str(folder / name))
        return register(client, mirror, run_id, record, trial, folder)
