"""ImageNet (ILSVRC 2012) from two folders, train and val, of one folder a class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from explorer.data import DataError
from explorer.data.files import FilesDataModule, Place
from explorer.data.folder import scan
from explorer.data.preparation import Preparation
from explorer.data.split import carve


def load(
    *,
    dir: str = "data/imagenet",  # noqa: A002
    val: float = 50_000,
    split_seed: int = 0,
    resize: str = "warp",
    side: int = 256,
    crop: int = 227,
    order: str = "bgr",
    mean: Sequence[float] = (104.0, 117.0, 123.0),
    std: Sequence[float] = (1.0, 1.0, 1.0),
    mirror: bool = False,
    draft: bool = False,
    zoom: float = 1.0,
    jitter: float = 0.0,
    cache: str | None = None,
    workers: int = 8,
) -> FilesDataModule:
    """Loads dir/train and dir/val: the official validation images are the test part, val is carved off train."""
    folder = Path(dir)
    fit, tested = scan(folder / "train"), scan(folder / "val")
    if fit.classes != tested.classes:
        different = min(set(fit.classes) ^ set(tested.classes))
        raise DataError(f"{folder.resolve()}: train and val have different classes, only one has {different}")
    train, held_out = carve([label for _, label in fit.samples], val, split_seed, "data.val")
    parts = {part: [fit.samples[i] for i in chosen] for part, chosen in (("train", train), ("val", held_out))}
    parts["test"] = tested.samples
    preparation = Preparation(resize, side, crop, order, tuple(mean), tuple(std), mirror, draft, zoom, jitter)
    place = Place(folder, None if cache is None else Path(cache), workers)
    skipped = fit.skipped + tested.skipped
    return FilesDataModule("imagenet", parts, len(fit.classes), fit.classes, preparation, place, skipped)
