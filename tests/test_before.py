"""What an earlier version of the program left is read, shown and gone on from: a study, a checkpoint, a .sqz file."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from explorer.arch import Architecture, cost
from explorer.compression.codec import container
from explorer.results.record import StudyRecord
from explorer.storage import attributes, stored
from explorer.training import checkpoint as checkpoints
from explorer.training.job import Job, run
from tests.support import warm

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")

BEFORE = Path(__file__).parent / "data" / "before"
IDENTITIES = ["c181e66c1346d34b", "3f4c04480264cd09", "cb51c7352b9f448c", "34f3f20a4450770d"]
TENSORS = "96012d8a034bb321da689db29b33b2d71a4a1ede3a20c69aaa13951de4faa6f7"
"""SHA-256 of what the .sqz file decodes to: names and values, by name. The codec gives the same on every machine."""
SPACE = ["+space=fire_micro", "space.search.base_e.high=24", "space.search.incr_e.high=16", "space.anchors=[]"]
SPACE += ["space.search.squeeze_ratio.high=0.25"]


@pytest.fixture
def copied(tmp_path: Path, empty_mlflow: Path) -> Path:
    """A folder of one's own."""
    folder = shutil.copytree(BEFORE, tmp_path / "before")
    shutil.copy(empty_mlflow, folder)
    return folder


def load(folder: Path) -> StudyRecord:
    return stored.load(f"sqlite:///{folder}/study.db", "before")


def assert_equals_recorded(found: float, recorded: float, device: str, record: StudyRecord) -> None:
    """To the bit where processor and torch are those that it was made with; elsewhere sums are rounded otherwise."""
    made_with = record.trials[3].device, record.facts["versions"]["torch"]
    if (device, torch.__version__.partition("+")[0]) == made_with:
        assert found == recorded
    else:
        assert found == pytest.approx(recorded, abs=0.03)


@pytest.mark.slow
def test_the_study_is_loaded(copied: Path) -> None:
    record = load(copied)
    assert [trial.identity for trial in record.trials] == IDENTITIES
    assert [trial.params for trial in record.trials] == [8_122, 12_310, 17_114, 3_226]
    assert [round(360 * (trial.accuracy or 0)) for trial in record.trials] == [36, 43, 75, 73]
    assert [[epoch["epoch"] for epoch in trial.curves[0]] for trial in record.trials] == [[1, 2, 3]] * 4
    for trial in record.trials:
        network = Architecture.from_json(trial.architecture)
        assert (network.identity, cost(network).params, cost(network).macs) == (
            trial.identity,
            trial.params,
            trial.macs,
        )
    url = f"sqlite:///{copied}/study.db"
    (timed,) = attributes.latencies(url, "before")
    assert (timed.trial, timed.latencies["torch"].median) == (2, 2.012854)
    (compressed,) = attributes.compressed(url, "before")
    assert (compressed.trial, compressed.bytes, compressed.after) == (3, (4_705,), (0.2,))


@pytest.mark.slow
def test_the_study_is_reported(copied: Path) -> None:
    done = warm.command("explorer.report", "before", "text=true", cwd=copied)
    assert (done.returncode, done.stderr) == (0, "")
    for shown in ("17,114", "0.2083", "3,226", "0.2028"):
        assert shown in done.stdout
    done = warm.command("explorer.report", "before", "tracking=null", cwd=copied)
    assert done.returncode == 0, done.stderr
    assert "cpu (AMD EPYC, 1 thread), batch size 1" in (copied / "report.html").read_text()


@pytest.mark.slow
def test_the_study_is_resumed(copied: Path) -> None:
    old = load(copied).trials
    done = warm.command("explorer.search", *SPACE, "study=before", "epochs=3", "n_trials=5", cwd=copied)
    assert done.returncode == 0, done.stdout + done.stderr
    new = load(copied).trials
    assert new[:4] == old
    assert [trial.state for trial in new[4:]] == ["COMPLETE"]
    assert new[4].identity not in IDENTITIES


@pytest.mark.slow
def test_a_trial_is_retrained(copied: Path) -> None:
    done = warm.command("explorer.retrain", "3", "study=before", "seeds=1", "output=again", cwd=copied)
    written = json.loads((copied / "again" / "outcome.json").read_text())
    record = load(copied)
    assert written["recorded"] == list(record.trials[3].accuracies)
    assert done.returncode == (0 if written["again"] == written["recorded"] else 1), done.stderr
    assert_equals_recorded(written["again"][0], written["recorded"][0], written["device"], record)


@pytest.mark.slow
def test_a_checkpoint_is_gone_on_from(copied: Path) -> None:
    record = load(copied)
    trial, folder = record.trials[3], copied / "runs" / "before" / "3" / "seed_0"
    assert checkpoints.load(folder, 2).epoch == 2
    config: dict[str, Any] = record.config
    result = run(Job(trial.architecture, config["recipe"], config["data"], 0, 2, 3, 3, str(folder)))
    (epoch,) = result.curve
    assert epoch["epoch"] == 3
    for name in ("val_acc", "val_loss", "train_loss"):
        assert_equals_recorded(epoch[name], trial.curves[0][2][name], result.device, record)


@pytest.mark.slow
def test_a_compressed_file_is_decoded() -> None:
    network, tensors = container.read(BEFORE / "compressed" / "before-3" / "0.sqz")
    assert network.identity == IDENTITIES[3]
    content = b"".join(name.encode() + tensors[name].tobytes() for name in sorted(tensors))
    assert sha256(content).hexdigest() == TENSORS
