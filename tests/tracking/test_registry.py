"""Retrained networks in MLflow's Model Registry: they load without this program, and compute the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.arch import Architecture
from explorer.data import digits
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.retrained import Retrained, model_card
from explorer.tracking import TrackingError, log_retrain, log_retrain_folders, mirror
from explorer.tracking.client import connect
from explorer.tracking.registry import WEIGHTS, registry_words
from explorer.training.export import save
from explorer.training.network import Network, build
from explorer.training.onnx_pictures import Pictures
from tests.support.mlflow_server import free_port, server
from tests.support.sample import finished_study

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*noload.*", "ignore:.*Any type hint.*", "ignore::FutureWarning:mlflow", "ignore::DeprecationWarning:mlflow"
)  # MLflow's own

DIGITS = digits.load()
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "neuf")

# As on a machine that has MLflow and onnxruntime alone.
ELSEWHERE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("explorer", "torch", "pytorch_lightning"):
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
import mlflow, numpy
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
answer = model.predict({"images": numpy.load("images.npy")})
numpy.save("logits.npy", answer["logits"])
print(" ".join(answer["label"]))
print(model.metadata.signature)
"""


def retrained(record: StudyRecord, trial: TrialRecord, folder: Path, seed: int = 0) -> tuple[Network, dict[str, Any]]:
    """A folder as retrain writes it; the weights are random, which nothing here can tell from trained ones."""
    torch.manual_seed(seed)
    architecture = Architecture.from_json(trial.architecture)
    network = build(architecture).eval()
    facts: dict[str, Any] = {"preparation": DIGITS.preparation_facts(), "class_names": NAMES}
    pictures = Pictures(facts["preparation"], NAMES)
    difference = save(architecture, network.state_dict(), folder, pictures)
    again = trial.accuracies
    outcome = Retrained(
        record.name, trial.number, trial.identity, trial.params, again, again, "cpu", "cpu", True, True,
        (1000,), (0.9,), "acc", (0.9,), (None,), 360,
    )  # fmt: skip
    record = replace(record, config=record.config | {"data": {"name": "digits"}})
    (folder / "MODEL_CARD.md").write_text(model_card(record, trial, outcome, pictures.words, facts, difference))
    (folder / "config.yaml").write_text("{}")
    (folder / "outcome.json").write_text(json.dumps(asdict(outcome)))
    return network, asdict(outcome) | {"reproduced": outcome.reproduced}


def predicted(uri: str, model: str, images: np.ndarray, folder: Path) -> tuple[np.ndarray, str]:
    np.save(folder / "images.npy", images)
    command = [sys.executable, "-c", ELSEWHERE, uri, model]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "logits.npy"), done.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_best_loads_elsewhere_and_gives_the_same_logits(tmp_path: Path) -> None:
    record, uri = finished_study(8), f"sqlite:///{tmp_path}/mlflow.db"
    mirror(record, uri)
    first, second = sorted((one for one in record.finished if not one.anchor), key=lambda one: one.accuracy or 0)[-2:]
    networks = {}
    for trial in (second, first):  # the better one first: the alias stays with it
        networks[trial.number], outcome = retrained(record, trial, tmp_path / "retrained" / str(trial.number))
        log_retrain(record, trial, outcome, tmp_path / "retrained" / str(trial.number), uri)

    client = connect(uri)
    versions = {one.version: one for one in client.search_model_versions(f"name = '{record.name}'")}
    assert sorted(map(int, versions)) == [1, 2]
    best = client.get_model_version_by_alias(record.name, "best")
    assert best.tags["trial"] == str(second.number)

    DIGITS.arrange("train", 64)
    images = next(iter(DIGITS.evaluation("val")))[0]
    with torch.no_grad():
        expected = networks[second.number](images).numpy()
    mean, std = DIGITS.pixels.on(images.device)
    stored = (images * std + mean).round().to(torch.uint8)
    found, printed = predicted(uri, f"models:/{record.name}@best", stored.numpy(), tmp_path)
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    labels, signature = printed.split("\n", 1)
    assert labels.split() == [NAMES[number] for number in expected.argmax(1)]
    assert "'images': Tensor('uint8', (-1, 1, 8, 8))" in signature
    assert "'logits': Tensor('float32', (-1, 10))" in signature
    assert "'label': Tensor('str', (-1,))" in signature

    # Plain data alone: no pickle by name, none by its first bytes.
    files = [path for path in (tmp_path / "mlartifacts" / "models").rglob("*") if path.is_file()]
    assert {"model.onnx", "weights.safetensors", "architecture.json", "MODEL_CARD.md", "MLmodel"} <= {
        path.name for path in files
    }
    assert not [path for path in files if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin", ".py")]
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]
    assert not [path for path in files if b"cloudpickle" in path.read_bytes()]


