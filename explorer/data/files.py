"""Data sets of image files: decoded once into a cache, or in every epoch by loader processes."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from explorer.data import DataError
from explorer.data.cache import Cache, unreadable_words
from explorer.data.cached import CachedLoader
from explorer.data.folder import Sample
from explorer.data.module import DataModule, Order, generator, share
from explorer.data.preparation import Preparation
from explorer.data.sockets import place_sockets

UNREADABLE = ("stop", "skip")
"""What becomes of files that cannot be read."""


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


@dataclass(frozen=True)
class Place:
    """Where a data set of files lies.

    Attributes:
        folder: of the files, which may be at any depth.
        cache: takes what is decoded; None: it is decoded in every epoch.
        workers: processes that decode then (0: the training's own).
    """

    folder: Path
    cache: Path | None
    workers: int


class FilesDataModule(DataModule):
    """A data set of image files, in three lists."""

    def __init__(
        self,
        name: str,
        parts: Mapping[str, Sequence[Sample]],
        classes: int,
        class_names: Sequence[str],
        preparation: Preparation,
        place: Place,
        skipped: Counter[str],
    ) -> None:
        """Takes (file, class) for every image of each part, and what was left out; see `Found.skipped`."""
        shape = (3, preparation.crop, preparation.crop)
        super().__init__(name, shape, classes, tuple(class_names), {part: len(held) for part, held in parts.items()})
        self.parts = parts
        self.preparation = preparation
        self.workers = place.workers
        self.cache = cache_of(place, preparation)
        self.whole_epochs = self.cache is not None
        self.skipped = skipped
        self.animated = 0

    def training(self, parts: tuple[str, ...]) -> DataLoader[Any] | CachedLoader:
        samples = [sample for part in parts for sample in self.parts[part]]
        if self.cache is not None:
            return self._cached(samples, self.batch_size, self.order())
        batches = Batches(self.order(), self.batches, self.rank, self.ranks)
        return self._loader(Files(samples, self.preparation, self.seed), batch_sampler=batches)

    def evaluation(self, part: str) -> DataLoader[Any] | CachedLoader:
        samples = self.parts[part]
        if self.cache is not None:
            return self._cached(samples, self.batch_size, None)
        chosen = share(torch.arange(len(samples)), self.rank, self.ranks).tolist()
        files = Files([samples[i] for i in chosen], self.preparation)
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

    def class_counts(self, *parts: str) -> Tensor:
        labels = [label for part in parts for _, label in self.parts[part]]
        return torch.bincount(torch.tensor(labels, dtype=torch.long), minlength=self.classes)

    def preparation_facts(self) -> dict[str, Any]:
        how = self.preparation
        numbers = {"mean": list(how.mean), "std": list(how.std)}
        return {"resize": how.resize, "side": how.side, "crop": how.crop, "order": how.order} | numbers

    def summary(self) -> str:
        """1,234 pictures, 5 classes (smallest 12, largest 600), train / val / test 740 / 247 / 247; skipped: 3 .pdf"""
        sizes = Counter(label for held in self.parts.values() for _, label in held)
        words = f"{sum(sizes.values()):,} pictures, {self.classes} classes"
        words += f" (smallest {min(sizes.values()):,}, largest {max(sizes.values()):,})"
        words += f", train / val / test {' / '.join(f'{len(held):,}' for held in self.parts.values())}"
        words += f"; {self.animated:,} animated (first frame)" if self.animated else ""
        skipped = ", ".join(f"{count:,} {what}" for what, count in sorted(self.skipped.items()) if count)
        return words + (f"; skipped: {skipped}" if skipped else "")

    def check_images(self, done: Callable[[int], None] = lambda _: None) -> None:
        files = [file for held in self.parts.values() for file, _ in held]
        unreadable, self.animated = looked_at(files, self.preparation, self.cache, done)
        if unreadable:
            raise DataError(unreadable_words(unreadable, len(files)))

    def _cached(self, samples: Sequence[Sample], batch_size: int, order: Order | None) -> CachedLoader:
        assert self.cache is not None
        pictures = self.cache.pictures([file for file, _ in samples])
        labels = torch.tensor([label for _, label in samples])
        return CachedLoader(pictures, labels, self.preparation, batch_size, self.device, order, self.rank, self.ranks)

    def _loader(self, files: Files, **more: Any) -> DataLoader[Any]:
        if self.workers:
            place_sockets()
            # A worker of ours was itself spawned and would spawn them: seconds of imports for each, in every rung.
            context = "fork" if sys.platform == "linux" else None
            more |= {"num_workers": self.workers, "persistent_workers": True, "multiprocessing_context": context}
        return DataLoader(files, pin_memory=self.device.type == "cuda", **more)


def cache_of(place: Place, preparation: Preparation) -> Cache | None:
    """The cache of a data set's images, if it has one."""
    if place.cache is None:
        return None
    return Cache(place.cache, place.folder, preparation.decoded, preparation.decoding)


def readable(
    samples: Sequence[Sample], place: Place, preparation: Preparation, skipped: Counter[str], unreadable: str
) -> Sequence[Sample]:
    """The samples that a data set uses.

    Args:
        samples: of all its parts.
        place, preparation: of the data set.
        skipped: gets the number of files that are left out.
        unreadable: `stop` keeps all, since what cannot be read is an error later; `skip` looks at every file now and
            leaves those out.

    Raises:
        DataError: for another word, or if no file can be read.
    """
    if unreadable not in UNREADABLE:
        raise DataError(f"data.unreadable is {unreadable!r}, expected one of {', '.join(UNREADABLE)}")
    if unreadable == "stop":
        return samples
    files = [file for file, _ in dict.fromkeys(samples)]
    broken, _ = looked_at(files, preparation, cache_of(place, preparation))
    kept = [sample for sample in samples if sample[0] not in broken]
    if not kept:
        raise DataError(unreadable_words(broken, len(files)))
    skipped["unreadable"] += len(broken)
    return kept


def looked_at(
    files: Sequence[str],
    preparation: Preparation,
    cache: Cache | None,
    done: Callable[[int], None] = lambda _: None,
) -> tuple[dict[str, str], int]:
    """Files that cannot be read, and why; and how many others are animated. All cores decode what no cache holds."""
    if cache is not None:
        pictures, unreadable = cache.readable(files, done)
        return unreadable, pictures.animated

    def look(file: str) -> str | bool:
        try:
            return preparation.decoded(file).animated
        except DataError as error:
            return str(error)
        finally:
            done(1)

    with ThreadPoolExecutor(joblib.cpu_count()) as pool:  # Pillow decodes without Python's lock
        found = dict(zip(files, pool.map(look, files), strict=True))
    unreadable = {file: words for file, words in found.items() if isinstance(words, str)}
    return unreadable, sum(one for one in found.values() if one is True)
