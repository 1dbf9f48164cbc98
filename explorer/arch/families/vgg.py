"""VGG (Simonyan and Zisserman, arXiv:1409.1556): 3x3 convolutions in five stages, three fully connected layers."""

from __future__ import annotations

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture

NAMED: dict[str, dict[str, object]] = {"vgg16": {}}
FILTERS = (64, 128, 256, 512, 512)
# Convolutions of each stage, Table 1 of the paper: configurations A, B, D and E.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


def vgg(
    input_shape: L.Shape, classes: int, *, depth: int = 16, fc: int = 4096, batch_norm: bool = False
) -> Architecture:
    """A VGG; the default is VGG-16, 138,357,544 params.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the pools and fc6, see `small.py`; conv1_1 is 3x3/1
            at every size.
        classes: outputs of fc8.
        depth: layers with weights: 11, 13, 16 or 19.
        fc: outputs of fc6 and fc7.
        batch_norm: batch normalisation after every convolution.
    """
    if depth not in STAGES:
        raise L.ArchitectureError(f"depth is {depth!r}, expected one of {', '.join(map(str, STAGES))}")
    if min(classes, fc) < 1:
        raise L.ArchitectureError(f"classes and fc are {classes} and {fc}, expected at least 1")
    adapted: list[str] = []
    layers: list[L.Layer] = []
    side = min(input_shape[1:])
    for stage, (count, filters) in enumerate(zip(STAGES[depth], FILTERS, strict=True), start=1):
        for i in range(1, count + 1):
            layers.append(L.Conv2d(f"conv{stage}_{i}", filters, 3, padding=1))
            if batch_norm:
                layers.append(L.BatchNorm2d(f"conv{stage}_{i}_bn"))
            layers.append(L.ReLU(f"relu{stage}_{i}"))
        pool, side = small.pool(L.MaxPool2d(f"pool{stage}", 2, 2), side, adapted)
        layers += pool
    layers += small.flatten(input_shape, layers, 7, adapted)
    for name in ("6", "7"):
        layers += [L.Linear(f"fc{name}", fc), L.ReLU(f"relu{name}"), L.Dropout(f"drop{name}")]
    return Architecture(input_shape, (*layers, L.Linear("fc8", classes)), tuple(adapted))
