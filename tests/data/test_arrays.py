"""Images in numpy files, as people have them; what is none is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from explorer.data import DataError, load
from explorer.data.memory import MemoryDataModule

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 6, 5, 3), dtype=np.uint8)
LABELS = np.arange(30) % 2


def save(file: Path, images: Any = IMAGES, labels: Any = LABELS, **more: Any) -> str:
    np.savez(file, images=images, labels=labels, **more)
    return str(file)


def module(train: str, **options: Any) -> MemoryDataModule:
    made = load({"name": "arrays", "train": train, **options})
    assert isinstance(made, MemoryDataModule)
    return made


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_both_layouts_are_the_same(layout: str, tmp_path: Path) -> None:
    images = IMAGES if layout == "NHWC" else IMAGES.transpose(0, 3, 1, 2)
    data = module(save(tmp_path / "x.npz", images), test=0, val=10)
    assert (data.input_shape, data.classes, data.class_names) == ((3, 6, 5), 2, ("0", "1"))
    seen = torch.cat([batch for batch, _ in data.evaluation("train")])
    assert abs(float(seen.mean())) < 0.01, "normalised by the training images"
    assert abs(float(seen.std()) - 1) < 0.01


def test_grey_images_have_a_channel(tmp_path: Path) -> None:
    assert module(save(tmp_path / "x.npz", IMAGES[..., 0])).input_shape == (1, 6, 5)


def test_parts_may_have_files_of_their_own(tmp_path: Path) -> None:
    train = save(tmp_path / "x.npz", class_names=["ant", "bee"])
    test = save(tmp_path / "t.npz", IMAGES[:7], LABELS[:7])
    data = module(train, test=test, val=0.2)
    assert (data.images, data.class_names) == ({"train": 24, "val": 6, "test": 7}, ("ant", "bee"))
    (tested,) = data.evaluation("test")
    assert tested[1].tolist() == LABELS[:7].tolist()
    both = module(train, test=test, val=save(tmp_path / "v.npz", IMAGES[:4], LABELS[:4]))
    assert both.images == {"train": 30, "val": 4, "test": 7}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": IMAGES.astype(float)}, r"images are float64 .*, expected uint8"),
        ({"labels": LABELS[:-1]}, r"labels are int64 \(29,\), expected whole numbers from 0, \(30,\)"),
        ({"labels": LABELS - 1}, "expected whole numbers from 0"),
        ({"labels": LABELS / 2}, "labels are float64"),
        ({"labels": np.array([None] * 30)}, "allow_pickle=False; expected an .npz with images"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "no images in it"),
        ({"class_names": ["one"]}, "1 class_names, but the labels go up to 1"),
    ],
)
def test_what_is_none_is_one_line(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as refused:
        module(save(tmp_path / "x.npz", **content))
    assert str(tmp_path / "x.npz") in str(refused.value)


def test_other_files_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("no numpy")
    np.savez(tmp_path / "y.npz", pictures=IMAGES)
    for name in ("x", "y"):
        with pytest.raises(DataError, match=rf"{name}\.npz: .*; expected an \.npz with images"):
            module(str(tmp_path / f"{name}.npz"))
    smaller = save(tmp_path / "z.npz", IMAGES[:, :5])
    with pytest.raises(DataError, match=r"z\.npz: images of shape \(3, 5, 5\), .* has \(3, 6, 5\)"):
        module(save(tmp_path / "w.npz"), test=smaller)
