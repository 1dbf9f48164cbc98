"""A retrained network in MLflow's Model Registry: models:/STUDY/VERSION, the best of them as models:/STUDY@best.

The model is the ONNX file in MLflow's onnx flavour: it loads wherever mlflow, onnx and onnxruntime are, without this
program, and nothing in it is a pickle. The weights as safetensors and the architecture lie beside it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from explorer.results.record import StudyRecord, TrialRecord
from explorer.tracking.address import local_path, redact
from explorer.tracking.mirror import Mirror
from explorer.tracking.runs import STUDY
from explorer.training import files

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.types.schema import Schema
    from onnx import ValueInfoProto

BEST = "best"
WEIGHTS = f"{STUDY}.weights"
"""Tag that holds the digest of a network's weights, by which it is known."""
MODEL = "MLmodel"
"""MLflow's file that tells what a model is."""
EXTRA = (files.WEIGHTS, files.ARCHITECTURE, files.MODEL_CARD)


def registry_words() -> str:
    """What is meant by the registry: the tracking server's, unless the environment names another."""
    elsewhere = os.environ.get("MLFLOW_REGISTRY_URI")
    return f"MLflow's registry at {redact(elsewhere)} (MLFLOW_REGISTRY_URI)" if elsewhere else "MLflow's registry"


def digest(folder: Path) -> str:
    """Of the weights in a folder that retrain wrote."""
    return hashlib.sha256((folder / files.WEIGHTS).read_bytes()).hexdigest()[:16]


def register(
    client: MlflowClient, mirror: Mirror, run_id: str, record: StudyRecord, trial: TrialRecord, folder: Path
) -> str:
    """Registers a retrained network, unless the same weights are registered already; moves the alias `best`.

    Files of a version that are gone from this machine's disk are written again.

    `best` is the version whose trial had the highest metric in the search, of equals the smallest.

    Args:
        client: of the tracking server.
        mirror: of the study.
        run_id: of the retraining.
        record: the study, whose name is the model's.
        trial: the network's.
        folder: that holds model.onnx and EXTRA.

    Returns:
        The version.
    """
    _make_model(client, record)
    versions = _versions(client, mirror, record)
    known = next((one for one in versions if one.tags.get(WEIGHTS) == digest(folder)), None)
    if known is None:
        known = _new_version(client, mirror, run_id, record, trial, folder)
        versions.append(known)
    elif (place := local_path(known.source or "")) and not (place / MODEL).exists():
        model = known.model_id or place.parent.name  # a database does not tell; the place is models/ID/artifacts
        _upload(client, client.get_logged_model(model), run_id, record, folder)
    best = max(
        versions,
        key=lambda one: (
            float(one.tags[record.metric]),
            -float(one.tags.get("size", one.tags["params"])),
            -int(one.version),
        ),
    )
    client.set_registered_model_alias(record.name, BEST, best.version)
    return str(known.version)


def _make_model(client: MlflowClient, record: StudyRecord) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(record.name, description=f"Networks of the study {record.name}, retrained.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: MlflowClient, mirror: Mirror, record: StudyRecord) -> list[ModelVersion]:
    """Those of this study; one of the same name before it may have others."""
    found = client.search_model_versions(f"name = '{record.name}'")
    return [one for one in found if one.tags.get(STUDY) == mirror.key and one.status == "READY"]


def _new_version(
    client: MlflowClient, mirror: Mirror, run_id: str, record: StudyRecord, trial: TrialRecord, folder: Path
) -> ModelVersion:
    from mlflow.entities import LoggedModelOutput

    tags = {
        STUDY: mirror.key,
        WEIGHTS: digest(folder),
        "trial": str(trial.number),
        "identity": trial.identity,
        "params": str(trial.params),
        "size": repr(trial.size),
        record.metric: repr(mean(trial.accuracies)),
    }
    logged = client.create_logged_model(
        mirror.experiment, f"trial-{trial.number}", run_id, tags, model_type="classifier"
    )
    _upload(client, logged, run_id, record, folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    card = (folder / files.MODEL_CARD).read_text(encoding="utf-8")
    return client.create_model_version(
        record.name, logged.artifact_location, run_id, tags, description=card, model_id=logged.model_id
    )


def _upload(client: MlflowClient, logged: LoggedModel, run_id: str, record: StudyRecord, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        _save(Path(made, "model"), folder, record, run_id, logged)
        client.log_model_artifacts(logged.model_id, str(Path(made, "model")))


def _save(path: Path, folder: Path, record: StudyRecord, run_id: str, logged: LoggedModel) -> None:
    """Writes the model in MLflow's layout, its files of weights and words included."""
    from importlib.metadata import version

    import mlflow.onnx
    import onnx
    from mlflow.models import Model, ModelSignature

    model = onnx.load(folder / files.ONNX)
    facts = {one.key: one.value for one in model.metadata_props}
    mlflow.onnx.save_model(
        model,
        path,
        mlflow_model=Model(artifact_path=logged.artifact_location, run_id=run_id, model_id=logged.model_id),
        signature=ModelSignature(_schema(model.graph.input), _schema(model.graph.output)),
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "numpy", "onnx", "onnxruntime")],
        onnx_execution_providers=["CPUExecutionProvider"],
        save_as_external_data=False,
        extra_files=[str(folder / name) for name in EXTRA],
        metadata={"study": record.name, **facts},
    )


def _schema(values: Iterable[ValueInfoProto]) -> Schema:
    """What a graph takes or gives, in MLflow's words: -1 stands for any number."""
    import numpy as np
    from mlflow.types.schema import Schema, TensorSpec
    from onnx import TensorProto
    from onnx.helper import tensor_dtype_to_np_dtype

    def spec(value: ValueInfoProto) -> TensorSpec:
        tensor = value.type.tensor_type
        text = tensor.elem_type == TensorProto.STRING
        dtype = np.dtype(str) if text else tensor_dtype_to_np_dtype(tensor.elem_type)
        return TensorSpec(dtype, tuple(each.dim_value or -1 for each in tensor.shape.dim), value.name)

    return Schema([spec(value) for value in values])
