"""Data sets that fit in memory: stored once as uint8, sliced into batches without loader processes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from explorer.data import DataError
from explorer.data.module import DataModule, Order, share
from explorer.data.split import Indices, carve

EVALUATION_BATCH = 512


@dataclass(frozen=True)
class Pixels:
    """From stored to network values: (image - mean) / std, channel by channel; and how training images are varied.

    Attributes:
        mean, std: in stored units, one number a channel.
        shift: each training image is moved by up to this many pixels, black coming in.
        mirror: each training image is mirrored, or not, by chance.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    shift: int = 0
    mirror: bool = False

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation as tensors that go with images (N, C, H, W)."""
        mean, std = (torch.tensor(numbers, device=device).view(1, -1, 1, 1) for numbers in (self.mean, self.std))
        return mean, std

    def draws(self, count: int, generator: torch.Generator) -> Tensor:
        """How `count` images are varied, (count, 3): whether they are mirrored, pixels down, pixels to the right."""
        drawn = torch.zeros(count, 3, dtype=torch.long)
        if self.mirror:
            drawn[:, 0] = torch.rand(count, generator=generator) < 0.5
        if self.shift:
            drawn[:, 1:] = torch.randint(2 * self.shift + 1, (2, count), generator=generator).T
        return drawn

    def varied(self, images: Tensor, draws: Tensor) -> Tensor:
        """Augmented images of one batch."""
        count, _, height, width = images.shape
        if self.mirror:
            images = torch.where(draws[:, 0].bool().view(-1, 1, 1, 1), images.flip(3), images)
        if self.shift:
            rows = torch.arange(height, device=images.device) + draws[:, 1:2]
            columns = torch.arange(width, device=images.device) + draws[:, 2:3]
            padded = torch.nn.functional.pad(images, [self.shift] * 4)
            which = torch.arange(count, device=images.device).view(-1, 1, 1)
            images = padded.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        return images


@dataclass(frozen=True)
class MemoryLoader:
    """Batches of `chosen` images: iterable, sized, nothing more.

    With an order (Lightning finds it under the name `sampler` and tells it the epoch) the batches are shuffled and
    augmented. Of each batch one of several ranks gets its share.
    """

    images: Tensor
    labels: Tensor
    chosen: Tensor
    pixels: Pixels
    batch_size: int
    sampler: Order | None
    rank: int = 0
    ranks: int = 1
    batch_sampler: None = None

    def __len__(self) -> int:
        return math.ceil(len(self.chosen) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        mean, std = self.pixels.on(self.images.device)
        if self.sampler is None:
            for which in torch.split(self.chosen, self.batch_size):
                yield (self.images[which].float() - mean) / std, self.labels[which]
            return
        # All draws of an epoch go to the device at once, so that no step waits for a transfer.
        generator = self.sampler.generator()
        order = torch.randperm(len(self.chosen), generator=generator).tensor_split(len(self))
        draws = torch.cat([self.pixels.draws(len(batch), generator) for batch in order]).to(self.images.device)
        whole = self.chosen[torch.cat(order).to(self.images.device)]
        for which, how in zip(whole.tensor_split(len(self)), draws.tensor_split(len(self)), strict=True):
            varied = share(self.pixels.varied(self.images[which], how), self.rank, self.ranks)
            yield (varied.float() - mean) / std, self.labels[share(which, self.rank, self.ranks)]


class MemoryDataModule(DataModule):
    """A data set held as one tensor, its parts as indices into it."""

    whole_epochs = True

    def __init__(
        self,
        name: str,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        parts: dict[str, Indices],
        pixels: Pixels,
        class_names: Sequence[str],
    ) -> None:
        """Takes images (N, C, H, W) and labels (N,) with the indices of each part."""
        shape = (images.shape[1], images.shape[2], images.shape[3])
        for key, value in (("mean", pixels.mean), ("std", pixels.std)):
            if len(value) != shape[0]:
                raise DataError(f"data {name}: {key} has {len(value)} numbers, expected {shape[0]}, one a channel")
        if pixels.shift < 0:
            raise DataError(f"data {name}: shift is {pixels.shift}, expected at least 0")
        sizes = {part: len(indices) for part, indices in parts.items()}
        super().__init__(name, shape, len(class_names), tuple(class_names), sizes)
        self.pixels = pixels
        self._held = torch.from_numpy(images), torch.from_numpy(labels)
        self._parts = {part: torch.from_numpy(indices) for part, indices in parts.items()}

    def training(self, parts: tuple[str, ...]) -> MemoryLoader:
        return self._loader(parts, self.batch_size, self.order())

    def evaluation(self, part: str) -> MemoryLoader:
        return self._loader((part,), EVALUATION_BATCH, None)

    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for held in (*self._held, *self._parts.values()):
            digest.update(held.cpu().numpy().tobytes())
        return digest.hexdigest()[:16]

    def class_counts(self, *parts: str) -> Tensor:
        labels = [self._held[1].cpu()[self._parts[part].cpu()] for part in parts]
        return torch.bincount(torch.cat(labels), minlength=self.classes)

    def preparation_facts(self) -> dict[str, Any]:
        return {"mean": list(self.pixels.mean), "std": list(self.pixels.std)}

    def _loader(self, parts: tuple[str, ...], batch_size: int, order: Order | None) -> MemoryLoader:
        chosen = torch.cat([self._parts[part] for part in parts])
        if order is None:
            chosen = share(chosen, self.rank, self.ranks)
        images, labels = self._held = self._held[0].to(self.device), self._held[1].to(self.device)  # sent there once
        chosen = chosen.to(self.device)
        return MemoryLoader(images, labels, chosen, self.pixels, batch_size, order, self.rank, self.ranks)


def official(labels: NDArray[np.int64], test_images: int, val: float, split_seed: int) -> dict[str, Indices]:
    """Parts of a data set whose last `test_images` images are its official test set; val is carved off the others."""
    fit = len(labels) - test_images
    train, held_out = carve(labels[:fit], val, split_seed, "val")
    return {"train": train, "val": held_out, "test": np.arange(fit, len(labels))}
