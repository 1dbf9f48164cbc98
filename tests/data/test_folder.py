"""Folders of pictures as people have them, and the CSVs that they write."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from explorer.data import DataError, load
from explorer.data.folder import listed, scan
from explorer.data.module import DataModule


def picture(file: Path, value: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(file)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        for i in range(10):
            picture(tmp_path / "photos" / name / f"{i}.png", i)
    return tmp_path / "photos"


def module(folder: Path, **options: object) -> DataModule:
    return load({"name": "image_folder", "dir": str(folder), "side": 8, "crop": 8, "workers": 0, **options})


def test_hidden_files_and_folders_do_not_count(folder: Path) -> None:
    before = scan(folder)
    for name in (".git/x.png", ".ipynb_checkpoints/0.png", "__MACOSX/cat/0.png", "cat/._0.png", "cat/.cache/1.png"):
        picture(folder / name) if "._" not in name else (folder / name).write_bytes(b"a Mac's notes")
    (folder / "Thumbs.db").write_bytes(b"")
    assert scan(folder) == before
    assert before.classes == ["cat", "dog"]
    assert scan(folder).skipped == {"hidden": 5}
    assert len(before.samples) == 20


def test_a_link_back_up_is_followed_once(folder: Path) -> None:
    before = scan(folder)
    os.symlink(folder / "cat", folder / "cat" / "again")
    assert scan(folder) == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "bird").mkdir(), r"no images in .*photos/bird; put one folder"),
        (lambda f: picture(f / "bird" / "1.png"), r"photos/bird has 1 image, too few for 3 parts \(train, val, test\)"),
        (lambda f: shutil.rmtree(f / "dog"), r"has the one class cat; a network learns to tell two or more apart"),
    ],
)
def test_classes_that_cannot_be_learned_are_named(folder: Path, spoil: object, message: str) -> None:
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        module(folder)


CSVS = {
    "plain": "file,class_index\ncat/0.png,0\n",
    "BOM": "\ufefffile,class_index\ncat/0.png,0\n",
    "semicolons": "file;class_index\ncat/0.png;0\n",
    "tabs": "file\tclass_index\ncat/0.png\t0\n",
    "spaces": "file, class_index\ncat/0.png, 0\n",
    "more columns": "note,class_index,file\n,0,cat/0.png\n",
    "quoted": '"file","class_index"\r\n"cat/0.png","0"\r\n',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", CSVS.values(), ids=CSVS)
def test_csvs_as_programs_write_them(folder: Path, text: str, encoding: str) -> None:
    (folder / "labels.csv").write_bytes(text.encode(encoding))
    assert listed(folder, folder / "labels.csv") == [(str(folder / "cat/0.png"), 0)]


def test_a_csv_of_windows(folder: Path) -> None:
    picture(folder / "Käfer.png")
    (folder / "labels.csv").write_bytes("file;class_index\r\nKäfer.png;1\r\n".encode("cp1252"))
    assert listed(folder, folder / "labels.csv") == [(str(folder / "Käfer.png"), 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,label\ncat/0.png,0\n", r"labels\.csv: its columns are name, label; expected the columns file and class"),
        ("", r"labels\.csv: its columns are none"),
        ("file,class_index\n../x.png,0\n", r"labels\.csv, line 2: file is \.\./x\.png, expected one below data\.dir"),
        ("file,class_index\n/etc/hostname,0\n", r"line 2: file is /etc/hostname, expected one below data\.dir"),
        (
            f"file,class_index\ncat/0.png,{'9' * 5000}\n",
            r"line 2: class_index is 9+\.\.\., expected less than",
        ),
        (f"file,class_index\n{'x' * 5000}.png,0\n", r"line 2: no file /.{0,200}\.\.\.$"),
        (f"file,class_index\n{'x' * 200_000}.png,0\n", r"labels\.csv, line \d: field larger than field limit"),
        ("file,class_index\ncat/0.png,0\ncat/0.png,1\n", r"line 3: cat/0\.png has class 1, but class 0 in line 2"),
        ("file,class_index\ncat/0.png,0\n./cat/0.png,1\n", r"line 3: \./cat/0\.png has class 1, but class 0 in line 2"),
        ("file,class_index\ncat/0.png\n", r"line 2: expected the columns file and class_index"),
        ("file,class_index\ncat/0.png,-1\n", r"line 2: expected the columns file and class_index .*'-1'"),
        ("file,class_index\ncat/0.png,٣\n", r"line 2: expected the columns file and class_index"),
    ],
)
def test_csvs_that_are_refused(folder: Path, text: str, message: str) -> None:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        listed(folder, folder / "labels.csv")
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@given(st.lists(st.integers(1, 4), min_size=20, max_size=20))
def test_copies_of_a_file_stay_in_one_part(tmp_path_factory: pytest.TempPathFactory, times: list[int]) -> None:
    folder = tmp_path_factory.mktemp("copies")
    files = [picture(folder / f"{i}.png", i) for i in range(20)]
    rows = [f"{file.name},{i % 2}" for i, file in enumerate(files) for _ in range(times[i])]
    (folder / "labels.csv").write_text("\n".join(["file,class_index", *rows]))
    parts = module(folder, labels=str(folder / "labels.csv")).parts  # type: ignore[attr-defined]
    assert sum(map(len, parts.values())) == sum(times)
    assert sum(len(set(held)) for held in parts.values()) == 20


def test_every_unreadable_file_is_named_at_once(folder: Path) -> None:
    for name in ("cat/3.png", "dog/4.png"):
        (folder / name).write_text("no image")
    with pytest.raises(DataError, match=r"2 of 20 images cannot be read: .*cat/3\.png: .*; .*dog/4\.png: "):
        module(folder).check_images()


def test_a_fingerprint_tells_data_apart_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    before = module(folder).fingerprint()
    folder = folder.rename(tmp_path / "elsewhere")
    assert module(folder).fingerprint() == before
    assert module(folder, split_seed=1).fingerprint() != before
    (folder / "cat" / "0.png").rename(folder / "dog" / "10.png")
    assert module(folder).fingerprint() != before


def test_a_fingerprint_of_data_in_memory() -> None:
    digits = {"name": "digits", "val": 360, "test": 360, "split_seed": 0}
    assert load(digits).fingerprint() == load(digits).fingerprint()
    assert load(digits).fingerprint() != load(digits | {"split_seed": 1}).fingerprint()
