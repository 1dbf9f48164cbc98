"""Exact cost of an Architecture, computed from its layers in microseconds, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from explorer.arch import layers as L
from explorer.arch.architecture import Architecture

IN_PLACE = (L.ReLU, L.ReLU6, L.Sigmoid, L.Dropout, L.Flatten)
"""Layers that can write over what they read."""
IDENTITY = L.Sequential("", ())


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One leaf layer.

    Attributes:
        name: path in the tree, the prefix of its weights in the torch module.
        type: name of the layer's class.
        input_shape, output_shape: (channels, height, width) for one image.
        params: weights and biases.
        statistics: stored numbers that are not parameters (running mean and variance of batch norm).
        macs: multiply-accumulates for one image; a bias counts as none.
        written: numbers it puts into memory of their own for one image: its output, or 0 if it works in place.
        live: numbers in memory while it runs: input, output, and what other branches hold or still need.
    """

    name: str
    type: str
    input_shape: L.Shape
    output_shape: L.Shape
    params: int
    statistics: int
    macs: int
    written: int
    live: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs for one image, layer by layer and in all."""

    layers: tuple[LayerCost, ...]
    output_shape: L.Shape

    @property
    def params(self) -> int:
        """Trainable numbers: weights and biases."""
        return sum(layer.params for layer in self.layers)

    @property
    def bytes(self) -> int:
        """Size of the parameters in fp32."""
        return 4 * self.params

    @property
    def statistics_bytes(self) -> int:
        """Size of batch norm's running statistics in fp32, not part of `bytes`."""
        return 4 * sum(layer.statistics for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return sum(layer.macs for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Size of all layer outputs for one image in fp32, the image left out: about what training keeps.

        ReLU, sigmoid, dropout and flatten work in place, branches write straight into their concatenation, and a sum or
        a product is taken in place of its first branch, so none of these counts.
        """
        return 4 * sum(layer.written for layer in self.layers)

    @property
    def peak_activation_bytes(self) -> int:
        """The least memory that activations need at once to run one image in fp32, layer after layer.

        The largest sum of a layer's input, its output, and what other branches hold or still need meanwhile.
        """
        return 4 * max((layer.live for layer in self.layers), default=0)

    @property
    def activations(self) -> int:
        """The same, by the name that a size has."""
        return self.peak_activation_bytes


def cost(architecture: Architecture) -> Cost:
    """Counts parameters, multiply-accumulates and shapes.

    Raises:
        ArchitectureError: if the network cannot be built, naming the layer.
    """
    _check_names(architecture)
    rows: list[LayerCost] = []
    output_shape = _visit(architecture.tree, "", architecture.input_shape, rows, held=0, kept=False)
    return Cost(tuple(rows), output_shape)


def norm_of_one_number(costs: Cost) -> str | None:
    """The first batch normalisation on a map of 1x1, which a batch of one image cannot train; None: there is none."""
    norms = (row for row in costs.layers if row.type == "BatchNorm2d")
    return next((row.name for row in norms if row.output_shape[1:] == (1, 1)), None)


def _check_names(architecture: Architecture) -> None:
    seen: set[str] = set()
    for path, layer in L.walk(architecture.tree):
        if isinstance(layer, L.Weighted) and not layer.name:
            raise L.ArchitectureError(f"{path or 'layers'}: a {type(layer).__name__} without a name")
        if layer.name and isinstance(layer, L.Leaf):
            if path in seen:
                raise L.ArchitectureError(f"{path}: two layers of this name")
            seen.add(path)


def _visit(layer: L.Layer, prefix: str, shape: L.Shape, rows: list[LayerCost], *, held: int, kept: bool) -> L.Shape:
    """Counts a layer and what it holds; returns the shape it puts out.

    Args:
        held: numbers that other branches have in memory meanwhile, the layer's own input left out.
        kept: whether someone else still needs the layer's input afterwards.
    """
    path = L.join(prefix, layer.name)
    match layer:
        case L.Sequential():
            for child in layer.layers:
                start = shape
                shape = _visit(child, path, shape, rows, held=held, kept=kept)
                if kept:  # from here on the input is something beside the data under way
                    held, kept = held + prod(start), False
            return shape
        case L.Concat() | L.Add() | L.Multiply():
            outputs: list[L.Shape] = []
            needed = kept or IDENTITY in layer.branches
            for i, branch in enumerate(layer.branches):
                last = i == len(layer.branches) - 1
                outputs.append(_visit(branch, path, shape, rows, held=held, kept=needed or not last))
                held += 0 if branch == IDENTITY else prod(outputs[-1])
            return merge(layer, path, outputs)
        case _:
            row = leaf(layer, path, shape, held, kept)
            rows.append(row)
            return row.output_shape


def merge(layer: L.Merge, path: str, outputs: list[L.Shape]) -> L.Shape:
    """The shape that a container makes of those of its branches; ArchitectureError if they do not fit."""
    kind = type(layer).__name__
    if not outputs:
        raise L.ArchitectureError(f"{path or kind}: no branches")
    largest = max(outputs, key=prod)
    match layer:
        case L.Concat():
            fit = len({shape[1:] for shape in outputs}) == 1
        case L.Add():
            fit = len(set(outputs)) == 1
        case L.Multiply():
            fit = all(shape in (largest, (largest[0], 1, 1)) for shape in outputs)
    if not fit:
        raise L.ArchitectureError(f"{path or kind}: branches put out {', '.join(map(show, outputs))}, which do not fit")
    if isinstance(layer, L.Concat):
        return sum(shape[0] for shape in outputs), *outputs[0][1:]
    return largest


def leaf(layer: L.Leaf, path: str, shape: L.Shape, held: int, kept: bool) -> LayerCost:
    """The row of one layer; `held` and `kept` as of `_visit`."""
    out, params, statistics, macs = counts(layer, path, shape)
    written = 0 if isinstance(layer, IN_PLACE) and not kept else prod(out)
    return LayerCost(
        name=path,
        type=type(layer).__name__,
        input_shape=shape,
        output_shape=out,
        params=params,
        statistics=statistics,
        macs=macs,
        written=written,
        live=held + prod(shape) + written,
    )


def counts(layer: L.Leaf, path: str, shape: L.Shape) -> tuple[L.Shape, int, int, int]:
    """The shape that a leaf puts out, its params, statistics and macs."""
    channels, height, width = shape
    out, params, statistics, macs = shape, 0, 0, 0
    match layer:
        case L.Conv2d():
            if channels % layer.groups or layer.out_channels % layer.groups:
                raise L.ArchitectureError(
                    f"{path}: {channels} -> {layer.out_channels} channels in {layer.groups} groups"
                )
            kernel, padding = L.sides(layer.kernel_size), L.sides(layer.padding)
            out = (
                layer.out_channels,
                extent(path, height, kernel[0], layer.stride, padding[0]),
                extent(path, width, kernel[1], layer.stride, padding[1]),
            )
            weights = layer.out_channels * (channels // layer.groups) * prod(kernel)
            params = weights + layer.out_channels * layer.bias
            macs = weights * out[1] * out[2]
        case L.Linear():
            if (height, width) != (1, 1):
                raise L.ArchitectureError(f"{path}: Linear needs a (features, 1, 1) map, got {show(shape)}")
            out = (layer.out_features, 1, 1)
            macs = channels * layer.out_features
            params = macs + layer.out_features * layer.bias
        case L.BatchNorm2d():
            params = statistics = 2 * channels
        case L.MaxPool2d():
            if layer.padding > layer.kernel_size // 2:
                raise L.ArchitectureError(
                    f"{path}: padding {layer.padding} is more than half of kernel {layer.kernel_size}"
                )
            out = (
                channels,
                extent(path, height, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode),
                extent(path, width, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode),
            )
        case L.AdaptiveAvgPool2d():
            out = (channels, layer.output_size, layer.output_size)
        case L.GlobalAvgPool2d():
            out = (channels, 1, 1)
        case L.Flatten():
            out = (channels * height * width, 1, 1)
        case L.Chunk():
            if channels % layer.chunks or layer.index >= layer.chunks:
                raise L.ArchitectureError(
                    f"{path}: {channels} channels in {layer.chunks} chunks, of which number {layer.index} is wanted"
                )
            out = (channels // layer.chunks, height, width)
        case L.ChannelShuffle():
            if channels % layer.groups:
                raise L.ArchitectureError(f"{path}: {channels} channels in {layer.groups} groups")
        case _:  # activations, dropout, local response normalisation: the shape stays, nothing is counted
            pass
    return out, params, statistics, macs


def extent(path: str, size: int, kernel: int, stride: int, padding: int, ceil_mode: bool = False) -> int:
    """Pixels along one axis after a kernel has slid over it, as torch counts them."""
    span = size + 2 * padding - kernel
    out = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (out - 1) * stride >= size + padding:
        out -= 1  # torch: the last window must start inside the map or its left padding
    if span < 0:
        raise L.ArchitectureError(
            f"{path}: a {kernel}x{kernel} kernel does not fit a map of {size} px; the map shrank below 1 px"
        )
    return out


def show(shape: L.Shape) -> str:
    """(96, 55, 55) -> 55x55x96, the way the paper writes shapes."""
    return f"{shape[1]}x{shape[2]}x{shape[0]}"
