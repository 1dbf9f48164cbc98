"""CIFAR-100: 60,000 colour images of 32x32 pixels in 100 classes."""

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
    mean: Sequence[float] = (129.3, 124.1, 112.4),
    std: Sequence[float] = (68.2, 65.4, 70.4),
    shift: int = 4,
    mirror: bool = True,
) -> MemoryDataModule:
    """Loads the set as torchvision keeps it, from cifar-100-python below `dir`."""
    expected = "the folder cifar-100-python of cifar-100-python.tar.gz"
    return cifar("cifar100", dir, download, val, split_seed, pixels(mean, std, shift, mirror), expected)
