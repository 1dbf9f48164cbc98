"""Any folder of images: one folder a class, or a CSV that tells each file's class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from explorer.data import DataError
from explorer.data.files import FilesDataModule, Place, readable
from explorer.data.folder import Found, listed, scan
from explorer.data.preparation import Preparation
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
    draft: bool = False,
    zoom: float = 1.0,
    jitter: float = 0.0,
    unreadable: str = "stop",
    cache: str | None = None,
    workers: int = 2,
) -> FilesDataModule:
    """Loads the images below `dir`.

    Args:
        dir: the folder.
        labels: a CSV with the columns `file` (below `dir`) and `class_index` (from 0); null for one folder a class.
        classes: their number, where it is more than the labels show.
        val, test: images carved off, as a number or a fraction; the float 1.0 takes all.
        split_seed: decides which.
        resize, side, crop, order, mean, std, mirror, draft, zoom, jitter: see Preparation.
        unreadable: `stop`, or `skip` to leave out files that cannot be read.
        cache: a folder for what is decoded; null: it is decoded in every epoch.
        workers: loader processes, without a cache.
    """
    folder = Path(dir)
    preparation = Preparation(resize, side, crop, order, tuple(mean), tuple(std), mirror, draft, zoom, jitter)
    place = Place(folder, None if cache is None else Path(cache), workers)
    found = scan(folder) if labels is None else Found(listed(folder, Path(labels)))
    names = found.classes
    samples = readable(found.samples, place, preparation, found.skipped, unreadable)
    shown = len(names) or 1 + max(label for _, label in samples)
    if classes is not None and classes < shown:
        raise DataError(f"data.classes is {classes}, but the labels show {shown}")
    unique = list(dict.fromkeys(samples))  # copies of a file stay in one part
    targets = [label for _, label in unique]
    if not (isinstance(test, float) and test == 1):
        _check(folder, Counter(targets), names, classes or shown, 1 + (val > 0) + (test > 0))
    rest, tested = carve(targets, test, split_seed, "data.test")
    train, held_out = carve([targets[i] for i in rest], val, split_seed, "data.val", len(targets))
    copies = Counter(samples)
    chosen = {
        part: [unique[i] for i in indices for _ in range(copies[unique[i]])]
        for part, indices in {"train": rest[train], "val": rest[held_out], "test": tested}.items()
    }
    return FilesDataModule("image_folder", chosen, classes or shown, names, preparation, place, found.skipped)


def _check(folder: Path, counts: Counter[int], names: Sequence[str], classes: int, parts: int) -> None:
    """Raises DataError if there is nothing to tell apart, or too little of a class."""
    if classes < 2:
        which = f"class {names[0]}" if names else "class 0"
        raise DataError(f"data.dir {folder} has the one {which}; a network learns to tell two or more apart")
    label, count = min(counts.items(), key=lambda item: (item[1], item[0]))
    if count < parts:
        which = f"{folder / names[label]}" if names else f"{folder}: class {label}"
        images = f"{count} image{'s' * (count != 1)}"
        raise DataError(f"{which} has {images}, too few for {parts} parts (train, val, test); add some or leave it out")
