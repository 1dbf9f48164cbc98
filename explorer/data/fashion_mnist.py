"""Fashion-MNIST: 70,000 grey images of 28x28 pixels, in the MNIST file format."""

from __future__ import annotations

import gzip
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.data import DataError
from explorer.data.download import torchvision_sets
from explorer.data.memory import MemoryDataModule, Pixels, official

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def load(
    *,
    dir: str = "data",  # noqa: A002
    download: bool = False,
    val: float = 10_000,
    split_seed: int = 0,
    mean: Sequence[float] = (72.9,),
    std: Sequence[float] = (90.0,),
    shift: int = 0,
    mirror: bool = False,
) -> MemoryDataModule:
    """Loads the set from `dir`, or from FashionMNIST/raw below it, where torchvision puts it; .gz files will do."""
    files = _find(Path(dir))
    if files is None:
        torchvision_sets("fashion_mnist", "FashionMNIST", dir, download, f"{', '.join(FILES)} (or the same with .gz)")
        files = _find(Path(dir))
    if files is None:
        raise DataError(f"{Path(dir).resolve()}: torchvision left no {FILES[0]} there")
    train_images, train_labels, test_images, test_labels = (read_idx(file) for file in files)
    labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
    images = np.concatenate([train_images, test_images])[:, None]
    parts = official(labels, len(test_labels), val, split_seed)
    pixels = Pixels(tuple(mean), tuple(std), shift, mirror)
    return MemoryDataModule("fashion_mnist", images, labels, parts, pixels, CLASSES)


def read_idx(file: Path) -> NDArray[np.uint8]:
    """Reads an IDX file of unsigned bytes: magic 0 0 8 and the number of axes, big-endian lengths, the bytes.

    Raises:
        DataError: if it is anything else.
    """
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: unreadable ({error})") from None
    axes = content[3] if content[:3] == b"\0\0\x08" and len(content) >= 4 else 0
    start = 4 + 4 * axes
    shape = tuple(int(length) for length in np.frombuffer(content[4:start], ">u4"))
    if not shape or len(content) != start + math.prod(shape):
        raise DataError(f"{file}: torn, or no IDX file of unsigned bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _find(folder: Path) -> list[Path] | None:
    for place in (folder, folder / "FashionMNIST" / "raw"):
        found = [next((p for p in (place / name, place / f"{name}.gz") if p.is_file()), None) for name in FILES]
        files = [file for file in found if file]
        if len(files) == len(FILES):
            return files
    return None
