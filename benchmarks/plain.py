"""A network as one writes it by hand: torch's own modules, in the order of the architecture; what the peers train."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from explorer.arch import Architecture, cost
from explorer.arch import layers as L
from explorer.training.network import leaf, merge


def plain(architecture: Architecture) -> nn.Sequential:
    """The network of an architecture, none of our shortcuts in it: images (N, C, H, W) to logits (N, classes).

    Its parameters come in the order of those of `explorer.build`.
    """
    inputs = {row.name: row.input_shape[0] for row in cost(architecture).layers}
    return nn.Sequential(_module(architecture.tree, "", inputs), nn.Flatten())


def twin(network: nn.Module, architecture: Architecture) -> nn.Sequential:
    """The plain network with the weights of one that `explorer.build` made."""
    made = plain(architecture)
    for own, weights in zip(made.parameters(), network.parameters(), strict=True):
        own.data.copy_(weights.data)
    return made


class _Branches(nn.Module):
    def __init__(self, layer: L.Merge, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layer, self.branches = layer, nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return merge(self.layer, [branch(x) for branch in self.branches])


def _module(layer: L.Layer, prefix: str, inputs: dict[str, int]) -> nn.Module:
    path = L.join(prefix, layer.name)
    held = [_module(child, path, inputs) for child in L.children(layer)]
    match layer:
        case L.Sequential():
            return nn.Sequential(*held)
        case L.Concat() | L.Add() | L.Multiply():
            return _Branches(layer, held)
        case L.Conv2d():
            window = (layer.kernel_size, layer.stride, layer.padding)
            return nn.Conv2d(inputs[path], layer.out_channels, *window, groups=layer.groups, bias=layer.bias)
        case _:
            return leaf(layer, inputs[path], dropout=0.0)
