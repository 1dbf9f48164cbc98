"""Images and labels from numpy files: one .npz that is split, or one for each part."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from explorer.data import DataError
from explorer.data.memory import MemoryDataModule, Pixels
from explorer.data.split import Indices, carve

MOST_CHANNELS = 4
KEYS = "images (uint8) and labels (whole numbers from 0)"


def load(
    *,
    train: str = "data.npz",
    val: float | str = 0.2,
    test: float | str = 0.2,
    split_seed: int = 0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    shift: int = 0,
    mirror: bool = False,
) -> MemoryDataModule:
    """Loads .npz files with the arrays `images` and `labels`, and perhaps `class_names`.

    Args:
        train: the file; uint8 images (N, H, W), (N, H, W, C) or (N, C, H, W), labels (N,) from 0.
        val, test: a file of the same kind, or images carved off `train`, as a number or a fraction.
        split_seed: decides which.
        mean, std: of the pixels, one number a channel; null: those of the training images.
        shift, mirror: see `Pixels`.
    """
    files = [train, *(part for part in (val, test) if isinstance(part, str))]
    held = [_read(Path(file)) for file in files]
    for file, (images, _, _) in zip(files[1:], held[1:], strict=True):
        if images.shape[1:] != held[0][0].shape[1:]:
            raise DataError(f"{file}: images of shape {images.shape[1:]}, {train} has {held[0][0].shape[1:]}")
    images, labels = (np.concatenate([each[i] for each in held]) for i in (0, 1))
    ends = np.cumsum([len(each[1]) for each in held])
    rest: Indices = np.arange(ends[0])
    parts: dict[str, Indices] = {}
    given = iter(range(1, len(held)))
    for part, share in (("val", val), ("test", test)):
        if isinstance(share, str):
            number = next(given)
            parts[part] = np.arange(ends[number - 1], ends[number])
        else:
            kept, carved = carve(labels[rest], share, split_seed, f"data.{part}", int(ends[0]))
            parts[part], rest = rest[carved], rest[kept]
    names = held[0][2] or [str(label) for label in range(int(labels.max()) + 1)]
    if len(names) <= labels.max():
        raise DataError(f"{train}: {len(names)} class_names, but the labels go up to {labels.max()}")
    pixels = Pixels(*_moments(images[rest], mean, std), shift, mirror)
    return MemoryDataModule("arrays", images, labels, {"train": rest, **parts}, pixels, names)


def _read(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]:
    """Images (N, C, H, W), labels and class names of a file; without pickles."""
    try:
        with np.load(file, allow_pickle=False) as held:
            images, labels = held["images"], held["labels"]
            names = [str(name) for name in held["class_names"]] if "class_names" in held else []
    except FileNotFoundError:
        raise DataError(f"no file {os.path.abspath(file)}; put an .npz with {KEYS} there, or set data.train") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, TypeError) as error:
        raise DataError(f"{file}: {' '.join(str(error).split())}; expected an .npz with {KEYS}") from None
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        expected = "uint8, (N, H, W), (N, H, W, C) or (N, C, H, W)"
        raise DataError(f"{file}: images are {images.dtype} {images.shape}, expected {expected}")
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer) or (labels < 0).any():
        expected = f"whole numbers from 0, ({len(images)},)"
        raise DataError(f"{file}: labels are {labels.dtype} {labels.shape}, expected {expected}")
    if not len(images):
        raise DataError(f"{file}: no images in it")
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] > MOST_CHANNELS >= images.shape[3]:
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return images, labels.astype(np.int64), names


def _moments(
    images: NDArray[np.uint8], mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, where they are not given; a channel of one value has 1."""
    channels = [images[:, channel] for channel in range(images.shape[1])]
    means = tuple(round(float(each.mean()), 3) for each in channels) if mean is None else tuple(mean)
    stds = tuple(round(float(each.std()), 3) or 1.0 for each in channels) if std is None else tuple(std)
    return means, stds
