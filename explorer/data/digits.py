"""scikit-learn's hand-written digits: 1,797 grey images of 8x8 pixels, inside the package; nothing to download."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.data.memory import MemoryDataModule, Pixels
from explorer.data.split import carve


def load(
    *,
    val: float = 360,
    test: float = 360,
    split_seed: int = 0,
    mean: Sequence[float] = (4.884,),
    std: Sequence[float] = (6.017,),
    shift: int = 0,
    mirror: bool = False,
) -> MemoryDataModule:
    """Loads the digits; pixels are 0..16."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.int64)
    rest, tested = carve(labels, test, split_seed, "test")
    train, held_out = carve(labels[rest], val, split_seed, "val", len(labels))
    parts = {"train": rest[train], "val": rest[held_out], "test": tested}
    pixels = Pixels(tuple(mean), tuple(std), shift, mirror)
    return MemoryDataModule("digits", images, labels, parts, pixels, [str(digit) for digit in range(10)])
