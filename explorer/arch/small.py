"""The one rule that fits ImageNet's networks to smaller images; every family follows it.

- The stem: below 128 px the first convolution is 3x3 with padding 1; it halves the map from 64 px on, and below 64 px
  it keeps the map's size.
- Pools: one that would leave less than 2x2 is dropped.
- Later strides: a layer that would leave less than 2x2 takes stride 1.
- Fully connected layers read the last map as it is; one larger than the original network's is averaged down to that.
- Everything else is left alone: filters, modules, their order.

From 128 px on nothing is changed, so 224 and 227 px give the published networks. What was changed is said in
`Architecture.adapted`.
"""

from __future__ import annotations

from dataclasses import replace

from explorer.arch import layers as L
from explorer.arch.architecture import Architecture
from explorer.arch.cost import cost, extent


def stem(conv: L.Conv2d, side: int, adapted: list[str], path: str = "") -> tuple[L.Conv2d, int]:
    """The first convolution for an image whose shorter side is `side` px, and the shorter side of its output.

    `path` is its path in the tree, where that is more than its name.
    """
    original = conv
    if side < 128:
        conv = replace(conv, kernel_size=3, stride=2 if side >= 64 else 1, padding=1)
    if conv != original:
        now, then = (f"{L.window(c)}/{c.stride}" for c in (conv, original))
        below = 128 if side >= 64 else 64
        adapted.append(f"{path or conv.name} is {now} instead of {then}, the input being below {below} px")
    kernel, padding = L.sides(conv.kernel_size)[0], L.sides(conv.padding)[0]
    return conv, extent(conv.name, side, kernel, conv.stride, padding)


def stride(wanted: int, side: int, adapted: list[str], path: str) -> tuple[int, int]:
    """The stride of a 3x3 layer with padding 1, and the shorter side of the map after it."""
    out = extent(path, side, 3, wanted, 1)
    if wanted == 1 or out >= 2:
        return wanted, out
    adapted.append(f"{path} has stride 1 instead of {wanted}, the map being {side}x{side} there")
    return 1, side


def pool(layer: L.MaxPool2d, side: int, adapted: list[str]) -> tuple[list[L.Layer], int]:
    """The pool, or nothing if it would leave less than 2x2, and the shorter side of the map after it."""
    if side >= layer.kernel_size:
        out = extent(layer.name, side, layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode)
        if out >= 2:
            return [layer], out
    adapted.append(f"no {layer.name}, the map being {side}x{side} there")
    return [], side


def flatten(input_shape: L.Shape, layers: list[L.Layer], side: int, adapted: list[str]) -> list[L.Layer]:
    """What stands between the last map and fully connected layers made for one of side x side."""
    _, height, width = cost(Architecture(input_shape, tuple(layers))).output_shape
    if (height, width) == (side, side):
        return [L.Flatten("flatten")]
    if max(height, width) > side:
        adapted.append(f"the last map is averaged from {height}x{width} to {side}x{side}")
        return [L.AdaptiveAvgPool2d("avgpool", side), L.Flatten("flatten")]
    adapted.append(f"fully connected layers read a map of {height}x{width} instead of {side}x{side}")
    return [L.Flatten("flatten")]
