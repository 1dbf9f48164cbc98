"""The layers that compression is about, and their inputs as the columns of a matrix."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def weighted_layers(network: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """The layers whose weights are compressed, by name, in the order of the network."""
    return {name: module for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)}


def unfolded(layer: nn.Conv2d | nn.Linear, inputs: Tensor) -> Tensor:
    """Inputs of a layer by im2col, (N, groups, columns, positions): its rows of weights times these are its output."""
    if isinstance(layer, nn.Linear):
        return inputs.reshape(len(inputs), 1, -1, 1)
    assert not isinstance(layer.padding, str)
    if layer.kernel_size == (1, 1) and layer.stride == (1, 1) and layer.padding == (0, 0):
        columns = inputs.flatten(2)
    else:
        columns = F.unfold(inputs, layer.kernel_size, padding=layer.padding, stride=layer.stride)
    return columns.reshape(len(inputs), layer.groups, -1, columns.shape[2])
