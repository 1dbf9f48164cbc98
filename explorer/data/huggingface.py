"""A folder that Hugging Face's `datasets` has written: its pictures are unpacked once, then they are files like any."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from explorer.data import DataError
from explorer.data.files import FilesDataModule, Place, readable
from explorer.data.folder import Sample
from explorer.data.preparation import Preparation
from explorer.data.split import carve

VAL = ("validation", "val", "valid", "dev")
"""Names of the split that is the part val."""
ONE = "train"
"""What a data set without splits is taken for."""

BROKEN = (OSError, ValueError, KeyError, TypeError)
"""What the readers of `datasets` raise for folders that are none of theirs, or damaged."""


def load(
    *,
    dir: str = "data",  # noqa: A002
    image: str | None = None,
    label: str | None = None,
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
    cache: str = "pictures",
) -> FilesDataModule:
    """Loads a `Dataset` or a `DatasetDict` from the disk.

    Args:
        dir: the folder that `save_to_disk` has written.
        image, label: the columns; null: those of the types `Image` and `ClassLabel`.
        val, test: images carved off the split train, as a number or a fraction, where there is no split of that name.
        split_seed: decides which.
        resize, side, crop, order, mean, std, mirror, draft, zoom, jitter: see Preparation.
        unreadable: `stop`, or `skip` to leave out pictures that cannot be read.
        cache: a folder for the pictures, unpacked and decoded.
    """
    preparation = Preparation(resize, side, crop, order, tuple(mean), tuple(std), mirror, draft, zoom, jitter)
    splits = _splits(dir)
    columns = {name: _columns(dir, name, split, image, label) for name, split in splits.items()}
    if len(set(columns.values())) > 1:
        raise DataError(f"{dir}: its splits have different columns or classes; save them with the same ones")
    image, label, names = columns[ONE]
    folder = Path(cache) / "huggingface"
    samples = {name: _unpacked(folder, split, image, label) for name, split in splits.items()}
    place, skipped = Place(folder, Path(cache), 0), Counter[str]()
    everything = [sample for held in samples.values() for sample in held]
    kept = set(readable(everything, place, preparation, skipped, unreadable))
    samples = {name: [sample for sample in held if sample in kept] for name, held in samples.items()}
    rest = samples[ONE]
    parts = {"test": samples.get("test"), "val": next((samples[name] for name in VAL if name in samples), None)}
    for part, share in (("test", test), ("val", val)):
        if parts[part] is None:
            stays, carved = carve([number for _, number in rest], share, split_seed, f"data.{part}", len(samples[ONE]))
            parts[part], rest = [rest[i] for i in carved], [rest[i] for i in stays]
    chosen = {"train": rest, "val": parts["val"] or [], "test": parts["test"] or []}
    return FilesDataModule("huggingface", chosen, len(names), names, preparation, place, skipped)


def _splits(folder: str) -> Mapping[str, Any]:
    """The splits of a folder; the one of a data set without any is `train`."""
    try:
        import datasets
    except ImportError:
        raise DataError("data=huggingface needs datasets: pip install 'explorer[huggingface]'") from None
    try:
        found = datasets.load_from_disk(folder)
    except BROKEN as error:
        why = " ".join(str(error).split())
        where = f"data.dir {os.path.abspath(folder)}"
        raise DataError(f"{where}: {why}; put a folder there that datasets' save_to_disk has written") from None
    if isinstance(found, datasets.Dataset):
        return {ONE: found}
    if ONE not in found:
        raise DataError(f"{folder}: its splits are {', '.join(map(str, found))}; expected one that is named {ONE}")
    known = {str(name): split for name, split in found.items() if name in (ONE, "test", *VAL)}
    if unknown := [str(name) for name in found if name not in known]:
        expected = ", ".join([ONE, "test", *VAL])
        raise DataError(f"{folder}: a split is named {unknown[0]}, expected {expected}; rename it or leave it out")
    if len(several := [name for name in known if name in VAL]) > 1:
        raise DataError(f"{folder}: {' and '.join(several)} both mean the part val; leave one out")
    return known


def _columns(
    folder: str, name: str, split: Any, image: str | None, label: str | None
) -> tuple[str, str, tuple[str, ...]]:
    """The names of the column of pictures and of that of classes, and the names of the classes."""
    import datasets

    def column(key: str, chosen: str | None, kind: type) -> str:
        fitting = [column for column, feature in split.features.items() if isinstance(feature, kind)]
        if chosen is not None and chosen not in fitting:
            is_one = f"{type(split.features[chosen]).__name__}" if chosen in split.features else "not there"
            raise DataError(
                f"data.{key} is {chosen!r}, which is {is_one} in split {name}; expected a column of the type "
                f"{kind.__name__}: {', '.join(fitting) or f'there is none in {folder}'}"
            )
        if chosen is None and len(fitting) != 1:
            raise DataError(
                f"{folder}, split {name}: its columns are {', '.join(split.features)}; "
                f"{'none is' if not fitting else ' and '.join(fitting) + ' are'} of the type {kind.__name__}, "
                + (f"choose one with data.{key}" if fitting else "cast one with cast_column before save_to_disk")
            )
        return chosen or fitting[0]

    classes = column("label", label, datasets.ClassLabel)
    return column("image", image, datasets.Image), classes, tuple(split.features[classes].names)


def _unpacked(folder: Path, split: Any, image: str, label: str) -> list[Sample]:
    """The pictures of a split as files, with their classes.

    The folder's name holds the fingerprint that `datasets` gives a split: a changed split is unpacked anew. The folder
    appears once all is in it.
    """
    import datasets

    place = folder / f"{split._fingerprint}-{image}".replace(os.sep, "_")
    labels = split[label]
    if (wrong := next((number for number, each in enumerate(labels) if each is None or each < 0), None)) is not None:
        raise DataError(f"row {wrong} has no {label}; leave such rows out with filter before save_to_disk")
    files = [str(place / f"{number:07d}") for number in range(len(split))]
    if not place.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        new = Path(mkdtemp(dir=folder, prefix=".new-"))
        try:
            encoded = split.select_columns([image]).cast_column(image, datasets.Image(decode=False))
            for number, row in enumerate(encoded):
                (new / f"{number:07d}").write_bytes(_bytes(row[image], number))
            new.rename(place)
        except OSError as error:
            if not place.is_dir():  # else another process was faster
                raise DataError(f"data.cache {folder.parent}: {error.strerror}") from None
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return list(zip(files, map(int, labels), strict=True))


def _bytes(picture: Mapping[str, Any] | None, number: int) -> bytes:
    if picture is None:
        raise DataError(f"row {number} has no picture; leave such rows out with filter before save_to_disk")
    held = picture["bytes"]
    return bytes(held) if held is not None else Path(str(picture["path"])).read_bytes()
