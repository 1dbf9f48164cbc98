"""From an Architecture to a torch module: one rule a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from explorer.arch import Architecture, ArchitectureError, cost
from explorer.arch import layers as L

Step: TypeAlias = Callable[[Tensor], Tensor]
FEW_PIXELS = 4096
"""Of all maps of a batch: up to here a 1x1 convolution trains faster as a product, on a CPU."""


def build(architecture: Architecture, dropout: float = 0.0) -> Network:
    """Builds the torch module of an architecture, with torch's default initialisation.

    Args:
        architecture: any network; its cost and the module's agree exactly.
        dropout: rate at the places the architecture marks, in [0, 1).

    Raises:
        ArchitectureError: if the network cannot exist.
    """
    return Network(architecture, dropout)


def channels_last(images: Tensor) -> Tensor:
    """On a CPU a copy of images (N, C, H, W) in the channels-last layout, in which pooling is 15 times as fast.

    `Tensor.to` makes none where C is 1. On a GPU the images as they are: its backward pass is reproducible in the other
    layout.
    """
    if images.device.type != "cpu":
        return images
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


class Network(nn.Module):
    """The torch module of an Architecture.

    Weights are named by their path in the layer tree (`fire2.squeeze.weight`), so a network with a bypass has the names
    of the one without, and more.
    """

    def __init__(self, architecture: Architecture, dropout: float = 0.0) -> None:
        super().__init__()
        self.architecture = architecture
        channels = {row.name: row.input_shape[0] for row in cost(architecture).layers}
        self._steps = self._assemble(architecture.tree, "", channels, dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) to logits (N, classes)."""
        return self._steps(images).flatten(1)

    def _assemble(self, layer: L.Layer, prefix: str, channels: dict[str, int], dropout: float) -> Step:
        path = L.join(prefix, layer.name)
        held = [self._assemble(child, path, channels, dropout) for child in L.children(layer)]
        match layer:
            case L.Sequential():
                return _Chain(_paired(held))
            case L.Concat() | L.Add() | L.Multiply():
                return _Branches(held, layer)
            case _:
                module = leaf(layer, channels[path], dropout)
                if layer.name:
                    self._register(path, module)
                return module

    def _register(self, path: str, module: nn.Module) -> None:
        parent: nn.Module = self
        *groups, name = path.split(".")
        for group in groups:
            if group not in parent._modules:
                parent.add_module(group, nn.Module())
            parent = parent.get_submodule(group)
        try:
            parent.add_module(name, module)
        except KeyError:  # `weight` below a layer that has one, `forward`
            raise ArchitectureError(f"{path}: a torch module has something else of this name") from None


# The forward pass in the shape of the tree. These are no modules, so that each weight has one name; objects rather than
# closures, so that a deep copy of a network runs on its own weights.
@dataclass
class _Chain:
    steps: list[Step]

    def __call__(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = step(x)
        return x


def _paired(steps: list[Step]) -> list[Step]:
    """Steps of which a ReLU and the maxima after it are one."""
    steps = list(steps)
    for i in reversed(range(len(steps) - 1)):
        match steps[i : i + 2]:
            case [nn.ReLU() as relu, nn.MaxPool2d() as pool]:
                steps[i : i + 2] = [_Pooled(relu, pool)]
    return steps


@dataclass
class _Pooled:
    relu: nn.ReLU
    pool: nn.MaxPool2d

    def __call__(self, x: Tensor) -> Tensor:
        # In training the maxima first: the same numbers, of fewer pixels, gradients too. Elsewhere as it is written.
        first, then = (self.pool, self.relu) if self.pool.training else (self.relu, self.pool)
        return cast("Tensor", then(first(x)))


@dataclass
class _Branches:
    steps: list[Step]
    layer: L.Merge

    def __call__(self, x: Tensor) -> Tensor:
        return merge(self.layer, [step(x) for step in self.steps])


def merge(layer: L.Merge, maps: Sequence[Tensor]) -> Tensor:
    """What a container makes of the maps that its branches put out, each (N, C, H, W)."""
    match layer:
        case L.Concat():
            return torch.cat(list(maps), dim=1)
        case L.Add():
            return reduce(torch.add, maps)
        case L.Multiply():
            return reduce(torch.mul, maps)


# Every map is (N, C, H, W), as it is for `cost`: what is flat is a map of one pixel.
class _Flatten(nn.Module):
    """(N, C, H, W) -> (N, C * H * W, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1)[:, :, None, None]


class _Pointwise(nn.Conv2d):
    """A 1x1 convolution: (N, C, H, W) -> (N, out_channels, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        # In training on a CPU a convolution of few pixels costs more by its call than by its arithmetic; as a product
        # it takes half. Elsewhere it stays what it is called: an export says Conv.
        if self.training and x.device.type == "cpu" and x.numel() <= FEW_PIXELS * self.in_channels:
            return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
        return super().forward(x)


class _Linear(nn.Linear):
    """(N, in_features, 1, 1) -> (N, out_features, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))[:, :, None, None]


class _Chunk(nn.Module):
    """(N, C, H, W) -> (N, C / chunks, H, W)."""

    def __init__(self, chunks: int, index: int) -> None:
        super().__init__()
        self.chunks, self.index = chunks, index

    def forward(self, x: Tensor) -> Tensor:
        return x.chunk(self.chunks, dim=1)[self.index]


def leaf(layer: L.Leaf, channels: int, dropout: float) -> nn.Module:
    """The torch module of one layer behind so many channels."""
    match layer:
        case L.Conv2d():
            single = (layer.kernel_size, layer.stride, layer.padding, layer.groups) == (1, 1, 0, 1)
            return (_Pointwise if single else nn.Conv2d)(
                channels,
                layer.out_channels,
                layer.kernel_size,
                layer.stride,
                layer.padding,
                groups=layer.groups,
                bias=layer.bias,
            )
        case L.Linear():
            return _Linear(channels, layer.out_features, layer.bias)
        case L.BatchNorm2d():
            return nn.BatchNorm2d(channels)
        case L.LocalResponseNorm():
            return nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.k)
        case L.ReLU():
            return nn.ReLU()
        case L.ReLU6():
            return nn.ReLU6()
        case L.SiLU():
            return nn.SiLU()
        case L.Hardswish():
            return nn.Hardswish()
        case L.Sigmoid():
            return nn.Sigmoid()
        case L.MaxPool2d():
            return nn.MaxPool2d(layer.kernel_size, layer.stride, layer.padding, ceil_mode=layer.ceil_mode)
        case L.AdaptiveAvgPool2d():
            return nn.AdaptiveAvgPool2d(layer.output_size)
        case L.GlobalAvgPool2d():
            return nn.AdaptiveAvgPool2d(1)
        case L.Dropout():
            return nn.Dropout(dropout)
        case L.Flatten():
            return _Flatten()
        case L.Chunk():
            return _Chunk(layer.chunks, layer.index)
        case L.ChannelShuffle():
            return nn.ChannelShuffle(layer.groups)
