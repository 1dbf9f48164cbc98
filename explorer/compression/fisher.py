"""Fisher information of a network's answer: what an error of a weight, or at a layer's output, costs.

An error e of the weights changes the answer's distribution by a Kullback-Leibler divergence of about e F e^T / 2 nats,
F the Fisher information. No label is needed. Two approximations of F serve two ways of compressing:
`of_weights`, its diagonal, for pruning and codebooks, which take each weight by itself (optimal brain damage, LeCun et
al. 1990); `of_rows`, one number a row beside the inputs' second moments (as in K-FAC, arXiv:1503.05671), for error
compensation, which needs to know what errors of different weights come to together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.compression.codec.coded import CompressionError, Doubles
from explorer.compression.layers import unfolded, weighted_layers
from explorer.training.network import Network

WEIGHTS_BATCH, ROWS_BATCH = 32, 10
"""Images at a time."""


def of_weights(network: Network, images: Tensor, seed: int) -> dict[str, Doubles]:
    """Diagonal of the Fisher information: the mean square gradient of the log probability of labels the network draws.

    Half of it times a weight's squared error is about what the error costs, in nats an image.

    Args:
        network: any; left in evaluation mode.
        images: (N, C, H, W) of the training split.
        seed: of the labels drawn.

    Returns:
        For each layer, by name, float64 of its weights' shape.
    """
    network.eval()
    weights = {f"{name}.weight": layer.weight.detach() for name, layer in weighted_layers(network).items()}
    generator = torch.Generator().manual_seed(seed)
    sums = {name: torch.zeros_like(weight, dtype=torch.float64) for name, weight in weights.items()}

    def loss(values: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        logits: Any = torch.func.functional_call(network, values, (image[None],))
        return F.cross_entropy(logits, label[None])

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
    for batch in torch.split(images, WEIGHTS_BATCH):
        with torch.no_grad():
            drawn = torch.multinomial(network(batch).softmax(1).cpu(), 1, generator=generator)[:, 0]
        for name, gradients in gradient(weights, batch, drawn.to(batch.device)).items():
            sums[name] += gradients.detach().double().square().sum(0)
    return {name.removesuffix(".weight"): (total / len(images)).cpu().numpy() for name, total in sums.items()}


def of_rows(network: Network, images: Tensor, seed: int = 0) -> dict[str, Doubles]:
    """Importance of each row of weights: the Fisher information of its weights is taken as importance * A.

    A are the second moments of the row's inputs at one position; the trace of the product is that of the Fisher
    information over all positions together. Rows differ as far as two halves of the images agree on it: a network has
    outputs for classes that no calibration image is of, and they are no less important for that.

    Args:
        network: any; left as it was.
        images: (N, C, H, W) for calibration.
        seed: of the random directions in which the answer is moved, one an image.

    Returns:
        For each layer, by name, float64 (out,).

    Raises:
        CompressionError: if there are no images, or the network's answer is not finite.
    """
    if not len(images):
        raise CompressionError("no images to calibrate with")
    layers = weighted_layers(network)
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
            inputs[name], outputs[name] = arguments[0].detach(), output

        return hook

    handles = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    generator = torch.Generator().manual_seed(seed)
    squares = {name: torch.zeros(2, layer.weight.shape[0], dtype=torch.float64) for name, layer in layers.items()}
    power = dict.fromkeys(layers, 0.0)
    training = network.training
    try:
        network.eval()
        for batch in torch.split(images, ROWS_BATCH):
            logits = network(batch)
            gradients = torch.autograd.grad(logits, list(outputs.values()), _direction(logits, generator))
            for (name, layer), gradient in zip(layers.items(), gradients, strict=True):
                columns = unfolded(layer, inputs[name])
                of_weights = gradient.reshape(len(batch), columns.shape[1], -1, columns.shape[3]) @ columns.mT
                rows = of_weights.double().square().sum(3).flatten(1)
                squares[name] += torch.stack([rows[::2].sum(0), rows[1::2].sum(0)])  # the two halves of the images
                power[name] += float(columns.double().square().sum() / (columns.shape[1] * columns.shape[3]))
    finally:
        for handle in handles:
            handle.remove()
        network.train(training)
    if not all(bool(rows.isfinite().all()) for rows in squares.values()):
        raise CompressionError("the network's answer to the calibration images is not finite")
    return {name: _shrunk(halves.numpy()) / max(power[name], 1e-30) for name, halves in squares.items()}


def _shrunk(halves: Doubles) -> Doubles:
    """Sum of two halves (2, rows), shrunk to its mean by their reliability.

    By Spearman and Brown, halves that correlate by r make a whole that would correlate with another by 2 r / (1 + r).
    """
    rows: Doubles = halves.sum(0)
    spread = halves.std(1).prod()
    correlation = float(np.cov(halves, bias=True)[0, 1] / spread) if spread > 0 else 0.0
    reliability = max(0.0, 2 * correlation / (1 + correlation))
    shrunk: Doubles = rows.mean() + reliability * (rows - rows.mean())
    return shrunk


def _direction(logits: Tensor, generator: torch.Generator) -> Tensor:
    """Random (N, classes) whose covariance is the Fisher information of logits: diag(p) - p p^T."""
    probabilities = logits.detach().softmax(1)
    noise = probabilities.sqrt() * torch.randn(probabilities.shape, generator=generator)
    return noise - probabilities * noise.sum(1, keepdim=True)
