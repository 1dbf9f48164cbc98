"""Exact cost of an Architecture, computed from its layers in microseconds, without torch."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.arch import layers as L
from explorer.arch.architecture import Architecture


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
    """

    name: str
    type: str
    input_shape: L.Shape
    output_shape: L.Shape
    params: int
    statistics: int
    macs: int


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


def cost(architecture: Architecture) -> Cost:
    """Counts parameters, multiply-accumulates and shapes.

    Raises:
        ArchitectureError: if the network cannot be built, naming the layer.
    """
    _check_names(architecture)
    rows: list[LayerCost] = []
    output_shape = _visit(architecture.tree, "", architecture.input_shape, rows)
    return Cost(tuple(rows), output_shape)


def _check_names(architecture: Architecture) -> None:
    seen: set[str] = set()
    for path, layer in L.walk(architecture.tree):
        if isinstance(layer, L.Weighted) and not layer.name:
            raise L.ArchitectureError(f"{path or 'layers'}: a {type(layer).__name__} without a name")
        if layer.name and isinstance(layer, L.Leaf):
            if path in seen:
                raise L.ArchitectureError(f"{path}: two layers of this name")
            seen.add(path)


def _visit(layer: L.Layer, prefix: str, shape: L.Shape, rows: list[LayerCost]) -> L.Shape:
    path = L.join(prefix, layer.name)
    match layer:
        case L.Sequential():
            for child in layer.layers:
                shape = _visit(child, path, shape, rows)
            return shape
        case L.Concat() | L.Add():
            outputs = [_visit(branch, path, shape, rows) for branch in layer.branches]
            return _merge(layer, path, outputs)
        case _:
            row = _leaf(layer, path, shape)
            rows.append(row)
            return row.output_shape


def _merge(layer: L.Concat | L.Add, path: str, outputs: list[L.Shape]) -> L.Shape:
    kind = type(layer).__name__
    if not outputs:
        raise L.ArchitectureError(f"{path or kind}: no branches")
    maps = {shape[1:] for shape in outputs}
    if len(maps) > 1 or (isinstance(layer, L.Add) and len(set(outputs)) > 1):
        raise L.ArchitectureError(f"{path or kind}: branches put out {', '.join(map(show, outputs))}, which do not fit")
    _, height, width = outputs[0]
    channels = sum(shape[0] for shape in outputs) if isinstance(layer, L.Concat) else outputs[0][0]
    return channels, height, width


def _leaf(layer: L.Leaf, path: str, shape: L.Shape) -> LayerCost:
    channels, height, width = shape
    out, params, statistics, macs = shape, 0, 0, 0
    match layer:
        case L.Conv2d():
            if channels % layer.groups or layer.out_channels % layer.groups:
                raise L.ArchitectureError(
                    f"{path}: {channels} -> {layer.out_channels} channels in {layer.groups} groups"
                )
            out = (
                layer.out_channels,
                extent(path, height, layer.kernel_size, layer.stride, layer.padding),
                extent(path, width, layer.kernel_size, layer.stride, layer.padding),
            )
            weights = layer.out_channels * (channels // layer.groups) * layer.kernel_size**2
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
        case L.LocalResponseNorm() | L.ReLU() | L.Dropout():
            pass
    return LayerCost(path, type(layer).__name__, shape, out, params, statistics, macs)


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
