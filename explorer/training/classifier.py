"""The Lightning module: loss, optimizer, learning rate, the numbers of an epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.utilities.distributed import gather_all_tensors

from explorer.arch import Architecture
from explorer.data.module import generator
from explorer.training.cuda_graph import replayed
from explorer.training.network import Network, build, channels_last
from explorer.training.recipe import Recipe, TrainingError
from explorer.training.sparsity import Removed, hold_at_zero, set_to_zero, smallest


class Classifier(LightningModule):
    """Trains a network by a recipe.

    The seed decides everything random: the initial weights, and the dropout, which is seeded with (seed, epoch). So a
    checkpoint of the weights, which of them are held at zero, the optimizer's state and the epoch is enough to go on
    with the same bits. Sums stay tensors until the epoch ends, so that a GPU is waited for once an epoch.

    With `whole_epochs` an epoch is one batch to Lightning, and the steps are taken here, in the order of its loop and
    with the same bits: its hooks take up to a third of a small network's step, and cannot be part of a CUDA graph.

    Each of several ranks has its share of every batch. The mean of their gradients is that of the whole batch, their
    sums are added up when the epoch ends, and batch normalisation uses each rank's share alone.
    """

    def __init__(
        self,
        architecture: Architecture,
        recipe: Recipe,
        seed: int,
        epochs: int,
        epoch_steps: int,
        *,
        whole_epochs: bool = False,
        class_counts: Tensor | None = None,
        keep_logits: bool = False,
    ) -> None:
        """Builds the network and draws its weights.

        Args:
            architecture: the network.
            recipe: how it is trained.
            seed: of the initial weights and the dropout.
            epochs: of the full length.
            epoch_steps: optimizer steps of an epoch.
            whole_epochs: whether the training loader gives one item an epoch: an iterable over its batches.
            class_counts: training images of each class, (classes,); needed for `Recipe.class_weights` alone.
            keep_logits: whether an evaluation keeps every image's, for `answers`.
        """
        super().__init__()
        self.automatic_optimization = not whole_epochs
        self.recipe = recipe
        self.seed = seed
        self.epochs = epochs
        self.epoch_steps = epoch_steps
        self.removed: Removed = {}
        self.class_weights = None if recipe.class_weights is None else balanced(class_counts)
        self.network = build(architecture, recipe.dropout)
        initialise(self.network, recipe, generator(seed, 0))
        self.epoch = 0
        self.lr = 0.0
        self._trained = self.images_evaluated = 0
        self._keep_logits = keep_logits
        self._logits: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._sums = _zeros(torch.device("cpu"))
        self._totals = self._sums
        self._take_step: Callable[..., None] = self._step

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, classes)."""
        logits: Tensor = self.network(channels_last(images))
        return logits

    def training_step(self, batch: Any, batch_idx: int) -> Tensor | None:
        if not self.automatic_optimization:
            self._train_epoch(batch)
            return None
        images, labels = batch
        loss = self._training_loss(images, labels)
        self._trained += len(labels)
        ranks = self.trainer.world_size
        if ranks > 1:  # the shares of a batch may differ by one image
            whole = self.trainer.datamodule.images_of(batch_idx)  # type: ignore[attr-defined]
            loss = loss * (len(labels) * ranks / whole)
        return loss

    def _training_loss(self, images: Tensor, labels: Tensor) -> Tensor:
        smoothing, weights = self.recipe.label_smoothing, self.class_weights
        if weights is None:
            loss = F.cross_entropy(self(images), labels, label_smoothing=smoothing)
        else:  # torch's mean would divide by the weights of the batch, which differ from batch to batch
            loss = F.cross_entropy(self(images), labels, weights, label_smoothing=smoothing, reduction="sum")
            loss = loss / len(labels)
        self._sums[0].add_(loss.detach() * len(labels))
        return loss

    def _train_epoch(self, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Takes the optimizer steps of an epoch."""
        coming, step = iter(batches), 0
        with torch.autocast(self.device.type, enabled=False):  # Lightning's would span all passes and their backwards
            while passes := list(islice(coming, self.recipe.accumulate)):
                self._set_rate(step)
                self._take_step(*(tensor for each in passes for tensor in each))
                self._trained += sum(len(labels) for _, labels in passes)
                step += 1

    def _step(self, *passes: Tensor) -> None:
        self.step(self.trainer.optimizers[0], *passes)

    def step(self, optimizer: torch.optim.Optimizer, *passes: Tensor) -> None:
        """One optimizer step on images and labels, images and labels, ..."""
        optimizer.zero_grad()
        for images, labels in zip(passes[::2], passes[1::2], strict=True):
            with self._precision():
                loss = self._training_loss(images, labels)
            (loss / self.recipe.accumulate).backward()  # type: ignore[no-untyped-call]
        self.on_before_optimizer_step(optimizer)
        optimizer.step()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.recipe.precision == "32-true":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16, cache_enabled=False)  # each weight is cast once a pass

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        images, labels = batch
        logits = self(images).float()
        self._sums[1].add_(F.cross_entropy(logits, labels, reduction="sum"))
        self._sums[2].add_((logits.argmax(1) == labels).sum())
        self.images_evaluated += len(labels)
        if self._keep_logits:
            self._logits.append(logits)
            self._labels.append(labels)

    def on_fit_start(self) -> None:
        if self.class_weights is not None:
            self.class_weights = self.class_weights.to(self.device)

    def on_train_epoch_start(self) -> None:
        self._clear()
        phase, first, _ = self.recipe.phase(self.epoch, self.epochs)
        if self.epoch == first:
            self.trainer.optimizers[0].state.clear()
            self.removed = smallest(self.network, phase.sparsity)
            set_to_zero(self.network, self.removed)
        if self.epoch == first or self.trainer.current_epoch == 0:  # a recorded step is bound to its tensors
            self._take_step = replayed(self._step, self.device)
        rank = (self.global_rank,) if self.global_rank else ()  # different images, different dropout
        torch.manual_seed(generator(self.seed, self.epoch + 1, *rank).initial_seed())

    def on_train_end(self) -> None:
        self._take_step = self._step  # frees the device memory of a recorded step

    def on_validation_start(self) -> None:
        if self.trainer.world_size > 1:  # all ranks evaluate the first one's buffers
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, 0)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        if self.automatic_optimization:
            self._set_rate(batch_idx // self.recipe.accumulate)

    def _set_rate(self, step: int) -> None:
        """The learning rate of a step (from 0) of this epoch."""
        phase, first, last = self.recipe.phase(self.epoch, self.epochs)
        step += (self.epoch - first) * self.epoch_steps
        self.lr = phase.lr * self.recipe.rate(step, (last - first) * self.epoch_steps)
        for group in self.trainer.optimizers[0].param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(self.lr)
            else:
                group["lr"] = self.lr

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        hold_at_zero(self.network, self.removed)
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        recipe = self.recipe
        weights = [p for p in self.parameters() if p.ndim > 1 or recipe.decay_biases]
        others = [p for p in self.parameters() if not (p.ndim > 1 or recipe.decay_biases)]
        groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        groups = [group for group in groups if group["params"]]
        # A recorded step reads the learning rate from a tensor.
        recorded = self.device.type == "cuda" and not self.automatic_optimization
        lr = torch.tensor(recipe.lr, device=self.device) if recorded else recipe.lr
        if recipe.optimizer == "sgd":
            return torch.optim.SGD(groups, lr, recipe.momentum, fused=True)
        betas = (recipe.momentum, recipe.beta2)
        return torch.optim.AdamW(groups, lr, betas, fused=True, capturable=recorded)

    def add_up(self) -> None:
        """Adds up the sums of all ranks; whole numbers stay exact."""
        self._totals = self._sums
        if self.trainer.world_size > 1:
            counts = torch.tensor([self._trained, self.images_evaluated], device=self.device)
            sums = torch.stack([*self._sums, *counts]).double()
            torch.distributed.all_reduce(sums)
            self._totals = (sums[0], sums[1], sums[2])
            self._trained, self.images_evaluated = int(sums[3]), int(sums[4])

    def answers(self) -> tuple[Tensor, Tensor]:
        """Logits (images, classes) and labels (images,) of the evaluation in the epoch that ended, over all ranks."""
        held = torch.cat(self._logits), torch.cat(self._labels)
        if self.trainer.world_size == 1:
            return held
        logits, labels = (torch.cat(gather_all_tensors(tensor.contiguous())) for tensor in held)
        return logits, labels

    def trained(self) -> dict[str, float]:
        """Numbers of the training epoch that ended."""
        return {"train_loss": self._finite("training", self._totals[0], self._trained), "lr": self.lr}

    def evaluated(self, part: str) -> dict[str, float]:
        """Loss and accuracy of the evaluation in the epoch that ended, named by the part of the data it was over."""
        loss = self._finite(part, self._totals[1], self.images_evaluated)
        return {f"{part}_loss": loss, f"{part}_acc": float(self._totals[2]) / self.images_evaluated}

    def _finite(self, part: str, total: Tensor, images: int) -> float:
        loss = float(total) / images
        if not math.isfinite(loss):
            raise TrainingError(f"epoch {self.epoch + 1}: the {part} loss became {loss}")
        return loss

    def _clear(self) -> None:
        self.lr = 0.0
        self._trained = self.images_evaluated = 0
        self._logits, self._labels = [], []
        if self._sums[0].device != self.device:
            self._sums = _zeros(self.device)
        for total in self._sums:  # in place, because a recorded step is bound to them
            total.zero_()


def balanced(counts: Tensor | None) -> Tensor:
    """Weights of the classes by which all count alike; one without images has weight 0. Their mean image has weight 1.

    Args:
        counts: images of each class, (classes,).
    """
    assert counts is not None
    weights = counts.sum() / (counts.count_nonzero() * counts.clamp(min=1))
    return torch.where(counts > 0, weights, 0.0).float()


def _zeros(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of an epoch: training loss, loss and right answers of the evaluation."""
    return (
        torch.zeros((), device=device),
        torch.zeros((), device=device),
        torch.zeros((), dtype=torch.long, device=device),
    )


def revive(network: Network, images: Tensor) -> None:
    """Changes the sign of every filter whose output is negative, or zero, for all of `images`.

    Such a filter is dead behind its ReLU and has no gradient. Among many filters that does not matter, but a squeeze
    layer may have a single one, which is as likely dead as not; then the network is constant and cannot be trained.
    One pass, from the first layer to the last.
    """

    def turn(layer: nn.Module, _: object, output: Tensor) -> Tensor:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        others = [axis for axis in range(output.ndim) if axis != 1]
        sign = 1 - 2 * (output.amax(others) <= 0).to(output.dtype)
        layer.weight *= sign.view(-1, *[1] * (layer.weight.ndim - 1))
        if layer.bias is not None:
            layer.bias *= sign
        return output * sign.view(1, -1, *[1] * (output.ndim - 2))

    hooks = [layer.register_forward_hook(turn) for layer in _weighted(network)]
    training = network.training
    with torch.no_grad():
        network.eval()(channels_last(images))
    network.train(training)
    for hook in hooks:
        hook.remove()


def _weighted(network: Network) -> list[nn.Conv2d | nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def initialise(network: Network, recipe: Recipe, generator: torch.Generator) -> None:
    """Draws the initial weights; see `Recipe.init` and `Recipe.last_std`."""
    layers = _weighted(network)
    for layer in layers:
        fan_in = layer.weight[0].numel()
        match recipe.init:
            case "xavier":
                nn.init.uniform_(layer.weight, -math.sqrt(3 / fan_in), math.sqrt(3 / fan_in), generator=generator)
            case "orthogonal":
                nn.init.orthogonal_(layer.weight, math.sqrt(2), generator=generator)
            case "torch":
                nn.init.kaiming_uniform_(layer.weight, math.sqrt(5), generator=generator)
            case _:  # he, and what a file of weights lacks
                nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / fan_in), generator=generator)
        if layer.bias is not None:
            bound = 1 / math.sqrt(fan_in) if recipe.init == "torch" else 0.0
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    if recipe.last_std is not None:
        nn.init.normal_(layers[-1].weight, 0.0, recipe.last_std, generator=generator)
