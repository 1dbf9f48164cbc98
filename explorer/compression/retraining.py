"""A network between training and its compressed file: what it was, what it is, and how it is trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.arch import Architecture
from explorer.compression import finetune
from explorer.data.module import DataModule
from explorer.training.network import build
from explorer.training.recipe import Recipe

CALIBRATION = 192
"""Training images that the Fisher information is measured on."""


@dataclass(frozen=True)
class CompressionSettings:
    """How a network is compressed.

    Attributes:
        budget: bytes of the file; None with `densities`.
        densities: by layer the share of weights that stays; None: chosen.
        bits: of the codes of every layer; None: chosen.
        rounds: of pruning, each followed by training.
        epochs: of training, over all rounds of pruning and the codebooks' training.
        lr: highest rate, as a factor of the recipe's.
        tolerance: accuracy on training images that may be lost; where the budget loses more, it is exceeded. None: any.
        format: of the file: `sqz`, the smallest there is, or `tflite`, which TFLite Micro runs as it is.
        ram: bytes of TFLite Micro's arena at most; None: any.
        flash: bytes of its file at most, whatever that loses; None: any.
    """

    budget: int | None
    densities: Mapping[str, float] | None = None
    bits: int | None = None
    rounds: int = 6
    epochs: int = 96
    lr: float = 0.5
    tolerance: float | None = None
    format: str = "sqz"
    ram: int | None = None
    flash: int | None = None


def round_budget(budget: int, beside: int, dense: float, share: float) -> int:
    """Bytes of the file after a share of the rounds: its weights fall to the budget by a constant factor a round.

    Args:
        budget: bytes after the last round.
        beside: bytes of the file that are no weights.
        dense: bytes of the weights before the first round.
        share: rounds that have been, over all.
    """
    room = float(max(budget - beside, 1))
    return budget if share == 1 or room >= dense else beside + round(dense ** (1 - share) * room**share)


class Retraining:
    """A trained network that is changed and trained on, towards the answers that it gave before (distillation).

    Labels alone, which so few weights can be trained to give for the training images, leave the answers to other images
    to chance. The validation and test splits are not looked at.

    Args:
        architecture: the network.
        weights: its trained tensors, by their names.
        data: what it was trained on.
        recipe: how it was trained.
        settings: how it is compressed.
        seed: of order, augmentation and the labels drawn for the Fisher information.
        report: takes a line about each step.

    Attributes:
        network: as it is now.
        images: of the train split, (N, C, H, W), that the Fisher information is measured on.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Mapping[str, Tensor],
        data: DataModule,
        recipe: Recipe,
        settings: CompressionSettings,
        seed: int,
        report: Callable[[str], None],
    ) -> None:
        self.network, self.teacher = build(architecture, recipe.dropout), build(architecture).eval()
        for each in (self.network, self.teacher):
            each.load_state_dict(dict(weights), strict=False)
        self.data, self.recipe, self.settings, self.seed, self.report = data, recipe, settings, seed, report
        data.arrange("train", recipe.batch_size, seed)
        self.images = torch.cat([batch for batch, _ in data.evaluation("train")])[:CALIBRATION]
        self.least = 0.0  # training accuracy
        if settings.tolerance is not None:
            self.least = finetune.train_accuracy(self.network, data) - settings.tolerance

    def train(self, epochs: int, number: int, lr: float = 1.0) -> None:
        """Trains on; `number` makes each time's order its own, `lr` is a factor of the settings' rate."""
        rate, seed = self.settings.lr * lr, self.seed + number
        finetune.train(self.network, self.data, self.recipe, epochs, rate, seed, self.teacher)

    def lost_too_much(self) -> bool:
        """Whether accuracy on training images is below what the settings tolerate."""
        if self.settings.tolerance is None:
            return False
        return finetune.train_accuracy(self.network, self.data) < self.least

    def state(self) -> dict[str, Tensor]:
        """A copy of the network's tensors."""
        return {name: value.clone() for name, value in self.network.state_dict().items()}
