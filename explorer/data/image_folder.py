"""Any folder of images: one folder a class, or a CSV that tells each file's class."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from explorer.data import DataError
from explorer.data.files import FilesDataModule, Preparation, Sample, scan
from explorer.data.split import carve


def load(
    *,
    dir: str = "data",  # noqa: A002
    labels: str | None = None,
    classes: int | None = None,
    val: float = 0.2,
    test: float = 0.2,
    split_seed: int = 0,
    resize: str = "warp",
    side: int = 256,
    crop: int = 227,
    order: str = "bgr",
    mean: Sequence[float] = (104.0, 117.0, 123.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    mirror: bool = True,
    workers: int = 2,
) -> FilesDataModule:
    """Loads the images below `dir`.

    Args:
        dir: the folder.
        labels: a CSV with the columns `file` (below `dir`) and `class_index` (from 0); null for one folder a class.
        classes: their number, where it is more than the labels show.
        val, test: images carved off, as a number or a fraction; the float 1.0 takes all.
        split_seed: decides which.
        resize, side, crop, order, mean, std, mirror: see Preparation.
        workers: loader processes.
    """
    folder = Path(dir)
    samples, names = scan(folder) if labels is None else (_listed(folder, Path(labels)), [])
    shown = len(names) or 1 + max(label for _, label in samples)
    if classes is not None and classes < shown:
        raise DataError(f"data.classes is {classes}, but the labels show {shown}")
    targets = [label for _, label in samples]
    rest, tested = carve(targets, test, split_seed, "data.test")
    train, held_out = carve([targets[i] for i in rest], val, split_seed, "data.val", len(targets))
    parts = {"train": rest[train], "val": rest[held_out], "test": tested}
    preparation = Preparation(resize, side, crop, order, tuple(mean), tuple(std), mirror)
    chosen = {part: [samples[i] for i in indices] for part, indices in parts.items()}
    return FilesDataModule("image_folder", chosen, classes or shown, names, preparation, workers)


def _listed(folder: Path, table: Path) -> list[Sample]:
    """(file, class) by a CSV."""
    if not table.is_file():
        raise DataError(f"no label file {os.path.abspath(table)}; expected a CSV with the columns file and class_index")
    samples = []
    with table.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            name, label = row.get("file"), row.get("class_index") or ""
            if not name or not label.isdecimal():
                raise DataError(f"{table}, line {line}: expected the columns file and class_index (a whole number)")
            image = folder / name
            if not image.is_file():
                raise DataError(f"{table}, line {line}: no file {os.path.abspath(image)}")
            samples.append((str(image), int(label)))
    if not samples:
        raise DataError(f"{os.path.abspath(table)}: no images in it; expected lines of file and class_index")
    return samples
