"""Folders that Hugging Face's `datasets` has really written: splits, columns, what is unpacked, what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.data import DataError, load
from explorer.data.files import FilesDataModule
from explorer.data.module import DataModule
from tests.support.processes import run

datasets = pytest.importorskip("datasets")
datasets.disable_progress_bars()


def dataset(count: int, first: int = 0, **columns: list[Any]) -> Any:
    """Grey squares whose value is their number, of two classes."""
    pictures = [Image.fromarray(np.full((8, 8, 3), first + i, np.uint8)) for i in range(count)]
    held = {"image": pictures, "label": [i % 2 for i in range(count)]} | columns
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])}
    kinds |= {name: datasets.Image() if name.startswith("image") else datasets.Value("int64") for name in columns}
    return datasets.Dataset.from_dict(held, features=datasets.Features(kinds))


def module(folder: Path, **options: Any) -> DataModule:
    here = {"dir": str(folder), "cache": str(folder.with_name("pictures"))}
    size = {"side": 8, "crop": 8, "mean": [0, 0, 0], "mirror": False, "order": "rgb"}
    return load({"name": "huggingface", **here, **size, **options})


def values(data: DataModule, part: str) -> list[tuple[int, int]]:
    images, labels = (torch.cat(each) for each in zip(*data.evaluation(part), strict=True))
    return [(int(value), int(label)) for value, label in zip(images[:, 0, 0, 0], labels, strict=True)]


def test_its_splits_are_the_parts(tmp_path: Path) -> None:
    splits = {"train": dataset(20), "validation": dataset(6, 50), "test": dataset(8, 100)}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    data = module(tmp_path / "saved")
    assert (data.images, data.class_names) == ({"train": 20, "val": 6, "test": 8}, ("cat", "dog"))
    assert values(data, "val") == [(50 + i, i % 2) for i in range(6)]
    assert values(data, "test") == [(100 + i, i % 2) for i in range(8)]


def test_what_has_no_split_is_carved_off_train(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": dataset(20), "test": dataset(8, 100)}).save_to_disk(tmp_path / "saved")
    data = module(tmp_path / "saved", val=4)
    assert data.images == {"train": 16, "val": 4, "test": 8}
    assert all(value < 20 and label == value % 2 for value, label in values(data, "val"))
    dataset(20).save_to_disk(tmp_path / "one")
    assert module(tmp_path / "one").images == {"train": 12, "val": 4, "test": 4}


def test_a_changed_data_set_is_unpacked_anew(tmp_path: Path) -> None:
    dataset(20).save_to_disk(tmp_path / "saved")
    first = module(tmp_path / "saved").fingerprint()
    assert module(tmp_path / "saved").fingerprint() == first
    unpacked = tmp_path / "pictures" / "huggingface"
    assert len(list(unpacked.iterdir())) == 1
    dataset(20, 30).save_to_disk(tmp_path / "saved")
    assert {value for value, _ in values(module(tmp_path / "saved"), "val")} <= set(range(30, 50))
    assert len(list(unpacked.iterdir())) == 2


def test_what_was_left_half_unpacked_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset(20).save_to_disk(tmp_path / "saved")
    with monkeypatch.context() as context:
        context.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(DataError, match=r"data\.cache .*pictures: No space left on device"):
            module(tmp_path / "saved")
    assert list((tmp_path / "pictures" / "huggingface").iterdir()) == []
    assert len(values(module(tmp_path / "saved"), "val")) == 4


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    thumbs = [Image.fromarray(np.full((8, 8, 3), 200, np.uint8)) for _ in range(20)]
    dataset(20, image_small=thumbs).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"image and image_small are of the type Image, choose one with data\.image"):
        module(tmp_path / "saved")
    assert {value for value, _ in values(module(tmp_path / "saved", image="image_small"), "val")} == {200}
    with pytest.raises(DataError, match=r"data\.image is 'label', which is ClassLabel in split train; .*: image, imag"):
        module(tmp_path / "saved", image="label")


def refused_set(kind: str) -> Any:
    if kind == "no pictures":
        return dataset(20).remove_columns("image")
    if kind == "numbers for classes":
        return dataset(20).cast_column("label", datasets.Value("int64"))
    if kind == "a class is missing":
        rows = dataset(20)
        return rows.map(lambda row, number: {"label": None if number == 3 else row["label"]}, with_indices=True)
    if kind == "no train":
        return datasets.DatasetDict({"test": dataset(20)})
    if kind == "another split":
        return datasets.DatasetDict({"train": dataset(20), "extra": dataset(4)})
    return datasets.DatasetDict({"train": dataset(20), "val": dataset(4), "dev": dataset(4)})


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no pictures", "its columns are label; none is of the type Image, cast one with cast_column"),
        ("numbers for classes", "none is of the type ClassLabel, cast one"),
        ("a class is missing", "row 3 has no label"),
        ("no train", "its splits are test; expected one that is named train"),
        ("another split", "a split is named extra, expected train, test, validation, val, valid, dev"),
        ("two for val", "val and dev both mean the part val"),
    ],
)
def test_refused_in_one_line(kind: str, message: str, tmp_path: Path) -> None:
    refused_set(kind).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=message) as caught:
        module(tmp_path / "saved")
    assert "\n" not in str(caught.value)


def test_a_damaged_folder_and_a_damaged_picture(tmp_path: Path) -> None:
    encoded = io.BytesIO()
    Image.new("RGB", (8, 8)).save(encoded, "PNG")
    held = {"image": [{"bytes": encoded.getvalue()[: 30 if i == 4 else None], "path": None} for i in range(20)]}
    kinds = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    rows = datasets.Dataset.from_dict(held | {"label": [i % 2 for i in range(20)]}, features=kinds)
    rows.save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"0000004: no readable image"):
        module(tmp_path / "saved").check_images()
    data = module(tmp_path / "saved", unreadable="skip")
    assert isinstance(data, FilesDataModule)
    assert (sum(data.images.values()), data.skipped["unreadable"]) == (19, 1)
    (tmp_path / "saved" / "state.json").write_text("{")
    with pytest.raises(DataError, match="save_to_disk has written") as caught:
        module(tmp_path / "saved")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_search_over_one(tmp_path: Path) -> None:
    datasets.DatasetDict({"train": dataset(40), "test": dataset(8, 100)}).save_to_disk(tmp_path / "saved")
    words = ["+space=fire_micro", "data=huggingface", "data.dir=saved", "data.side=16", "data.crop=16"]
    printed = run(tmp_path, "explorer.search", *words, "n_trials=1", "epochs=1", "space.anchors=[]")
    assert "48 pictures, 2 classes (smallest 24, largest 24), train / val / test 32 / 8 / 8" in printed