@pytest.mark.slow
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_the_same_weights_are_one_version(tmp_path: Path) -> None:
    record, uri = finished_study(4), f"sqlite:///{tmp_path}/mlflow.db"
    trial = record.trials[3]
    _, outcome = retrained(record, trial, tmp_path / "one")
    assert [log_retrain(record, trial, outcome, tmp_path / "one", uri) for _ in range(2)] == ["1", "1"]
    client = connect(uri)
    experiment = client.get_experiment_by_name(record.name).experiment_id
    assert len(client.search_runs([experiment], "params.trial = '3'")) == 1
    _, outcome = retrained(record, trial, tmp_path / "two", seed=1)
    assert log_retrain(record, trial, outcome, tmp_path / "two", uri) == "2"
    assert client.get_model_version_by_alias(record.name, "best").version in ("1", 1)
    assert len(client.search_runs([experiment], "params.trial = '3'")) == 2


@pytest.mark.slow
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_a_retraining_that_was_cut_off_or_lost_its_files_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    record, uri = finished_study(4), f"sqlite:///{tmp_path}/mlflow.db"
    trial = record.trials[3]
    _, outcome = retrained(record, trial, tmp_path / "one")
    client = connect(uri)

    def retrainings() -> list[Any]:
        experiment = client.get_experiment_by_name(record.name).experiment_id
        return list(client.search_runs([experiment], "tags.retrained_trial = '3'"))

    with monkeypatch.context() as patch:
        patch.setattr("explorer.tracking.retrained.register", lambda *_: 1 / 0)
        with pytest.raises(TrackingError):
            log_retrain(record, trial, outcome, tmp_path / "one", uri)
    (failed,) = retrainings()
    assert failed.info.status == "FAILED"
    client.delete_run(failed.info.run_id)
    # What kill -9 leaves of one that had just begun.
    tags = {name: failed.data.tags[name] for name in ("explorer.study.retrained", WEIGHTS, "retrained_trial")}
    client.create_run(failed.info.experiment_id, tags=tags)
    assert log_retrain(record, trial, outcome, tmp_path / "one", uri) == "1"
    (run,) = retrainings()
    assert (run.info.status, run.data.params["seeds"]) == ("FINISHED", "1000")

    shutil.rmtree(tmp_path / "mlartifacts")
    assert log_retrain(record, trial, outcome, tmp_path / "one", uri) == "1"
    images = np.zeros((2, 1, 8, 8), "uint8")
    found, _ = predicted(uri, f"models:/{record.name}@best", images, tmp_path)
    assert np.isfinite(found).all()
    assert capfd.readouterr().err == ""  # no bars


def test_a_registry_elsewhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry_words() == "MLflow's registry"
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "http://me:pw@models:5000")
    assert registry_words() == "MLflow's registry at http://***@models:5000 (MLFLOW_REGISTRY_URI)"


@pytest.mark.slow
def test_track_registers_again_through_a_server(tmp_path: Path) -> None:
    record = finished_study(4)
    trial = record.trials[3]
    network, _ = retrained(record, trial, tmp_path / "retrained" / "mine")
    (tmp_path / "retrained" / "broken").mkdir()
    (tmp_path / "retrained" / "broken" / "outcome.json").write_text("[]")
    retrained(replace(record, name="another"), trial, tmp_path / "retrained" / "another")
    with server(tmp_path / "server", free_port()) as address:
        mirror(record, address)
        for _ in range(2):
            assert log_retrain_folders(record, tmp_path / "retrained", address) == ["mine"]
        assert len(connect(address).search_model_versions(f"name = '{record.name}'")) == 1
        images = np.random.default_rng(0).integers(0, 17, (5, 1, 8, 8), "uint8")
        mean, std = DIGITS.pixels.on(torch.device("cpu"))
        found, _ = predicted(address, f"models:/{record.name}/1", images, tmp_path)
    with torch.no_grad():
        expected = network((torch.from_numpy(images) - mean) / std).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
