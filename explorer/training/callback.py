"""Lightning's callback of a job: it restores and saves checkpoints, and writes each epoch to progress.jsonl."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from explorer.arch import Architecture
from explorer.results.record import EARLIER, PLACES
from explorer.training import checkpoint as checkpoints
from explorer.training import files
from explorer.training.checkpoint import Checkpoint, CheckpointError
from explorer.training.classifier import Classifier
from explorer.training.metric import Metric
from explorer.training.recipe import Recipe

DEFAULTS = {one.name: one.default for one in fields(Recipe) if one.default is not MISSING}
WITHOUT = {key.removeprefix("data."): value for key, value in EARLIER.items() if key.startswith("data.")}
"""Values of keys that the recipe and the data of earlier versions did not have."""


InInt8: TypeAlias = Callable[[Architecture, Mapping[str, Tensor]], dict[str, float]]


class Recorder(Callback):
    """Restores the checkpoint of `first_epoch`, writes every epoch's numbers, saves a checkpoint at the end.

    With several ranks the first one writes.

    Attributes:
        curve: one dict for each epoch trained.
    """

    def __init__(
        self,
        folder: str,
        facts: dict[str, Any],
        first_epoch: int,
        part: str,
        metric: Metric | None = None,
        in_int8: InInt8 | None = None,
    ) -> None:
        """Of a job.

        Args:
            folder: takes checkpoints and progress.
            facts: identify the training in its checkpoints.
            first_epoch: epochs trained before.
            part: of the data that is evaluated: `val` or `test`.
            metric: measured beside the accuracy.
            in_int8: measures the trained network in int8. That takes as long as some epochs, so it is called after the
                job's last one; after the others the value in fp32 stands for it.
        """
        self.folder = Path(folder)
        self.facts = facts
        self.first_epoch = first_epoch
        self.part = part
        self.metric = metric
        self.in_int8 = in_int8
        self.curve: list[dict[str, float]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.first_epoch:
            checkpoint = checkpoints.load(self.folder, self.first_epoch)
            check_facts(checkpoint, self.facts, files.checkpoint(self.folder, self.first_epoch))
            restore(checkpoint, cast("Classifier", pl_module), trainer.optimizers[0])
        if trainer.is_global_zero:
            self._clear_later()
            about = self.folder / files.ARCHITECTURE  # a later training may start from these weights
            if not about.exists():
                about.write_text(cast("Classifier", pl_module).network.architecture.to_json())

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        cast("Classifier", pl_module).epoch = self.first_epoch + trainer.current_epoch
        self.started = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        classifier = cast("Classifier", pl_module)
        classifier.add_up()
        numbers: dict[str, float] = {"epoch": classifier.epoch + 1, **classifier.trained()}
        if classifier.images_evaluated:
            numbers |= classifier.evaluated(self.part)
            last = trainer.current_epoch + 1 == trainer.max_epochs
            if self.metric is not None:
                numbers |= self._measured(self.metric, classifier.answers(), last)
            if self.in_int8 is not None and trainer.is_global_zero:
                numbers |= self._int8(classifier, numbers, last)
        numbers["seconds"] = round(time.perf_counter() - self.started, 4)
        self.curve.append(numbers)
        if not trainer.is_global_zero:
            return
        with (self.folder / files.PROGRESS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(numbers) + "\n")

    def _measured(self, metric: Metric, answers: tuple[Tensor, Tensor], last: bool) -> dict[str, float]:
        """The metric; after the job's last epoch, its error as well, which takes longer."""
        name = f"{self.part}_{metric.name}"
        numbers = {name: metric(*answers)}
        error = metric.error(*answers) if last else None
        return numbers | ({} if error is None else {f"{name}_error": error})

    def _int8(self, classifier: Classifier, numbers: dict[str, float], last: bool) -> dict[str, float]:
        assert self.in_int8 is not None
        if last:
            return self.in_int8(classifier.network.architecture, classifier.network.state_dict())
        name = "acc" if self.metric is None else self.metric.name
        return {f"{self.part}_int8_{name}": numbers[f"{self.part}_{name}"]}

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        classifier = cast("Classifier", pl_module)
        ended = classifier.epoch + 1
        tensors = capture(classifier, trainer.optimizers[0] if ended < classifier.epochs else None)
        checkpoints.save(self.folder, Checkpoint(ended, tensors, self.facts))

    def _clear_later(self) -> None:
        """Removes what an earlier attempt of this job left: epochs after `first_epoch`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoints.drop(self.folder, lambda epoch: epoch > self.first_epoch)
        kept = [numbers for numbers in progress(self.folder) if numbers["epoch"] <= self.first_epoch]
        text = "".join(json.dumps(numbers) + "\n" for numbers in kept)
        if (self.folder / files.PROGRESS).exists():
            checkpoints.replace(self.folder / files.PROGRESS, text.encode())


def progress(folder: str | Path) -> list[dict[str, float]]:
    """The epochs in `progress.jsonl`; a last line that is still being written is left out."""
    file = Path(folder) / files.PROGRESS
    lines = file.read_text(encoding="utf-8").split("\n")[:-1] if file.is_file() else []
    return [json.loads(line) for line in lines]


def capture(classifier: Classifier, optimizer: torch.optim.Optimizer | None) -> dict[str, Tensor]:
    """Weights, optimizer state and which weights are held at zero, by name.

    Without an optimizer at the end of a training, from which nothing goes on.
    """
    tensors = {f"model.{name}": value for name, value in classifier.network.state_dict().items()}
    state = optimizer.state if optimizer else {}
    for name, parameter in classifier.network.named_parameters():
        for key, value in state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{name}.{key}"] = value
    return tensors | {f"removed.{name}": gone for name, gone in classifier.removed.items()}


def restore(checkpoint: Checkpoint, classifier: Classifier, optimizer: torch.optim.Optimizer) -> None:
    """Loads what `capture` returned."""
    classifier.network.load_state_dict(checkpoint.part("model"))
    saved = checkpoint.part("optimizer")
    for name, parameter in classifier.network.named_parameters():
        for full in [key for key in saved if key.rpartition(".")[0] == name]:
            value, key = saved[full], full.rpartition(".")[2]
            # In the parameter's own memory layout: the fused optimizers walk both in step.
            like = parameter if value.shape == parameter.shape else value
            optimizer.state[parameter][key] = torch.empty_like(
                like.detach(), dtype=value.dtype, device=parameter.device
            ).copy_(value)
    classifier.removed = {name: gone.to(classifier.device) for name, gone in checkpoint.part("removed").items()}


def check_facts(checkpoint: Checkpoint, facts: dict[str, Any], file: Path) -> None:
    """Raises CheckpointError if the checkpoint is another training's."""
    for key, expected in facts.items():
        found = checkpoint.facts.get(key)
        if key == "recipe" and isinstance(found, dict):  # of an earlier version, which had fewer keys
            found = DEFAULTS | found
        if key == "data" and isinstance(found, dict):  # the same, and it may lie elsewhere now
            found = {key: value for key, value in WITHOUT.items() if key in expected} | found
            found = found | {place: expected[place] for place in PLACES if place in expected}
        if found != expected:
            raise CheckpointError(f"{file}: another training's, its {key} is {found!r}, not {expected!r}")
