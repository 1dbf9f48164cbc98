"""Images through a network whose layers are changed one after the other, beside the network as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from explorer.arch import Architecture, cost
from explorer.arch import layers as L
from explorer.compression.compensate import Doubles
from explorer.compression.importance import unfolded
from explorer.training.network import build, merge

BATCH = 10
"""Images at a time."""
POSITIONS = 1024
"""Of a large map, so many positions an image, drawn at random, tell the moments."""


@dataclass(frozen=True)
class Moments:
    """Means over images and positions, each (groups, columns, columns) in float64; a bias is a last input of 1.

    What few images say of two inputs together is partly chance, so every mean is drawn to that of independent inputs,
    by as much as batches of images differ in it (Ledoit and Wolf, 2004, doi:10.1016/S0047-259X(03)00096-4).

    Attributes:
        now: of the products of the inputs as they are, behind changed layers.
        then: of the products of an input as it was (rows) and as it is (columns); None if nothing before has changed.
    """

    now: Doubles
    then: Doubles | None


Change: TypeAlias = Callable[[str, Moments], Mapping[str, Tensor]]
"""From a layer's name and moments to its new `weight` and, if it has one, `bias`."""


@torch.inference_mode()
def propagate(
    architecture: Architecture, tensors: Mapping[str, Tensor], images: Tensor, change: Change, seed: int = 0
) -> None:
    """Runs images through the layers, all images through one layer before the next, and changes layers on the way.

    Args:
        architecture: the network.
        tensors: its weights by name.
        images: (N, C, H, W); their maps, before and after, are held at once.
        change: called for every layer with weights of its own inputs, in the order of the network.
        seed: of the positions that are drawn.
    """
    walk = _Walk(tensors, change, torch.Generator().manual_seed(seed))
    walk.run(architecture.tree, "", images, images)


@dataclass
class _Walk:
    """`then` are the maps of the network as it was, `now` those behind its changed layers: one object while equal."""

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
        module, shape = _alone(layer, then, path, self.tensors)
        if not isinstance(layer, L.Conv2d | L.Linear):
            before = _mapped(module, shape, then)
            return before, before if now is then else _mapped(module, shape, now)
        part = next(part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear))
        moments = self._moments(part, then, now)
        before = _mapped(module, shape, then)
        for name, value in self.change(path, moments).items():
            part.get_parameter(name).copy_(value)
        return before, _mapped(module, shape, now)

    def _moments(self, part: nn.Conv2d | nn.Linear, then: Tensor, now: Tensor) -> Moments:
        """Moments of a layer's inputs."""
        bias, same = part.bias is not None, now is then
        size = max(1, min(BATCH, len(now) // 2))
        held: list[Tensor] = []
        crossed: list[Tensor] = []
        for before, after in zip(torch.split(then, size), torch.split(now, size), strict=True):
            columns = unfolded(part, after)
            positions = columns.shape[3]
            chosen = torch.randperm(positions, generator=self.generator)[:POSITIONS] if positions > POSITIONS else None
            flat = _flat(columns, chosen, bias)
            other = flat if same else _flat(unfolded(part, before), chosen, bias)
            _add(held, flat @ flat.mT / flat.shape[2])
            if not same:
                _add(crossed, other @ flat.mT / flat.shape[2])
        count = -(-len(now) // size)
        mean = held[0] / count
        own = torch.diag_embed(mean.diagonal(dim1=1, dim2=2))
        together = float((mean - own).square().sum())
        chance = max(0.0, float(held[1]) / count - float(mean.square().sum())) / max(1, count - 1)
        drawn = min(1.0, chance / together) if together and count > 1 else 1.0
        moments = ((1 - drawn) * mean + drawn * own).numpy()
        return Moments(moments, None if same else ((1 - drawn) * crossed[0] / count + drawn * own).numpy())


def _add(sums: list[Tensor], value: Tensor) -> None:
    """Adds to the sum of values and the sum of their squares, all together."""
    value = value.double()
    if sums:
        sums[0] += value
        sums[1] += value.square().sum()
    else:
        sums += [value.clone(), value.square().sum()]


def _alone(
    layer: L.Leaf, maps: Tensor, path: str, tensors: Mapping[str, Tensor]
) -> tuple[nn.Module, tuple[int, int, int]]:
    """A network of this layer alone with its weights, and the shape of what it puts out."""
    channels, height, width = maps.shape[1:]
    alone = Architecture((channels, height, width), (layer,))
    module = build(alone).eval()
    own = module.state_dict()
    module.load_state_dict({name: tensors.get(f"{path}.{name.rpartition('.')[2]}", own[name]) for name in own})
    return module, cost(alone).output_shape


def _mapped(module: nn.Module, shape: tuple[int, int, int], maps: Tensor) -> Tensor:
    return torch.cat([module(batch).unflatten(1, shape) for batch in torch.split(maps, BATCH)])


def _flat(columns: Tensor, chosen: Tensor | None, bias: bool) -> Tensor:
    """(N, groups, columns, positions) to (groups, columns, N * positions), only at chosen positions, with 1 behind."""
    if chosen is not None:
        columns = columns[..., chosen]
    if bias:
        columns = torch.cat([columns, torch.ones_like(columns[:, :, :1])], 2)
    return columns.permute(1, 2, 0, 3).flatten(2)
