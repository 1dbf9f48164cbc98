"""What an error at a layer's output costs, row by row: the Fisher information of the network's own answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.compression.codec.coded import CompressionError
from explorer.compression.compensate import Doubles
from explorer.training.network import Network

BATCH = 10
"""Images at a time."""


def importance(network: Network, images: Tensor, seed: int = 0) -> dict[str, Doubles]:
    """How much a row's error raises the divergence from the network's own answer.

    An error e of a row's weights changes the answer's distribution by a Kullback-Leibler divergence of about
    e F e^T / 2 nats, F the Fisher information. It is taken as F = importance * A, A the second moments of the row's
    inputs at one position, scaled to the same trace; that is how much the row matters over all positions together.
    Rows are believed to differ as far as two halves of the images agree on it: a network has outputs for classes that
    no calibration image is of, and they are no less important for that.

    Args:
        network: any; left as it was.
        images: (N, C, H, W); no labels are needed.
        seed: of the random directions in which the answer is moved, one an image.

    Returns:
        For each layer with weights, by its name, float64 (out,).

    Raises:
        CompressionError: if there are no images, or the network's answer is not finite.
    """
    if not len(images):
        raise CompressionError("no images to calibrate with")
    layers = weighted(network)
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            inputs[name], outputs[name] = given[0].detach(), made

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    generator = torch.Generator().manual_seed(seed)
    squares = {name: torch.zeros(2, module.weight.shape[0], dtype=torch.float64) for name, module in layers.items()}
    power = dict.fromkeys(layers, 0.0)
    training = network.training
    try:
        network.eval()
        for batch in torch.split(images, BATCH):
            logits = network(batch)
            gradients = torch.autograd.grad(logits, list(outputs.values()), _direction(logits, generator))
            for (name, module), gradient in zip(layers.items(), gradients, strict=True):
                columns = unfolded(module, inputs[name])
                of_weights = gradient.reshape(len(batch), columns.shape[1], -1, columns.shape[3]) @ columns.mT
                rows = of_weights.double().square().sum(3).flatten(1)
                squares[name] += torch.stack([rows[::2].sum(0), rows[1::2].sum(0)])
                power[name] += float(columns.double().square().sum() / (columns.shape[1] * columns.shape[3]))
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
    if not all(bool(rows.isfinite().all()) for rows in squares.values()):
        raise CompressionError("the network's answer to the calibration images is not finite")
    return {name: _believed(halves.numpy()) / max(power[name], 1e-30) for name, halves in squares.items()}


def _believed(halves: Doubles) -> Doubles:
    """Sum of two halves (2, rows), drawn to its mean by what is chance in it.

    By Spearman and Brown, halves that correlate by r make a whole that would correlate with another by 2 r / (1 + r).
    """
    rows: Doubles = halves.sum(0)
    spread = halves.std(1).prod()
    alike = float(np.cov(halves, bias=True)[0, 1] / spread) if spread > 0 else 0.0
    reliability = max(0.0, 2 * alike / (1 + alike))
    believed: Doubles = rows.mean() + reliability * (rows - rows.mean())
    return believed


def weighted(network: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """The layers whose weights are coded, by their names."""
    return {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)}


def unfolded(module: nn.Conv2d | nn.Linear, inputs: Tensor) -> Tensor:
    """What a layer's rows are multiplied with: (N, groups, columns, positions)."""
    if isinstance(module, nn.Linear):
        return inputs.reshape(len(inputs), 1, -1, 1)
    assert not isinstance(module.padding, str)
    if module.kernel_size == (1, 1) and module.stride == (1, 1) and module.padding == (0, 0):
        columns = inputs.flatten(2)
    else:
        columns = F.unfold(inputs, module.kernel_size, padding=module.padding, stride=module.stride)
    return columns.reshape(len(inputs), module.groups, -1, columns.shape[2])


def _direction(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Random (N, classes) whose covariance is the Fisher information of logits: diag(p) - p p^T."""
    answer = logits.detach().softmax(1)
    noise = answer.sqrt() * torch.randn(answer.shape, generator=generator)
    return noise - answer * noise.sum(1, keepdim=True)
