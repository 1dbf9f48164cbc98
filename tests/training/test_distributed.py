"""Several devices: their steps are those of one, nothing is counted twice, and no process outlives the others."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import distributed

from explorer.arch.families.fire import fire
from explorer.data import DataError, load
from explorer.launchers import LauncherError
from explorer.launchers.local import LocalLauncher
from explorer.storage import stored
from explorer.training.distributed import RankDied, together
from explorer.training.job import Job, Result, run, weights
from explorer.training.job import train as train_rank
from explorer.training.recipe import TrainingError
from tests.support import warm

NETWORK = fire((1, 8, 8), 10, modules=2, base_e=16, final_relu=False)
RECIPE = {
    "epochs": 2,
    "batch_size": 64,
    "accumulate": 2,
    "optimizer": "adamw",
    "lr": 0.01,
    "warmup": 0.2,
    "clip": 1.0,
    "init": "orthogonal",
    "revive": True,
    "label_smoothing": 0.1,
}


def job(folder: Path, first: int, last: int, devices: int, **changes: Any) -> Job:
    """Epochs of one training; 1,082 images in 17 batches of 63 and 64, and 355 to evaluate on: halves are unequal."""
    data = {"name": "digits", "val": 355}
    asked = Job(NETWORK.to_json(), RECIPE, data, 3, first, last, 2, str(folder), devices=devices, metric="f1_macro")
    return replace(asked, **changes)


def train(folder: Path, first: int, last: int, devices: int) -> Result:
    return run(job(folder, first, last, devices))


def difference(one: Path, other: Path) -> float:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Result]]:
    """The same training on one device, on two, and on two in two jobs."""
    folder = tmp_path_factory.mktemp("trained")
    first = train(folder / "resumed", 0, 1, 2)
    second = train(folder / "resumed", 1, 2, 2)
    results = {"resumed": Result(first.curve + second.curve, second.device)}
    return folder, results | {name: train(folder / name, 0, 2, devices) for name, devices in (("one", 1), ("two", 2))}


@pytest.mark.slow
def test_two_devices_train_as_one(trained: tuple[Path, dict[str, Result]]) -> None:
    folder, results = trained
    assert difference(folder / "one", folder / "two") < 1e-5
    start = train(folder / "start", 0, 1, 1)
    assert difference(folder / "start", folder / "one") > 1e-3  # what an epoch changes
    assert start.curve[0]["val_loss"] == results["one"].curve[0]["val_loss"]
    for one, two in zip(results["one"].curve, results["two"].curve, strict=True):
        assert two["train_loss"] == pytest.approx(one["train_loss"], rel=1e-5)
        assert two["val_loss"] == pytest.approx(one["val_loss"], rel=1e-5)
        assert two["val_acc"] == one["val_acc"]
        assert two["lr"] == one["lr"]
        assert two["val_f1_macro"] == one["val_f1_macro"]  # of the answers of both
        assert two["val_acc"] * 355 == pytest.approx(round(two["val_acc"] * 355), abs=1e-9)
    assert results["two"].device == f"2 x {results['one'].device}"
    lines = (folder / "two" / "progress.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == results["two"].curve


@pytest.mark.slow
def test_two_devices_go_on_with_the_same_bits(trained: tuple[Path, dict[str, Result]]) -> None:
    folder, results = trained
    assert difference(folder / "resumed", folder / "two") == 0
    plain = [
        [{k: v for k, v in epoch.items() if k not in ("seconds", "val_f1_macro_error")} for epoch in results[n].curve]
        for n in ("resumed", "two")
    ]
    assert plain[0] == plain[1]


@pytest.fixture
def imagenet(tmp_path: Path) -> Path:
    """ImageNet's layout: 3 classes, 22 training and 6 validation images."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 7), ("val", 2)):
        for label in range(3):
            folder = tmp_path / "imagenet" / part / f"n{label:08d}"
            folder.mkdir(parents=True)
            for i in range(count + (part == "train" and label == 0)):
                Image.fromarray(rng.integers(0, 256, (21 + i, 24, 3), dtype=np.uint8)).save(folder / f"{i}.JPEG")
    return tmp_path / "imagenet"


@pytest.mark.parametrize("name", ["digits", "imagenet"])
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_shares_make_up_the_whole(name: str, ranks: int, imagenet: Path) -> None:
    config: dict[str, Any] = {"name": "digits", "shift": 1, "mirror": True}
    if name == "imagenet":
        config = {"name": name, "dir": str(imagenet), "val": 5, "side": 20, "crop": 16, "workers": 0, "mirror": True}
    data = load(config)

    def loaded(rank: int, ranks: int) -> tuple[list[Any], list[Any]]:
        data.arrange("train", 8, seed=5, first_epoch=2, rank=rank, ranks=ranks)
        return list(data.train_dataloader()), list(data.val_dataloader())

    whole, evaluated = loaded(0, 1)
    shares = [loaded(rank, ranks) for rank in range(ranks)]
    assert {len(share[0]) for share in shares} == {len(whole)} == {data.batches}
    for i, (images, labels) in enumerate(whole):
        assert len(labels) == data.images_of(i) <= 8
        torch.testing.assert_close(torch.cat([share[0][i][0] for share in shares]), images, rtol=0, atol=0)
        assert torch.equal(torch.cat([share[0][i][1] for share in shares]), labels)
    for k in (0, 1):
        parts = [batch[k] for share in shares for batch in share[1]]
        torch.testing.assert_close(torch.cat(parts), torch.cat([batch[k] for batch in evaluated]), rtol=0, atol=0)


