"""A start from weights: what a trained network has in common with another one of its family.

Layers pair by name, channels by where they come from: the n-th filter of the layer of that name, through
concatenations, shuffles and shares. A filter that both networks have takes the trained weights of the channels that
both have, and zeros for those that the trained network lacks, so a wider network starts as the same function. Where
channels are gone its weights are multiplied by the channels there were over those that are left, which keeps the mean
of the sum: without that, filters of narrow networks die. What the trained network lacks keeps the weights it was drawn
with. So does a kernel of another size, and the last layer where the number of classes differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from explorer.arch import Architecture, ArchitectureError, cost
from explorer.arch import layers as L
from explorer.arch.cost import IDENTITY, LayerCost
from explorer.training.evaluation import read_weights
from explorer.training.init_files import init_files
from explorer.training.network import Network, build
from explorer.training.recipe import RecipeError
from explorer.training.weights import WeightsError, assign

Channel: TypeAlias = tuple[Any, ...]
"""Where a channel comes from: the layer that made it, and which of its filters."""


def trained_network(init: str, key: str = "recipe.init") -> Network:
    """The trained network that `recipe.init` names.

    Args:
        init: see `explorer.training.recipe.Recipe`.
        key: that names it, for messages.

    Raises:
        RecipeError: if there is none, or it cannot be read.
    """
    weights, about = init_files(init, key)
    try:
        network = build(Architecture.read(about))
        assign(network, read_weights(weights))
    except (WeightsError, ArchitectureError) as error:
        raise RecipeError(f"{key}={init}: {error}") from None
    return network


def take(network: Network, trained: Network) -> int:
    """Copies what fits into a network; returns how many of its numbers, batch norm's statistics included, it took.

    Args:
        network: drawn at random.
        trained: gives its weights.
    """
    ours, theirs = _Channels(network.architecture), _Channels(trained.architecture)
    taken = 0
    for path, layer in ours.weighted.items():
        if path not in theirs.weighted:
            continue
        if path == ours.last and len(ours.outputs[path]) != len(theirs.outputs[path]):
            continue
        rows = _pairs(ours.outputs[path], theirs.outputs[path])
        into, source = network.get_submodule(path), trained.get_submodule(path)
        if isinstance(layer, L.BatchNorm2d):
            taken += sum(_copy(into, source, kind, rows) for kind in ("weight", "bias", "running_mean", "running_var"))
            continue
        taken += _filters(into, source, rows, (ours.columns[path], theirs.columns[path]))
    return taken


def _copy(into: nn.Module, source: nn.Module, kind: str, rows: tuple[Tensor, Tensor]) -> int:
    ours, theirs = getattr(into, kind), getattr(source, kind)
    if ours is None or theirs is None:
        return 0
    with torch.no_grad():
        ours[rows[0]] = theirs[rows[1]]
    return int(ours[rows[0]].numel())


def _filters(
    into: nn.Module,
    source: nn.Module,
    rows: tuple[Tensor, Tensor],
    columns: tuple[Sequence[Sequence[Channel]], Sequence[Sequence[Channel]]],
) -> int:
    """Weights and biases of the filters that both have; `columns` are the input channels of each filter's group."""
    ours, theirs = into.get_parameter("weight"), source.get_parameter("weight")
    if ours.shape[2:] != theirs.shape[2:]:
        return 0
    taken = 0
    with torch.no_grad():
        per_group = [weight.shape[0] // len(groups) for weight, groups in zip((ours, theirs), columns, strict=True)]
        groups = torch.stack([row // each for row, each in zip(rows, per_group, strict=True)], dim=1)
        for group, their_group in sorted(set(map(tuple, groups.tolist()))):
            own = (groups == torch.tensor([group, their_group])).all(1)
            first, second = (row[own] for row in rows)
            here, there = _pairs(columns[0][group], columns[1][their_group])
            if not len(here):
                continue
            values = torch.zeros_like(ours[first])
            values[:, here] = theirs[second][:, there] * (theirs.shape[1] / len(there))
            ours[first] = values
            taken += int(values[:, here].numel())
    return taken + _copy(into, source, "bias", rows)


def _pairs(ours: Sequence[Channel], theirs: Sequence[Channel]) -> tuple[Tensor, Tensor]:
    """Places of the channels that both have, in either."""
    where = {channel: place for place, channel in enumerate(theirs)}
    both = [(place, where[channel]) for place, channel in enumerate(ours) if channel in where]
    pairs = torch.tensor(both, dtype=torch.long).view(-1, 2)
    return pairs[:, 0], pairs[:, 1]


class _Channels:
    """Where the channels of a network's layers come from.

    Attributes:
        weighted: layers with weights, by path.
        columns: of each convolution and linear layer, for each group of its filters the channels that come in.
        outputs: the channels that each puts out.
        last: path of the layer that gives the logits.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.weighted: dict[str, L.Weighted] = {}
        self.columns: dict[str, list[list[Channel]]] = {}
        self.outputs: dict[str, list[Channel]] = {}
        self.last = ""
        image: list[Channel] = [("image", n) for n in range(architecture.input_shape[0])]
        self._run(architecture.tree, "", image, iter(cost(architecture).layers))

    def _run(self, layer: L.Layer, prefix: str, found: list[Channel], rows: Iterator[LayerCost]) -> list[Channel]:
        """The channels that a layer puts out; `rows` are those of the leaves to come."""
        path = L.join(prefix, layer.name)
        _, height, width = (0, 0, 0) if L.children(layer) or layer == IDENTITY else next(rows).input_shape
        match layer:
            case L.Sequential():
                for child in layer.layers:
                    found = self._run(child, path, found, rows)
                return found
            case L.Concat():
                return [one for branch in layer.branches for one in self._run(branch, path, found, rows)]
            case L.Add() | L.Multiply():
                made = [self._run(branch, path, found, rows) for branch in layer.branches]
                return made[0]
            case L.Chunk():
                size = len(found) // layer.chunks
                return found[layer.index * size : (layer.index + 1) * size]
            case L.ChannelShuffle():
                size = len(found) // layer.groups
                return [found[group * size + n] for n in range(size) for group in range(layer.groups)]
            case L.Flatten():
                return [(*one, pixel) for one in found for pixel in range(height * width)]
            case L.BatchNorm2d():
                self.weighted[path] = layer
                self.outputs[path] = found
                return found
            case L.Conv2d() | L.Linear():
                return self._filters(layer, path, found)
            case _:
                return found

    def _filters(self, layer: L.Conv2d | L.Linear, path: str, found: list[Channel]) -> list[Channel]:
        groups = layer.groups if isinstance(layer, L.Conv2d) else 1
        count = layer.out_channels if isinstance(layer, L.Conv2d) else layer.out_features
        size, each = len(found) // groups, count // groups
        self.columns[path] = [found[group * size : (group + 1) * size] for group in range(groups)]
        if size == 1 < groups:  # depthwise: a filter goes with its channel
            made: list[Channel] = [(path, one, n) for one in found for n in range(each)]
        else:
            made = [(path, group, n) for group in range(groups) for n in range(each)]
        self.weighted[path], self.outputs[path], self.last = layer, made, path
        return made
