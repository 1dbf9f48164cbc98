"""Base of the data sets: shape, classes, and loaders whose order depends on (seed, epoch) alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import Sampler

from explorer.data import DataError

SPLITS = {"train": (("train",), "val"), "trainval": (("train", "val"), "test")}
"""Name of a split -> (parts trained on, part evaluated on)."""


class Order(Sampler[int]):
    """A fresh permutation every epoch, decided by (seed, epoch).

    Lightning calls `set_epoch` with the epochs it has run itself, so a resumed training adds those before.
    """

    def __init__(self, images: int, seed: int, first_epoch: int) -> None:
        self.images = images
        self.seed = seed
        self.first_epoch = first_epoch
        self.epoch = first_epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = self.first_epoch + epoch

    def generator(self) -> torch.Generator:
        """Random numbers of this epoch: first the permutation, then the augmentation."""
        return generator(self.seed, self.epoch)

    def permutation(self) -> Tensor:
        """This epoch's order of the images, (images,)."""
        return torch.randperm(self.images, generator=self.generator())

    # The epoch travels inside the index, so that a loader process can draw each image's augmentation from
    # (seed, epoch, image) whichever process it is.
    def __iter__(self) -> Iterator[int]:
        yield from (self.epoch * self.images + self.permutation()).tolist()

    def __len__(self) -> int:
        return self.images


def share(held: Tensor, rank: int, ranks: int) -> Tensor:
    """The share of rank `rank` in a batch or a part; shares differ by at most one image."""
    return held.tensor_split(ranks)[rank]


def generator(*key: int) -> torch.Generator:
    """A generator for each tuple of whole numbers."""
    seed = 0
    for part in key:
        seed = (seed * 6364136223846793005 + part * 2 + 1442695040888963407) % 2**63
    return torch.Generator().manual_seed(seed)


class WholeEpochs:
    """One item an epoch: an iterator over the batches of a loader."""

    batch_sampler: None = None

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.sampler = loader.sampler  # Lightning tells it the epoch

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Iterator[tuple[Tensor, Tensor]]]:
        yield iter(self.loader)


class DataModule(LightningDataModule):
    """A data set in three fixed parts.

    Attributes:
        name: of the data set.
        input_shape: (channels, height, width) of one image as the network sees it.
        classes: number of classes.
        class_names: in the order of their numbers; empty if unknown.
        images: number of images in `train`, `val` and `test`.
        whole_epochs: whether its loaders work in the training's own process, so that all steps of an epoch can be
            taken in one call.
    """

    whole_epochs = False

    def __init__(
        self,
        name: str,
        input_shape: tuple[int, int, int],
        classes: int,
        class_names: tuple[str, ...],
        images: dict[str, int],
    ) -> None:
        super().__init__()
        self.name = name
        self.input_shape = input_shape
        self.classes = classes
        self.class_names = class_names
        self.images = images
        self.arrange("train")

    def arrange(
        self,
        split: str,
        batch_size: int = 256,
        seed: int = 0,
        first_epoch: int = 0,
        device: str | torch.device = "cpu",
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Chooses the images, the order and the batches of the loaders.

        Args:
            split: `train` (fit on train, evaluate on val) or `trainval` (fit on train and val, evaluate on test).
            batch_size: images of one training batch, at most; the batches of an epoch differ by at most one image: a
                last batch of a handful would be a step on noise.
            seed: decides, with the epoch, the order and the augmentation.
            first_epoch: epochs trained before.
            device: of the batches, for data sets held in memory.
            rank, ranks: which of how many processes that train together this is: the loaders then give out its share
                of every batch, and its share of the images evaluated on.
        """
        if split not in SPLITS:
            raise DataError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        self.fit_parts, self.evaluated_part = SPLITS[split]
        self.batch_size, self.seed, self.first_epoch, self.device = batch_size, seed, first_epoch, torch.device(device)
        self.rank, self.ranks = rank, ranks

    @property
    def fit_images(self) -> int:
        """Images trained on in the arranged split."""
        return sum(self.images[part] for part in self.fit_parts)

    @property
    def batches(self) -> int:
        """Training batches of an epoch."""
        return math.ceil(self.fit_images / self.batch_size)

    def images_of(self, batch: int) -> int:
        """Images of an epoch's training batch (from 0), over all ranks."""
        return self.fit_images // self.batches + (batch < self.fit_images % self.batches)

    def order(self) -> Order:
        """The order of the arranged training images."""
        return Order(self.fit_images, self.seed, self.first_epoch)

    def train_dataloader(self) -> Any:
        """For Lightning: the arranged split's training images."""
        return self.training(self.fit_parts)

    def val_dataloader(self) -> Any:
        """For Lightning: the images that the arranged split evaluates on."""
        return self.evaluation(self.evaluated_part)

    def training(self, parts: tuple[str, ...]) -> Any:
        """Shuffled, augmented batches (images (N, C, H, W), labels (N,)) of the named parts."""
        raise NotImplementedError

    def evaluation(self, part: str) -> Any:
        """Every image of a part once, as it is, in fixed order."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Tells these images, labels and parts from others: the same wherever the data lie."""
        raise NotImplementedError

    def summary(self) -> str:
        """What there is, in words; empty where everybody knows."""
        return ""

    def class_counts(self, *parts: str) -> Tensor:
        """Images of each class in some parts, (classes,)."""
        labels = [batch.cpu() for part in parts for _, batch in self.evaluation(part)]
        return torch.bincount(torch.cat(labels), minlength=self.classes)

    def part_counts(self) -> dict[str, Tensor]:
        """Images of each class, (classes,), in each part that has images; empty if counting them takes long."""
        return {part: self.class_counts(part) for part, images in self.images.items() if images}

    def preparation_facts(self) -> dict[str, Any]:
        """From a picture to what the network sees, as plain data; empty if that is unknown.

        `mean` and `std`, one number a channel, in the units of a stored pixel; and for pictures of any size `resize`,
        `side`, `crop` and `order`, as `explorer.data.preparation.Preparation` has them.
        """
        return {}

    def check_images(self, done: Callable[[int], None] = lambda _: None) -> None:
        """Looks at every image before the first training.

        Args:
            done: called with how many more were looked at, from any thread.

        Raises:
            DataError: naming those that cannot be read.
        """