def test_too_many_devices_for_a_batch(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="2 devices cannot share a batch, or an evaluation, of 1 images"):
        train_rank(0, 2, job(tmp_path, 0, 1, 2, recipe=RECIPE | {"batch_size": 1}))


# What the processes of the tests below do: they wait for each other, and one of them is lost, or fails, or all wait on.
def wait_for_each_other(rank: int, ranks: int, what: str) -> int:
    if what == "wait":
        (Path(os.environ["PIDS"]) / str(os.getpid())).touch()
        time.sleep(120)
    if what == "lost" and rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "failed" and rank == 1:
        raise DataError("torn.JPEG: no readable image")
    total = torch.tensor([rank + 1])
    distributed.all_reduce(total)
    return int(total)


@pytest.mark.slow
def test_what_rank_0_returns() -> None:
    assert together(2, wait_for_each_other, "sum") == 3


@pytest.mark.slow
def test_a_lost_process_ends_the_others() -> None:
    started = time.monotonic()
    with pytest.raises(RankDied, match="process 1 of 2 of a training is gone"):
        together(2, wait_for_each_other, "lost")
    assert time.monotonic() - started < 60


@pytest.mark.slow
def test_the_cause_is_told_not_its_consequence() -> None:
    with pytest.raises(DataError, match=r"^torn.JPEG: no readable image$"):
        together(2, wait_for_each_other, "failed")


@pytest.mark.slow
def test_no_process_outlives_a_killed_worker(tmp_path: Path) -> None:
    wait = "if __name__ == '__main__': together(2, wait_for_each_other, 'wait')"
    code = f"from tests.training.test_distributed import *\n{wait}"
    (tmp_path / "worker.py").write_text(code)
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PIDS": str(tmp_path / "pids"), "PYTHONPATH": root}
    (tmp_path / "pids").mkdir()
    worker = subprocess.Popen([sys.executable, str(tmp_path / "worker.py")], env=environment)
    until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
    ranks = [int(path.name) for path in (tmp_path / "pids").iterdir()]
    assert all(alive(rank) for rank in ranks)
    worker.kill()
    worker.wait()
    until(lambda: not any(alive(rank) for rank in ranks))


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Any, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("options", "slots"),
    [
        ({"devices": ["cpu"] * 4}, ("cpu 0", "cpu 1", "cpu 2", "cpu 3")),
        ({"devices": ["cpu"] * 4, "devices_per_trial": 2}, ("2 cpu 0", "2 cpu 1")),
        ({"devices": ["cpu"] * 3, "devices_per_trial": "all"}, ("3 cpu 0",)),
        ({"devices": [0, 1, 3, 4], "devices_per_trial": 2}, ("gpu 0+1", "gpu 3+4")),
        ({"devices": "auto", "devices_per_trial": "all"}, ("gpu 0+1+2+3+4+5",)),
        ({"devices": [0], "per_device": 2}, ("gpu 0", "gpu 0")),
    ],
)
def test_slots_of_several_devices(
    options: dict[str, Any], slots: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,4,5,6,7")
    assert LocalLauncher(**options).slots == slots


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices_per_trial": 3}, "devices_per_trial is 3, expected all or a divisor of the 4 devices"),
        ({"devices_per_trial": 0}, "devices_per_trial is 0, expected all or a divisor of the 4 devices"),
        ({"devices_per_trial": "many"}, "devices_per_trial is 'many', expected all"),
        ({"devices_per_trial": 2, "per_device": 2}, "per_device is 2, expected 1 where a training has several devices"),
    ],
)
def test_devices_that_cannot_be_shared_out(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LauncherError, match=message):
        LocalLauncher(devices=["cpu"] * 4, **options)


@pytest.mark.slow
# MLflow 3.17's own use of SQLAlchemy and pydantic.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")
def test_the_imagenet_run_on_a_small_folder(imagenet: Path) -> None:
    """From end to end on two CPU processes, bfloat16 and accumulation included; killed after an epoch, it goes on."""
    words = ["+experiment=imagenet_squeezenet", "data.dir=imagenet", "data.val=5", "data.side=20", "data.crop=16"]
    words += ["data.workers=1", "epochs=2", "recipe.batch_size=8", "recipe.accumulate=2", "launcher.devices=[cpu,cpu]"]
    words += ["timeout=90"]  # a training that hangs is begun anew
    command = [sys.executable, "-m", "explorer.search", *words]
    folder = imagenet.parent
    trained = folder / "runs" / "imagenet_squeezenet" / "0" / "seed_0"
    first = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until((trained / "epoch_0001.safetensors").exists)
    first.kill()
    first.wait()
    done = warm.command("explorer.search", *words, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    (trial,) = stored.load(f"sqlite:///{folder}/study.db", "imagenet_squeezenet").trials
    assert (trial.anchor, trial.state) == ("squeezenet_v1_0", "COMPLETE")
    assert trial.device.startswith("2 x cpu")
    # 17 images are 3 batches of 5 or 6, which are 2 steps of an epoch; the rate falls linearly over 4.
    assert [epoch["epoch"] for epoch in trial.curves[0]] == [1, 2]
    assert [epoch["lr"] for epoch in trial.curves[0]] == pytest.approx([0.03, 0.01])
    assert [epoch["val_acc"] * 5 for epoch in trial.curves[0]] == pytest.approx(
        [round(epoch["val_acc"] * 5) for epoch in trial.curves[0]], abs=1e-6
    )
    assert '"padding": 1' in trial.architecture or '"padding":1' in trial.architecture
