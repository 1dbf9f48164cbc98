"""Batches of pictures that a cache holds, made in the training's own process."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.data.cache import Pictures
from explorer.data.module import Order, generator, share
from explorer.data.preparation import Preparation


@dataclass(frozen=True)
class CachedLoader:
    """Batches (images (N, 3, crop, crop), labels (N,)) of pictures: iterable, sized, nothing more.

    With an order (Lightning finds it under the name `sampler` and tells it the epoch) the batches are shuffled and
    varied, each picture by (seed, epoch, its place), as loader processes vary it. Of each batch a rank gets its share.
    """

    pictures: Pictures
    labels: Tensor
    preparation: Preparation
    batch_size: int
    device: torch.device
    sampler: Order | None = None
    rank: int = 0
    ranks: int = 1
    batch_sampler: None = None

    def __len__(self) -> int:
        return math.ceil(len(self.labels) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        if self.sampler is None:
            held = share(torch.arange(len(self.labels)), self.rank, self.ranks)
            batches = torch.split(held, max(1, self.batch_size // self.ranks))
            yield from (self._batch(which, None) for which in batches)
            return
        key = self.sampler.seed, self.sampler.epoch
        for batch in self.sampler.permutation().tensor_split(len(self)):
            yield self._batch(share(batch, self.rank, self.ranks), key)

    def _batch(self, which: Tensor, key: tuple[int, int] | None) -> tuple[Tensor, Tensor]:
        crop = self.preparation.crop
        seen = np.empty((len(which), 3, crop, crop), np.uint8)
        for place, number in enumerate(which.tolist()):
            chance = None if key is None else generator(*key, number, 1)
            seen[place] = self.preparation.window(self.pictures[number], chance)
        images = torch.from_numpy(seen).to(self.device, non_blocking=True)
        return self.preparation.values(images), self.labels[which].to(self.device)
