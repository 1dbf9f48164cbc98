"""Data of the user's own code: any LightningDataModule on the Python path, its data sets in our order and batches."""

from __future__ import annotations

import hashlib
import importlib
import platform
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import ConcatDataset, DataLoader, Dataset

from explorer.alone import alone
from explorer.data import DataError
from explorer.data.files import Batches
from explorer.data.module import DataModule, generator, share

LOADERS = {"train": "train_dataloader", "val": "val_dataloader", "test": "test_dataloader"}


def load(*, target: str | None = None, options: dict[str, Any] | None = None, classes: int | None = None) -> DataModule:
    """Makes the module that a target names.

    Args:
        target: MODULE:CLASS on the Python path, a LightningDataModule.
        options: keyword arguments of the class.
        classes: null: `num_classes` of the module, or as many as its training set has names for.
    """
    if target is None or target.count(":") != 1:
        raise DataError(f"data.target is {target!r}, expected MODULE:CLASS, such as my_package.photos:Photos")
    theirs = _made(target, dict(options or {}))
    parts = {part: _loader(target, theirs, method) for part, method in LOADERS.items()}
    names = _names(parts["train"].dataset)
    found = classes or getattr(theirs, "num_classes", None) or len(names)
    if not isinstance(found, int) or found < 2:
        raise DataError(f"data.target={target}: how many classes? data.classes=N, or an attribute num_classes")
    return OwnDataModule(target, parts, found, names if len(names) == found else ())


class OwnDataModule(DataModule):
    """The data sets behind another module's loaders.

    Their order and batches are ours, so that a training is the same bits in one piece or in several; their loaders'
    collate_fn and num_workers are kept. What an item draws at random depends on (seed, epoch, item) alone.
    """

    def __init__(self, target: str, loaders: dict[str, DataLoader[Any]], classes: int, names: Sequence[str]) -> None:
        self.loaders = loaders
        images, labels = self._first(target, "train")
        if images.ndim != 4 or not images.is_floating_point() or labels.ndim != 1 or labels.is_floating_point():
            found = f"{images.dtype} {tuple(images.shape)} and {labels.dtype} {tuple(labels.shape)}"
            raise DataError(f"data.target={target}: a batch is {found}, expected float (N, C, H, W) and whole (N,)")
        shape = (images.shape[1], images.shape[2], images.shape[3])
        sizes = {part: len(Items([loader.dataset], 0)) for part, loader in loaders.items()}
        super().__init__("module", shape, classes, tuple(names), sizes)

    def _first(self, target: str, part: str) -> tuple[Tensor, Tensor]:
        loader = self.loaders[part]
        collate = loader.collate_fn
        try:
            images, labels = collate([Items([loader.dataset], 0)[0]])
            return torch.as_tensor(images), torch.as_tensor(labels)
        except Exception as error:  # another's code may raise anything
            raise DataError(f"data.target={target}: its first {part} item: {_words(error)}") from error

    def training(self, parts: tuple[str, ...]) -> DataLoader[Any]:
        items = Items([self.loaders[part].dataset for part in parts], self.seed)
        batches = Batches(self.order(), self.batches, self.rank, self.ranks)
        return self._loader(parts[0], items, batch_sampler=batches)

    def evaluation(self, part: str) -> DataLoader[Any]:
        items = Items([self.loaders[part].dataset], 0)
        chosen = share(torch.arange(len(items)), self.rank, self.ranks).tolist()
        held = torch.utils.data.Subset(items, chosen)
        return self._loader(part, held, batch_size=max(1, self.batch_size // self.ranks))

    def _loader(self, part: str, items: Dataset[Any], **more: Any) -> DataLoader[Any]:
        theirs = self.loaders[part]
        more |= {"num_workers": theirs.num_workers, "generator": torch.Generator()}  # else it draws from torch's own
        return DataLoader(items, collate_fn=theirs.collate_fn, **more)

    def fingerprint(self) -> str:
        """Of the sizes of the parts, and of the first, the middle and the last item of each."""
        digest = hashlib.sha256()
        for part, loader in self.loaders.items():
            items = Items([loader.dataset], 0)
            for place in sorted({0, len(items) // 2, len(items) - 1}):
                image, label = items[place]
                digest.update(repr((part, len(items), int(label))).encode())
                digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()[:16]

    def part_counts(self) -> dict[str, Tensor]:
        """Nothing: to count the classes, every item would have to be made."""
        return {}


class Items(Dataset[tuple[Any, Any]]):
    """The items of some data sets, one after the other; an index carries its epoch, as `Order` has it."""

    def __init__(self, held: Sequence[Dataset[Any]], seed: int) -> None:
        self.held: ConcatDataset[Any] = ConcatDataset(held)
        self.seed = seed

    def __len__(self) -> int:
        return len(self.held)

    def __getitem__(self, index: int) -> Any:
        epoch, number = divmod(index, len(self.held))
        with _drawing_by(generator(self.seed, epoch, number, 1).initial_seed()):
            return self.held[number]


@contextmanager
def _drawing_by(seed: int) -> Iterator[None]:
    """Seeds every generator that an item's code may use, and puts them back: the training draws its dropout there."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def _made(target: str, options: dict[str, Any]) -> LightningDataModule:
    """The module, its data fetched by one process at a time and set up."""
    module, _, name = target.partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise DataError(f"data.target={target} cannot be imported on {platform.node()}: {_words(error)}") from error
    if not (isinstance(kind, type) and issubclass(kind, LightningDataModule)):
        raise DataError(f"data.target={target} is {kind!r}, expected a LightningDataModule")
    try:
        made = kind(**options)
        with alone(Path(target)):
            made.prepare_data()
        for stage in ("fit", "test"):
            made.setup(stage)
    except Exception as error:
        raise DataError(f"data.target={target}: {_words(error)}") from error
    return made


def _loader(target: str, module: LightningDataModule, method: str) -> DataLoader[Any]:
    try:
        loader = getattr(module, method)()
    except Exception as error:
        raise DataError(f"data.target={target}: {method}(): {_words(error)}") from error
    if not isinstance(loader, DataLoader) or not hasattr(loader.dataset, "__getitem__"):
        raise DataError(
            f"data.target={target}: {method}() gives {loader!r}, expected a DataLoader over items by number"
        )
    return loader


def _names(dataset: Any) -> tuple[str, ...]:
    """Names of the classes, as torchvision's data sets have them."""
    names = getattr(dataset, "classes", ())
    return tuple(names) if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names) else ()


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
