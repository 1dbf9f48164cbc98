"""The smallest weights of a layer, held at zero: the sparse phase of dense-sparse-dense training, arXiv:1607.04381."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from explorer.training.network import Network

Removed: TypeAlias = dict[str, Tensor]
"""By the name of a parameter: True where the weight is held at zero."""


def smallest(network: Network, sparsity: float) -> Removed:
    """The share `sparsity` of the weights of each convolution and linear layer, those nearest to zero.

    Biases stay, and so does the largest weight of a layer. Of equal weights the first in order go.
    """
    removed: Removed = {}
    for name, parameter in network.named_parameters():
        count = min(round(sparsity * parameter.numel()), parameter.numel() - 1)
        if parameter.ndim > 1 and count:
            ascending = parameter.detach().flatten().abs().argsort(stable=True)
            gone = torch.zeros(parameter.numel(), dtype=torch.bool, device=parameter.device)
            gone[ascending[:count]] = True
            removed[name] = gone.view(parameter.shape)
    return removed


def set_to_zero(network: Network, removed: Removed) -> None:
    """Sets the removed weights to zero."""
    with torch.no_grad():
        for name, gone in removed.items():
            network.get_parameter(name).masked_fill_(gone, 0.0)


def hold_at_zero(network: Network, removed: Removed) -> None:
    """Sets the gradients of removed weights to zero, so that an optimizer without state leaves the weights at zero."""
    for name, gone in removed.items():
        gradient = network.get_parameter(name).grad
        if gradient is not None:
            gradient.masked_fill_(gone, 0.0)
