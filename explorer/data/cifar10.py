"""CIFAR-10: 60,000 colour images of 32x32 pixels in 10 classes."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.data.cifar import cifar, pixels
from explorer.data.memory import MemoryDataModule


def load(
    *,
    dir: str = "data",  # noqa: A002
    download: bool = False,
    val: float = 5_000,
    split_seed: int = 0,
    mean: Sequence[float] = (125.3, 123.0, 113.9),
    std: Sequence[float] = (63.0, 62.1, 66.7),
    shift: int = 4,
    mirror: bool = True,
) -> MemoryDataModule:
    """Loads the set as torchvision keeps it, from cifar-10-batches-py below `dir`."""
    expected = "the folder cifar-10-batches-py of cifar-10-python.tar.gz"
    return cifar("cifar10", dir, download, val, split_seed, pixels(mean, std, shift, mirror), expected)
