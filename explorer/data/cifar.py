"""CIFAR-10 and CIFAR-100, which differ in name, classes and folder alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from explorer.data.download import torchvision_sets
from explorer.data.memory import MemoryDataModule, Pixels, official


def cifar(
    name: str, folder: str, download: bool, val: float, split_seed: int, pixels: Pixels, expected: str
) -> MemoryDataModule:
    """Loads the set called `name`; see `cifar10.load`."""
    train, test = torchvision_sets(name, name.upper(), folder, download, expected)
    images = np.concatenate([train.data, test.data]).transpose(0, 3, 1, 2).copy()
    labels = np.array([*train.targets, *test.targets], dtype=np.int64)
    parts = official(labels, len(test.targets), val, split_seed)
    return MemoryDataModule(name, images, labels, parts, pixels, train.classes)


def pixels(mean: Sequence[float], std: Sequence[float], shift: int, mirror: bool) -> Pixels:
    """From a config's lists."""
    return Pixels(tuple(mean), tuple(std), shift, mirror)
