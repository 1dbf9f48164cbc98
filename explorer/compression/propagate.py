"""Images through a network whose layers are quantized one after the other, beside the original network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from explorer.arch import Architecture, cost
from explorer.arch import layers as L
from explorer.compression.codec.coded import Doubles
from explorer.compression.layers import unfolded
from explorer.training.network import build, merge

BATCH = 10
"""Images at a time."""
POSITIONS = 1024
"""At most so many positions of each map, drawn at random, enter the moments."""


@dataclass(frozen=True)
class Moments:
    """Second moments of a layer's inputs, (groups, columns, columns) in float64; a bias is a last input of 1.

    They are estimated from few images, so they are shrunk towards those of uncorrelated inputs, the more the batches of
    images differ (Ledoit and Wolf, 2004, doi:10.1016/S0047-259X(03)00096-4).

    Attributes:
        now: mean products of the inputs behind the quantized layers.
        then: mean products of the original network's inputs (rows) with those (columns); None where both are equal.
    """

    now: Doubles
    then: Doubles | None


Change: TypeAlias = Callable[[str, Moments], Mapping[str, Tensor]]
"""From a layer's name and moments to its new `weight` and, if it has one, `bias`."""


@torch.inference_mode()
def propagate(
    architecture: Architecture, tensors: Mapping[str, Tensor], images: Tensor, change: Change, seed: int = 0
) -> None:
    """Runs images through the layers, all images through one layer before the next, and changes each layer first.

    Args:
        architecture: the network.
        tensors: its weights by name.
        images: (N, C, H, W); a layer's maps of all images are held at once.
        change: called for every convolution and linear layer, in the order of the network.
        seed: of the positions that are drawn.
    """
    walk = _Walk(tensors, change, torch.Generator().manual_seed(seed))
    walk.run(architecture.tree, "", images, images)


@dataclass
class _Walk:
    """`then` are the original network's maps, `now` those behind the changed layers: one object while equal."""

    tensors: Mapping[str, Tensor]
    change: Change
    generator: torch.Generator

    def run(self, layer: L.Layer, prefix: str, then: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        path = L.join(prefix, layer.name)
        match layer:
            case L.Sequential():
                for child in layer.layers:
                    then, now = self.run(child, path, then, now)
                return then, now
            case L.Concat() | L.Add() | L.Multiply():
                pairs = [self.run(branch, path, then, now) for branch in layer.branches]
                return merge(layer, [pair[0] for pair in pairs]), merge(layer, [pair[1] for pair in pairs])
            case _:
                return self._leaf(layer, path, then, now)

    def _leaf(self, layer: L.Leaf, path: str, then: Tensor, now: Tensor) -> tuple[Tensor, Tensor]:
        module, shape = _network_of(layer, then, path, self.tensors)
        if not isinstance(layer, L.Conv2d | L.Linear):
            before = _mapped(module, shape, then)
            return before, before if now is then else _mapped(module, shape, now)
        weighted = next(each for each in module.modules() if isinstance(each, nn.Conv2d | nn.Linear))
        moments = self._moments(weighted, then, now)
        before = _mapped(module, shape, then)
        for name, value in self.change(path, moments).items():
            weighted.get_parameter(name).copy_(value)
        return before, _mapped(module, shape, now)

    def _moments(self, layer: nn.Conv2d | nn.Linear, then: Tensor, now: Tensor) -> Moments:
        """Moments of a layer's inputs, shrunk."""
        bias, same = layer.bias is not None, now is then
        size = max(1, min(BATCH, len(now) // 2))
        products: list[Tensor] = []
        crossed: list[Tensor] = []
        for before, after in zip(torch.split(then, size), torch.split(now, size), strict=True):
            columns = unfolded(layer, after)
            positions = columns.shape[3]
            chosen = torch.randperm(positions, generator=self.generator)[:POSITIONS] if positions > POSITIONS else None
            flat = _flat(columns, chosen, bias)
            other = flat if same else _flat(unfolded(layer, before), chosen, bias)
            _add(products, flat @ flat.mT / flat.shape[2])
            if not same:
                _add(crossed, other @ flat.mT / flat.shape[2])
        count = -(-len(now) // size)
        mean = products[0] / count
        diagonal = torch.diag_embed(mean.diagonal(dim1=1, dim2=2))
        correlation = float((mean - diagonal).square().sum())
        variance = max(0.0, float(products[1]) / count - float(mean.square().sum())) / max(1, count - 1)
        shrinkage = min(1.0, variance / correlation) if correlation and count > 1 else 1.0
        shrunk = ((1 - shrinkage) * mean + shrinkage * diagonal).numpy()
        return Moments(shrunk, None if same else ((1 - shrinkage) * crossed[0] / count + shrinkage * diagonal).numpy())


def _add(sums: list[Tensor], value: Tensor) -> None:
    """Adds to sums: of values elementwise, and of all their squares."""
    value = value.double()
    if sums:
        sums[0] += value
        sums[1] += value.square().sum()
    else:
        sums += [value.clone(), value.square().sum()]


def _network_of(
    layer: L.Leaf, maps: Tensor, path: str, tensors: Mapping[str, Tensor]
) -> tuple[nn.Module, tuple[int, int, int]]:
    """A network of this layer alone with its weights, and the shape of its output."""
    channels, height, width = maps.shape[1:]
    alone = Architecture((channels, height, width), (layer,))
    module = build(alone).eval()
    state = module.state_dict()
    module.load_state_dict({name: tensors.get(f"{path}.{name.rpartition('.')[2]}", state[name]) for name in state})
    return module, cost(alone).output_shape


def _mapped(module: nn.Module, shape: tuple[int, int, int], maps: Tensor) -> Tensor:
    return torch.cat([module(batch).unflatten(1, shape) for batch in torch.split(maps, BATCH)])


def _flat(columns: Tensor, chosen: Tensor | None, bias: bool) -> Tensor:
    """(N, groups, columns, positions) to (groups, columns, N * positions), at chosen positions; a bias adds a 1."""
    if chosen is not None:
        columns = columns[..., chosen]
    if bias:
        columns = torch.cat([columns, torch.ones_like(columns[:, :, :1])], 2)
    return columns.permute(1, 2, 0, 3).flatten(2)
