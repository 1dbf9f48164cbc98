"""Data sets of image files, read by loader processes, prepared in the manner of the SqueezeNet authors.

Decoded, resized to `resize` pixels, cropped to `crop`, in 0..255, channels in `order`, minus `mean`, over `std`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from explorer.data import DataError
from explorer.data.folder import Sample
from explorer.data.module import DataModule, Order, generator, share
from explorer.data.picture import read

RESIZES = ("warp", "short_side")
ORDERS = ("bgr", "rgb")
MOST_NAMED = 10
"""Unreadable files that a message names."""


@dataclass(frozen=True)
class Preparation:
    """From an image file to what the network sees.

    Attributes:
        resize: `warp` makes the image a square of `side` pixels, as Caffe does; `short_side` keeps its proportions.
        side: pixels of that square's side, or of the short side.
        crop: pixels of the side that the network sees: the centre, or in training any place.
        order: of the channels, `bgr` (Caffe) or `rgb`.
        mean, std: one number a channel, in that order, for values in 0..255.
        mirror: whether a training image is mirrored by chance.
    """

    resize: str
    side: int
    crop: int
    order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mirror: bool

    def check(self) -> None:
        """Raises DataError for an impossible value."""
        for key, value, options in (("resize", self.resize, RESIZES), ("order", self.order, ORDERS)):
            if value not in options:
                raise DataError(f"data.{key} is {value!r}, expected one of {', '.join(options)}")
        if not 0 < self.crop <= self.side:
            raise DataError(f"data.crop is {self.crop}, expected 1 to data.side, {self.side}")
        if len(self.mean) != 3 or len(self.std) != 3:
            raise DataError("data.mean and data.std need three numbers each, in data.order")

    def image(self, file: str, chance: torch.Generator | None) -> Tensor:
        """Float32 (3, crop, crop); with `chance` a training image, without it always the same.

        Raises:
            DataError: if the file is no image.
        """
        picture = read(file)
        resized = picture.resize(self._size(*picture.size), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)
        free = [n - self.crop for n in pixels.shape[1:]]
        if chance is None:
            top, left = (round(n / 2) for n in free)
        else:
            top, left = (int(torch.randint(n + 1, (), generator=chance)) for n in free)
        pixels = pixels[:, top : top + self.crop, left : left + self.crop]
        if chance is not None and self.mirror and torch.rand((), generator=chance) < 0.5:
            pixels = pixels.flip(2)
        pixels = pixels.flip(0) if self.order == "bgr" else pixels
        mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (self.mean, self.std))
        values: Tensor = (pixels.float() - mean) / std
        return values

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an image after resizing; a long side is rounded down, as torchvision rounds it."""
        if self.resize == "warp":
            return self.side, self.side
        short = min(width, height)
        return self.side * width // short, self.side * height // short


@dataclass(frozen=True)
class Files(Dataset[tuple[Tensor, int]]):
    """Image files with their classes; with a seed, as they are varied in training."""

    samples: Sequence[Sample]
    preparation: Preparation
    seed: int | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """An image and its class; a training index carries its epoch, see `Order`."""
        epoch, number = divmod(index, len(self.samples))
        file, label = self.samples[number]
        chance = None if self.seed is None else generator(self.seed, epoch, number, 1)
        return self.preparation.image(file, chance), label


@dataclass(frozen=True)
class Batches(Sampler[list[int]]):
    """An order of images, cut into batches; of each, one rank's share. Lightning tells `sampler` the epoch."""

    sampler: Order
    batches: int
    rank: int
    ranks: int

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for batch in torch.tensor(list(self.sampler)).tensor_split(self.batches):
            yield share(batch, self.rank, self.ranks).tolist()


class FilesDataModule(DataModule):
    """A data set of image files, in three lists."""

    def __init__(
        self,
        name: str,
        parts: Mapping[str, Sequence[Sample]],
        classes: int,
        class_names: Sequence[str],
        preparation: Preparation,
        workers: int,
    ) -> None:
        """Takes (file, class) for every image of each part; `workers` processes read them (0: the training's own)."""
        preparation.check()
        shape = (3, preparation.crop, preparation.crop)
        super().__init__(name, shape, classes, tuple(class_names), {part: len(held) for part, held in parts.items()})
        self.parts = parts
        self.preparation = preparation
        self.workers = workers

    def training(self, parts: tuple[str, ...]) -> DataLoader[Any]:
        samples = [sample for part in parts for sample in self.parts[part]]
        batches = Batches(self.order(), self.batches, self.rank, self.ranks)
        return self._loader(Files(samples, self.preparation, self.seed), batch_sampler=batches)

    def evaluation(self, part: str) -> DataLoader[Any]:
        chosen = share(torch.arange(len(self.parts[part])), self.rank, self.ranks).tolist()
        files = Files([self.parts[part][i] for i in chosen], self.preparation)
        return self._loader(files, batch_size=max(1, self.batch_size // self.ranks))

    def fingerprint(self) -> str:
        """Of the files' names below their common folder, sizes, classes and parts; what is in them is not read."""
        samples = [(part, file, label) for part, held in sorted(self.parts.items()) for file, label in held]
        root = os.path.commonpath([os.path.dirname(file) for _, file, _ in samples]) if samples else ""
        digest = hashlib.sha256()
        for part, file, label in samples:
            line = (part, os.path.relpath(file, root), os.path.getsize(file), label)
            digest.update(repr(line).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def check_images(self) -> None:
        files = [file for held in self.parts.values() for file, _ in held]
        with ThreadPoolExecutor(max(1, self.workers)) as pool:  # Pillow decodes without Python's lock
            unreadable = [error for error in pool.map(_unreadable, files) if error]
        if unreadable:
            more = f" and {len(unreadable) - MOST_NAMED:,} more" if len(unreadable) > MOST_NAMED else ""
            count = f"{len(unreadable):,} of {len(files):,} images cannot be read: "
            raise DataError((count if len(unreadable) > 1 else "") + "; ".join(unreadable[:MOST_NAMED]) + more)

    def _loader(self, files: Files, **more: Any) -> DataLoader[Any]:
        if self.workers:
            # A worker of ours was itself spawned and would spawn them: seconds of imports for each, in every rung.
            context = "fork" if sys.platform == "linux" else None
            more |= {"num_workers": self.workers, "persistent_workers": True, "multiprocessing_context": context}
        return DataLoader(files, pin_memory=self.device.type == "cuda", **more)


def _unreadable(file: str) -> str:
    """Why a picture cannot be read; "" if it can."""
    try:
        read(file)
    except DataError as error:
        return str(error)
    return ""
