"""A retraining in MLflow: a run of its own in the study's experiment, linked to its trial's run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from explorer.record import StudyRecord, TrialRecord
from explorer.tracking.address import resolve, told_as_one_line
from explorer.tracking.mirror import PARENT, STUDY, study_key
from explorer.tracking.tracker import connect, open_mirror

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILES = ("MODEL_CARD.md", "architecture.json", "config.yaml", "outcome.json", "model.onnx", "weights.safetensors")


def log_retrain(record: StudyRecord, trial: TrialRecord, outcome: Mapping[str, Any], folder: Path, uri: str) -> None:
    """Logs what retraining a trial found, with the files it saved.

    Args:
        record: the study; mirrored first where it is not there yet.
        trial: the trial.
        outcome: fields of `explorer.outcome.Outcome`, and `reproduced`.
        folder: that holds FILES.
        uri: of the tracking server.

    Raises:
        TrackingError: one line saying why the server could not be written to.
    """
    with told_as_one_line(uri):
        _log(connect(uri), resolve(uri), record, trial, outcome, folder)


def _log(
    client: MlflowClient,
    uri: str,
    record: StudyRecord,
    trial: TrialRecord,
    outcome: Mapping[str, Any],
    folder: Path,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    mirror = open_mirror(uri, record)
    if not mirror.holds(trial.number):  # else the run is there, and a search may be at work on the study
        mirror.sync(record, ended=True)
    tags = {
        PARENT: mirror.run_of(trial.number),
        f"{STUDY}.retrained": study_key(record),
        "identity": trial.identity,
        "retrained_trial": str(trial.number),
        "reproduced": str(outcome["reproduced"]).lower(),
        "device": outcome["device"],
        "mlflow.source.name": "python -m explorer.retrain",
    }
    run_id = client.create_run(mirror.experiment, tags=tags, run_name=f"retrain {trial.number}").info.run_id
    tests = outcome["test_acc"]
    metrics = {
        "params": float(trial.params),
        "val_acc": mean(outcome["again"]),
        "test_acc": mean(tests),
        "test_acc_std": stdev(tests) if len(tests) > 1 else 0.0,
        "luck": mean(outcome["recorded"]) - mean(tests),
    }
    now = client.get_run(run_id).info.start_time
    client.log_batch(
        run_id,
        metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
        params=[Param("trial", str(trial.number)), Param("seeds", " ".join(map(str, outcome["seeds"])))],
        tags=[RunTag("mlflow.note.content", (folder / "MODEL_CARD.md").read_text())],
    )
    for name in FILES:
        client.log_artifact(run_id, str(folder / name))
    client.set_terminated(run_id)
