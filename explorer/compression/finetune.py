"""Training what compression has left of a network: the weights not pruned, or the codebooks with their codes fixed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize, prune

from explorer.compression.codebook import Doubles
from explorer.compression.codec.coded import CodedTensor
from explorer.data.module import DataModule, generator
from explorer.training.network import Network
from explorer.training.recipe import Recipe


def layers(network: Network) -> dict[str, nn.Conv2d | nn.Linear]:
    """The layers whose weights are pruned and shared, by name."""
    return {name: each for name, each in network.named_modules() if isinstance(each, nn.Conv2d | nn.Linear)}


def train(
    network: Network,
    data: DataModule,
    recipe: Recipe,
    epochs: int,
    lr: float,
    seed: int,
    teacher: Network | None = None,
) -> None:
    """Trains the parameters that a network has, pruned or shared as they may be, on the training split alone.

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
            loss = _loss(network, laid_out(images), labels, recipe.label_smoothing, teacher)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if recipe.clip:
                nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
            optimizer.step()
            step += 1
    network.eval()


def _loss(network: Network, images: Tensor, labels: Tensor, smoothing: float, teacher: Network | None) -> Tensor:
    logits = network(images)
    if teacher is None:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    with torch.no_grad():
        answers = teacher(images).log_softmax(1)
    return F.kl_div(logits.log_softmax(1), answers, reduction="batchmean", log_target=True)


def right(network: Network, data: DataModule) -> float:
    """Accuracy on training images as they are, 2,000 of them at most."""
    found = seen = 0
    network.eval()
    with torch.inference_mode():
        for batch, labels in data.evaluation("train"):
            found += int((network(laid_out(batch)).argmax(1) == labels).sum())
            seen += len(labels)
            if seen >= 2000:
                break
    return found / seen


def keep(network: Network, kept: Mapping[str, int]) -> None:
    """Prunes each layer to so many weights, the largest, and holds the others at zero until `release`."""
    for name, layer in layers(network).items():
        prune.l1_unstructured(layer, "weight", amount=layer.weight.numel() - kept[name])  # type: ignore[no-untyped-call]


def release(network: Network) -> None:
    """Lets go of what `keep` holds; the weights stay as they are."""
    for layer in layers(network).values():
        prune.remove(layer, "weight")  # type: ignore[no-untyped-call]


def share(network: Network, coded: Mapping[str, CodedTensor]) -> None:
    """Makes each layer's weights those of its codebook, which are its parameters from now on."""
    for name, layer in layers(network).items():
        parametrize.register_parametrization(layer, "weight", _Shared(coded[name]), unsafe=True)


def factor(network: Network, ranks: Mapping[str, int | None]) -> None:
    """Makes each layer's weights a product of two factors of its rank, which are its parameters from now on."""
    for name, layer in layers(network).items():
        if (rank := ranks[name]) is not None:
            parametrize.register_parametrization(layer, "weight", _Product(layer.weight.shape, rank))


def unshare(network: Network) -> None:
    """Makes the weights parameters again, with the values that they have, after `share` or `factor`."""
    for layer in layers(network).values():
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)


class _Product(nn.Module):
    """Weights of a shape as the product of (rows, rank) and (rank, columns)."""

    def __init__(self, shape: torch.Size, rank: int) -> None:
        super().__init__()
        self.shape, self.rank = shape, rank

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return (left @ right).reshape(self.shape)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        left, singular, right = torch.linalg.svd(weight.flatten(1), full_matrices=False)
        root = singular[: self.rank].sqrt()
        return left[:, : self.rank] * root, root[:, None] * right[: self.rank]


class _Shared(nn.Module):
    """Weights that are looked up: codes of the weights' shape in the levels, 0 for what was pruned."""

    codes: Tensor
    levels: Tensor

    def __init__(self, tensor: CodedTensor) -> None:
        super().__init__()
        assert tensor.levels is not None
        negative = int((tensor.levels < 0).sum())
        codes = tensor.codes.astype(np.int64)
        places = np.where(codes > 0, codes + negative, np.where(codes < 0, codes + negative + 1, 0))
        self.register_buffer("codes", torch.from_numpy(places), persistent=False)
        self.register_buffer("levels", torch.tensor(tensor.levels), persistent=False)  # a copy: it is trained

    def forward(self, levels: Tensor) -> Tensor:
        return torch.cat([levels.new_zeros(1), levels])[self.codes]

    def right_inverse(self, _: Tensor) -> Tensor:
        return self.levels


def fisher(network: Network, images: Tensor, seed: int) -> dict[str, Doubles]:
    """Diagonal of the Fisher information: the mean square gradient of the log probability of labels the network draws.

    Half of it times a weight's squared error is about what the error costs, in nats an image.

    Args:
        network: in evaluation.
        images: (N, C, H, W) of the training split.
        seed: of the labels drawn.

    Returns:
        For each layer, by name, float64 of its weights' shape.
    """
    network.eval()
    weights = {f"{name}.weight": layer.weight.detach() for name, layer in layers(network).items()}
    drawn = torch.Generator().manual_seed(seed)
    sums = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}

    def loss(values: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits: Any = torch.func.functional_call(network, values, (image[None],))
        return F.cross_entropy(logits, label[None])

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    for batch in torch.split(images, 32):
        with torch.no_grad():
            labels = torch.multinomial(network(batch).softmax(1).cpu(), 1, generator=drawn)[:, 0].to(batch.device)
        for name, square in gradient(weights, batch, labels).items():
            sums[name] += square.detach().double().square().sum(0)
    return {name.removesuffix(".weight"): (total / len(images)).cpu().numpy() for name, total in sums.items()}


def laid_out(images: Tensor) -> Tensor:
    """In the memory layout whose pooling is fast, see `Classifier.forward`."""
    if images.device.type != "cpu":
        return images
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def _optimizer(network: Network, recipe: Recipe) -> torch.optim.Optimizer:
    # No weight decay: it would pull the few weights that are left towards those that are gone.
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), recipe.lr, recipe.momentum)
    return torch.optim.AdamW(network.parameters(), recipe.lr, (recipe.momentum, recipe.beta2), weight_decay=0.0)
