"""Data of the user's own code: a LightningDataModule on the Python path, and what is wrong with one in a line."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.data import DataError, load
from explorer.data.own_module import OwnDataModule
from explorer.training.job import run
from tests.support import warm
from tests.support.training import FAST, job, without_time

MODULE = """
import random

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    classes = [f"digit {i}" for i in range(10)]

    def __init__(self, first, last, noise):
        held = load_digits()
        self.images, self.labels = held.images[first:last], held.target[first:last]
        self.noise = noise

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, number):
        image = torch.tensor(self.images[number], dtype=torch.float32)[None] / 8 - 1
        noise = torch.randn(1) + random.random() + np.random.rand()
        return image + self.noise * noise, int(self.labels[number])


class Photos(LightningDataModule):
    def __init__(self, noise=0.1, fetched=None):
        super().__init__()
        self.noise, self.fetched = noise, fetched

    def prepare_data(self):
        if self.fetched:
            with open(self.fetched, "a") as file:
                file.write("fetched")

    def setup(self, stage):
        if stage == "fit":
            self.train, self.val = Digits(0, 200, self.noise), Digits(200, 300, 0)
        else:
            self.test = Digits(300, 400, 0)

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=7, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=7)

    def test_dataloader(self):
        return DataLoader(self.test, batch_size=7)


class Doubles(Photos):
    def train_dataloader(self):
        return DataLoader([(torch.zeros(8, 8), 0.5)] * 9)


class Streamed(Photos):
    def train_dataloader(self):
        return iter([])


class Broken(Photos):
    def setup(self, stage):
        raise OSError("the archive\\nis torn")


class Nameless(Photos):
    def train_dataloader(self):
        return DataLoader([(torch.zeros(1, 8, 8), 0)] * 9)


def no_module():
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the Python path with the user's code."""
    (tmp_path / "own_photos.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("own_photos", None)


def own(name: str = "Photos", **more: Any) -> OwnDataModule:
    made = load({"name": "module", "target": f"own_photos:{name}"} | more)
    assert isinstance(made, OwnDataModule)
    return made


@pytest.mark.usefixtures("folder")
def test_shape_classes_and_parts_are_read_from_it() -> None:
    data = own()
    assert (data.input_shape, data.classes, data.class_names[3]) == ((1, 8, 8), 10, "digit 3")
    assert data.images == {"train": 200, "val": 100, "test": 100}
    assert data.fingerprint() == own().fingerprint() != own(options={"noise": 0.2}).fingerprint()


@pytest.mark.usefixtures("folder")
def test_items_depend_on_seed_epoch_and_number_alone_and_leave_other_draws_as_they_were() -> None:
    data = own(options={"noise": 1.0})
    data.arrange("train", 50, seed=4)

    def epoch(number: int) -> torch.Tensor:
        loader = data.training(("train",))
        loader.batch_sampler.sampler.set_epoch(number)  # type: ignore[union-attr]
        return torch.cat([images for images, _ in loader])

    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    first = epoch(0)
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]
    torch.manual_seed(2)
    assert torch.equal(first, epoch(0))
    assert not torch.equal(first.sort(0)[0], epoch(1).sort(0)[0])
    shares = []
    for rank in (0, 1):
        data.arrange("train", 50, seed=4, rank=rank, ranks=2)
        shares += [images for images, _ in data.training(("train",))]
    assert sum(map(len, shares)) == 200


@pytest.mark.slow
@pytest.mark.usefixtures("folder")
def test_one_piece_or_two_give_the_same_bits(tmp_path: Path) -> None:
    data = {"name": "module", "target": "own_photos:Photos", "options": {"noise": 0.5}}
    whole = run(job(tmp_path / "whole", 0, 4, 4, data=data))
    pieces = [run(job(tmp_path / "pieces", a, b, 4, data=data)).curve for a, b in ((0, 1), (1, 4))]
    assert without_time(whole.curve) == without_time([epoch for piece in pieces for epoch in piece])
    assert whole.curve[-1]["train_loss"] < whole.curve[0]["train_loss"]
    assert FAST["batch_size"] != 7, "its own batch size does not count"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"target": None}, "data.target is None, expected MODULE:CLASS, such as my_package.photos:Photos"),
        ({"target": "own_photos"}, "data.target is 'own_photos', expected MODULE:CLASS"),
        (
            {"target": "absent_photos:Photos"},
            "absent_photos:Photos cannot be imported on .*: ModuleNotFoundError: No mo",
        ),
        ({"target": "own_photos:Picture"}, "cannot be imported on .*: AttributeError: .*Picture"),
        ({"target": "own_photos:no_module"}, "own_photos:no_module is <function .*>, expected a LightningDataModule"),
        ({"options": {"size": 3}}, "own_photos:Photos: TypeError: .*size"),
        ({"target": "own_photos:Broken"}, "own_photos:Broken: OSError: the archive is torn"),
        (
            {"target": "own_photos:Streamed"},
            r"train_dataloader\\(\\) gives .*, expected a DataLoader over items by number",
        ),
        (
            {"target": "own_photos:Doubles", "classes": 2},
            r"a batch is torch.float32 \\(1, 8, 8\\) and torch.float64 \\(1,\\)",
        ),
        ({"target": "own_photos:Nameless"}, "how many classes\\\\? data.classes=N, or an attribute num_classes"),
    ],
)
def test_what_is_wrong_is_one_line(more: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message.replace("\\\\", "\\")) as caught:
        load({"name": "module", "target": "own_photos:Photos"} | more)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_search_and_a_retraining_by_code_that_is_named(folder: Path) -> None:
    words = ["+space=fire_micro", "data=module", "data.target=own_photos:Photos", "data.options.fetched=log"]
    words[3] = "+data.options.fetched=log"
    done = warm.command("explorer.search", *words, "n_trials=2", "epochs=1", "space.anchors=[]", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert set((folder / "log").read_text().split("fetched")) == {""}
    refused = warm.command("explorer.retrain", "best", cwd=folder)
    assert refused.returncode == 2
    line = "the data of study fire_micro are code, own_photos:Photos, which runs only if it is named: data.target="
    assert refused.stderr == f"explorer.retrain: {line}\n"
    retrained = warm.command(
        "explorer.retrain", "best", "data.target=own_photos:Photos", "seeds=1", "output=winner", cwd=folder
    )
    assert retrained.returncode == 0, retrained.stderr
    assert "reproduced exactly" in retrained.stdout
    assert "digit" in retrained.stdout
    compressed = warm.command("explorer.compress", "best", cwd=folder)
    assert (compressed.returncode, compressed.stderr) == (2, f"explorer.compress: {line}\n")
