"""AlexNet (Krizhevsky et al., 2012), the network SqueezeNet is measured against."""

from __future__ import annotations

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture

NAMED: dict[str, dict[str, object]] = {
    "alexnet_caffe": {},
    "alexnet_torchvision": {"variant": "torchvision"},
}
# Filters of conv1 to conv5.
FILTERS = {"caffe": (96, 256, 384, 384, 256), "torchvision": (64, 192, 384, 256, 256)}


def alexnet(input_shape: L.Shape, classes: int, *, variant: str = "caffe", fc: int = 4096) -> Architecture:
    """An AlexNet.

    Args:
        input_shape: (channels, height, width). Smaller images adapt the stem, the pools and fc6, see `small.py`.
        classes: outputs of fc8.
        variant: `caffe` is bvlc_alexnet, the network of 2012 (227 px; conv2, conv4 and conv5 in two groups, local
            response normalisation): 60,965,224 params. `torchvision` is the one-column network of "One weird trick"
            (arXiv:1404.5997; no groups, no normalisation): 61,100,840.
        fc: outputs of fc6 and fc7.
    """
    if variant not in FILTERS:
        raise L.ArchitectureError(f"variant is {variant!r}, expected one of {', '.join(FILTERS)}")
    if min(classes, fc) < 1:
        raise L.ArchitectureError(f"classes and fc are {classes} and {fc}, expected at least 1")
    caffe, filters = variant == "caffe", FILTERS[variant]
    groups = 2 if caffe else 1
    adapted: list[str] = []
    first = L.Conv2d("conv1", filters[0], 11, stride=4, padding=0 if caffe else 2)
    conv1, side = small.stem(first, min(input_shape[1:]), adapted)
    layers: list[L.Layer] = [conv1, L.ReLU("relu1"), *_norm("norm1", caffe)]
    pool, side = small.pool(L.MaxPool2d("pool1", 3, 2, ceil_mode=caffe), side, adapted)
    layers += [
        *pool,
        L.Conv2d("conv2", filters[1], 5, padding=2, groups=groups),
        L.ReLU("relu2"),
        *_norm("norm2", caffe),
    ]
    pool, side = small.pool(L.MaxPool2d("pool2", 3, 2, ceil_mode=caffe), side, adapted)
    layers += [*pool, L.Conv2d("conv3", filters[2], 3, padding=1), L.ReLU("relu3")]
    layers += [L.Conv2d("conv4", filters[3], 3, padding=1, groups=groups), L.ReLU("relu4")]
    layers += [L.Conv2d("conv5", filters[4], 3, padding=1, groups=groups), L.ReLU("relu5")]
    pool, _ = small.pool(L.MaxPool2d("pool5", 3, 2, ceil_mode=caffe), side, adapted)
    layers += pool
    layers += small.flatten(input_shape, layers, 6, adapted)
    for i in (6, 7):
        full, drop = (L.Linear(f"fc{i}", fc), L.ReLU(f"relu{i}")), L.Dropout(f"drop{i}")
        # Caffe drops what fc6 and fc7 put out, torchvision what goes into them.
        layers += [*full, drop] if caffe else [drop, *full]
    return Architecture(input_shape, (*layers, L.Linear("fc8", classes)), tuple(adapted))


def _norm(name: str, caffe: bool) -> list[L.Layer]:
    return [L.LocalResponseNorm(name, 5, alpha=1e-4, beta=0.75, k=1.0)] if caffe else []
