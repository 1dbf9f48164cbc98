"""A trial's network, trained as its study trains it, compressed after each training, and written as a .sqz file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from explorer import data as datasets
from explorer.arch import Architecture
from explorer.compression import deep
from explorer.compression.codec import container
from explorer.compression.decoded import decoded_network, measured
from explorer.data.module import DataModule
from explorer.results.compressed import Compressed, Memory
from explorer.results.metric import metric_of
from explorer.results.record import StudyRecord, TrialRecord
from explorer.storage import attributes
from explorer.training import files, job
from explorer.training import recipe as recipes
from explorer.training.checkpoint import CheckpointError
from explorer.training.metric import Metric

FRESH = 1000
"""Seeds beyond the study's start so far above them."""


@dataclass(frozen=True)
class OneSeed:
    """What one training's network was compressed to.

    Attributes:
        bytes: of its file.
        nonzero: weights that are not zero.
        before, after: the study's metric as trained, and as decoded from the file.
        error: of `after`, over the images; None where it is binomial.
        metric: its name.
        ram: bytes of TFLite Micro's arena; None for a .sqz file.
        memory: what it needs with fewer layers packed; empty for a .sqz file.
    """

    bytes: int
    nonzero: int
    before: float
    after: float
    error: float | None
    metric: str
    ram: int | None = None
    memory: tuple[Memory, ...] = ()

    def words(self) -> str:
        """One line for people."""
        size = f"{self.bytes:,} bytes" if self.ram is None else f"{self.bytes:,} bytes, arena {self.ram:,}"
        return f"{size}, {self.nonzero:,} weights, {self.metric} {self.before:.4f} -> {self.after:.4f}"


class TrialCompression:
    """Compresses a trial's network, seed by seed."""

    def __init__(
        self, record: StudyRecord, trial: TrialRecord, settings: deep.CompressionSettings, trainings: Path, folder: Path
    ) -> None:
        """Reads the study's data.

        Args:
            record, trial: which network.
            settings: how it is compressed.
            trainings: takes the checkpoint of each seed's training, which the next compression finds there.
            folder: takes SEED.sqz and compressed.json.
        """
        torch.set_num_threads(1)  # as in a search: the same weights, and small networks gain nothing from more
        self._record, self._trial, self._settings = record, trial, settings
        self._trainings, self._folder = trainings, folder
        self._architecture = Architecture.from_json(trial.architecture)
        self._recipe: dict[str, Any] = record.config["recipe"] | trial.adjusted
        self._data: DataModule = datasets.load(record.config["data"])
        self._metric = Metric(metric_of(record.config), self._data.classes)
        self._name = f"val_{self._metric.name}"  # in fp32, even where the search went by int8

    def seeds(self, count: int) -> list[int]:
        """The trial's own seeds, then fresh ones: so many in all."""
        fresh = [max(self._trial.seeds) + FRESH + k for k in range(count)]
        return [*self._trial.seeds, *fresh][:count]

    def compress(self, seed: int) -> OneSeed:
        """Trains with a seed, compresses, writes the file, and evaluates what it decodes to.

        Raises:
            CompressionError: if the budget is too small.
        """
        weights, before = self._trained(seed)
        recipe, file = recipes.read(self._recipe), self._folder / f"{seed}.{self._settings.format}"
        if self._settings.format == "tflite":
            return self._in_int8(weights, before, recipe, seed, file)
        tensors = deep.compress(self._architecture, weights, self._data, recipe, self._settings, seed)
        size = container.write(file, self._architecture, tensors)
        decoded, values = container.read(file)
        nonzero = sum(int((value != 0).sum()) for value in values.values() if value.ndim > 1)
        after, error = measured(decoded_network(decoded, values), self._data, self._metric)
        return OneSeed(size, nonzero, before, after, error, self._name)

    def _in_int8(
        self, weights: Mapping[str, Tensor], before: float, recipe: recipes.Recipe, seed: int, file: Path
    ) -> OneSeed:
        """The same as a .tflite file, with the rounded weights in a folder beside it, from which firmware is made."""
        from explorer.compression import tflite  # TFLite Micro is an extra
        from explorer.training.int8 import answers

        found = tflite.compress(self._architecture, weights, self._data, recipe, self._settings, seed)
        ram = tflite.write(found.int8, found.image, file, next(iter(self._data.evaluation("val")))[0])
        beside = file.with_suffix("")
        beside.mkdir()
        save_file({name: each.contiguous() for name, each in found.weights.items()}, beside / files.WEIGHTS)
        save_file(found.codes, beside / files.CODES)
        (beside / files.ARCHITECTURE).write_text(self._trial.architecture)
        logits, labels = answers(found.int8, found.image, self._data, "val")
        kept = [each.weights for each in found.int8.filters if each is not None]
        nonzero, error = sum(int((each != 0).sum()) for each in kept), self._metric.error(logits, labels)
        after = self._metric(logits, labels)
        memory = tflite.trade_off(found.int8)
        return OneSeed(file.stat().st_size, nonzero, before, after, error, self._name, ram, memory)

    def keep(self, results: Mapping[int, OneSeed], plan: str, storage: str) -> Compressed:
        """Keeps the results by seed, in the folder and with the study; `plan` are the settings in words."""
        rows, trial = results.values(), self._trial
        result = Compressed(
            study=self._record.name,
            trial=trial.number,
            identity=trial.identity,
            plan=plan,
            params=trial.params,
            seeds=tuple(results),
            bytes=tuple(row.bytes for row in rows),
            before=tuple(row.before for row in rows),
            after=tuple(row.after for row in rows),
            nonzero=tuple(row.nonzero for row in rows),
            val_images=self._data.images["val"],
            metric=self._name,
            errors=tuple(row.error for row in rows),
            format=self._settings.format,
            ram=tuple(row.ram for row in rows if row.ram is not None),
        )
        (self._folder / "compressed.json").write_text(json.dumps(result.plain(), indent=1))
        attributes.keep_compressed(storage, result)
        return result

    def _trained(self, seed: int) -> tuple[dict[str, Tensor], float]:
        """Weights after the study's training with a seed, and their metric; trained once, then kept."""
        epochs, folder = self._record.config["epochs"], self._trainings / str(seed)
        name, metric = self._name, metric_of(self._record.config)
        facts: dict[str, Any] = {"identity": self._trial.identity, "recipe": self._recipe, "epochs": epochs}
        facts |= {"data": self._record.config["data"], "seed": seed}
        file = folder / f"{name}.json"
        try:
            kept = json.loads(file.read_text())
            if kept["facts"] == json.loads(json.dumps(facts)):
                return job.weights(folder), float(kept[name])
        except (OSError, ValueError, KeyError, CheckpointError):
            pass  # not trained yet, or torn
        asked = job.Job(
            self._trial.architecture, self._recipe, facts["data"], seed, 0, epochs, epochs, str(folder), metric=metric
        )
        reached = job.run(asked).curve[-1][name]
        file.write_text(json.dumps({"facts": facts, name: reached}))
        return job.weights(folder), reached
