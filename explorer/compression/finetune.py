"""Training what compression has left of a network: the weights not pruned, or the codebooks with their codes fixed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize, prune

from explorer.compression.codec.coded import CodedTensor
from explorer.compression.layers import weighted_layers
from explorer.data.module import DataModule, generator
from explorer.training.network import Network, channels_last
from explorer.training.recipe import Recipe

MOST_IMAGES = 2000
"""Training images, about, that `train_accuracy` looks at."""


def train(
    network: Network,
    data: DataModule,
    recipe: Recipe,
    epochs: int,
    lr: float,
    seed: int,
    teacher: Network | None = None,
) -> None:
    """Trains the parameters that a network has, be they pruned, shared or factored, on the training split alone.

    With a teacher its answers take the place of the labels (distillation, arXiv:1503.02531).

    Args:
        network: stays on the CPU or wherever it is.
        data: arranged here.
        recipe: optimizer, batch size, clip and label smoothing are taken from it; its phases are not.
        epochs: full length; the rate falls along a cosine to 0.
        lr: highest rate, as a factor of the recipe's.
        seed: of order, augmentation and dropout.
        teacher: in evaluation, such as the network before it was compressed.
    """
    device = next(network.parameters()).device
    data.arrange("train", recipe.batch_size, seed, 0, device)
    loader = data.train_dataloader()
    optimizer = _optimizer(network, recipe)
    steps, step = epochs * data.batches, 0
    network.train()
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        torch.manual_seed(generator(seed, epoch + 1).initial_seed())  # of the dropout
        for images, labels in loader:
            for group in optimizer.param_groups:
                group["lr"] = recipe.lr * lr * 0.5 * (1 + np.cos(np.pi * step / steps))
            loss = _loss(network, channels_last(images), labels, recipe.label_smoothing, teacher)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.clip:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            step += 1
    network.eval()


def _optimizer(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    # No weight decay: it would pull the few weights that are left towards zero, where the pruned ones are.
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), recipe.lr, recipe.momentum)
    return torch.optim.AdamW(network.parameters(), recipe.lr, (recipe.momentum, recipe.beta2), weight_decay=0.0)


def _loss(network: Network, images: Tensor, labels: Tensor, smoothing: float, teacher: Network | None) -> Tensor:
    logits = network(images)
    if teacher is None:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    with torch.no_grad():
        answers = teacher(images).log_softmax(1)
    return F.kl_div(logits.log_softmax(1), answers, reduction="batchmean", log_target=True)


def train_accuracy(network: Network, data: DataModule) -> float:
    """Accuracy on training images without augmentation, on the batches that hold the first 2,000 of them."""
    right = images = 0
    network.eval()
    with torch.inference_mode():
        for batch, labels in data.evaluation("train"):
            right += int((network(channels_last(batch)).argmax(1) == labels).sum())
            images += len(labels)
            if images >= MOST_IMAGES:
                break
    return right / images


def hold_pruned(network: Network, kept: Mapping[str, int]) -> None:
    """Prunes each layer to its `kept` largest weights and holds the others at zero until `release`."""
    for name, layer in weighted_layers(network).items():
        prune.l1_unstructured(layer, "weight", amount=layer.weight.numel() - kept[name])  # type: ignore[no-untyped-call]


def release(network: Network) -> None:
    """Makes the pruned weights ordinary parameters again, after `hold_pruned`; their values stay."""
    for layer in weighted_layers(network).values():
        prune.remove(layer, "weight")  # type: ignore[no-untyped-call]


def share(network: Network, coded: Mapping[str, CodedTensor]) -> None:
    """Ties each layer's weights to its codebook, whose levels are the layer's parameters until `materialise`."""
    for name, layer in weighted_layers(network).items():
        parametrize.register_parametrization(layer, "weight", _Codebook(coded[name]), unsafe=True)


def factor(network: Network, ranks: Mapping[str, int | None]) -> None:
    """Ties each layer's weights to two factors of its rank, which are the layer's parameters until `materialise`."""
    for name, layer in weighted_layers(network).items():
        if (rank := ranks[name]) is not None:
            parametrize.register_parametrization(layer, "weight", _LowRank(layer.weight.shape, rank))


def materialise(network: Network) -> None:
    """Makes the weights parameters again, with the values that they have, after `share` or `factor`."""
    for layer in weighted_layers(network).values():
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


class _LowRank(nn.Module):
    """Weights as the product of factors (rows, rank) and (rank, columns), first by singular value decomposition."""

    def __init__(self, shape: torch.Size, rank: int) -> None:
        super().__init__()
        self.shape, self.rank = shape, rank

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return (left @ right).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        left, singular, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
        root = singular[: self.rank].sqrt()
        return left[:, : self.rank] * root, root[:, None] * right[: self.rank]


class _Codebook(nn.Module):
    """Weights looked up in a codebook: codes of the weights' shape, 0 for what was pruned."""

    codes: Tensor
    levels: Tensor

    def __init__(self, tensor: CodedTensor) -> None:
        super().__init__()
        assert tensor.levels is not None
        negative = int((tensor.levels < 0).sum())
        codes = tensor.codes.astype(np.int64)
        index = np.where(codes > 0, codes + negative, np.where(codes < 0, codes + negative + 1, 0))
        self.register_buffer("codes", torch.from_numpy(index), persistent=False)
        self.register_buffer("levels", torch.tensor(tensor.levels), persistent=False)  # a copy: it is trained

    def forward(self, levels: Tensor) -> Tensor:
        return torch.cat([levels.new_zeros(1), levels])[self.codes]

    def right_inverse(self, _: Tensor) -> Tensor:
        return self.levels
