"""SqueezeNet's family: a stem, Fire modules, pools between them, conv10 (arXiv:1602.07360, sections 3 to 6)."""

from __future__ import annotations

from functools import lru_cache
from math import floor

from explorer.arch import layers as L
from explorer.arch import small
from explorer.arch.architecture import Architecture
from explorer.arch.blocks import MOST_BLOCKS, whole

RELU = L.ReLU()
BYPASSES = ("none", "simple", "complex")
NAMED: dict[str, dict[str, object]] = {
    "squeezenet_v1_0": {},
    "squeezenet_v1_0_simple_bypass": {"bypass": "simple"},
    "squeezenet_v1_0_complex_bypass": {"bypass": "complex"},
    "squeezenet_v1_1": {"stem": 64, "stem_kernel": 3, "downsampling": 0.25},
}


def fire(
    input_shape: L.Shape,
    classes: int,
    *,
    base_e: int = 128,
    incr_e: int = 128,
    freq: int = 2,
    pct_3x3: float = 0.5,
    squeeze_ratio: float = 0.125,
    bypass: str = "none",
    modules: int = 8,
    downsampling: float = 0.4375,
    stem: int = 96,
    stem_kernel: int = 7,
    conv10_padding: int = 0,
    final_relu: bool = True,
    batch_norm: bool = False,
) -> Architecture:
    """A SqueezeNet of the given metaparameters; the defaults are SqueezeNet v1.0.

    Fire module i (from 0; the paper calls it fire{i+2}) has e_i = base_e + incr_e * floor(i / freq) expand filters,
    pct_3x3 of them 3x3, behind squeeze_ratio * e_i squeeze filters (section 5.1). A filter count that is no whole
    number is rounded half up and is never below 1; the 1x1 filters are what the 3x3 leave of e_i.

    Args:
        input_shape: (channels, height, width). Below 128 px the stem and the pools adapt, see `small.py`.
        classes: filters of conv10.
        base_e: expand filters of the first module.
        incr_e: expand filters added after every `freq` modules.
        freq: modules between two increments.
        pct_3x3: share of the expand filters that are 3x3, in [0, 1].
        squeeze_ratio: squeeze filters over expand filters, in (0, 1].
        bypass: `none`; `simple`: an identity around every module that keeps its channels (in SqueezeNet: fire3, 5, 7,
            9); `complex`: also a 1x1 convolution around every other module (section 6). No ReLU after the sum.
        modules: number of Fire modules.
        downsampling: share of the depth between one pool and the next: the k-th of three pools stands after module
            floor(k * downsampling * modules), k from 0. 0: all directly after the stem; 0.25: v1.1; 0.4375: v1.0 (after
            conv1, fire4, fire8); 0.5: as late as can be (the paper's third strategy).
        stem: filters of conv1.
        stem_kernel: 7 (v1.0) or 3 (v1.1), for inputs of 128 px and more.
        conv10_padding: the authors' v1.0 files pad conv10 by 1, which only widens the map with its bias.
        final_relu: ReLU after conv10, as in the authors' files.
        batch_norm: batch normalisation after every convolution of the Fire modules and the stem.
    """
    _check("bypass", bypass, bypass in BYPASSES, f"one of {', '.join(BYPASSES)}")
    for name, value in (("base_e", base_e), ("freq", freq), ("modules", modules), ("stem", stem), ("classes", classes)):
        _check(name, value, value >= 1, "at least 1")
    _check("modules", modules, modules <= MOST_BLOCKS, f"at most {MOST_BLOCKS:,}")
    _check("incr_e", incr_e, incr_e >= 0, "at least 0")
    _check("pct_3x3", pct_3x3, 0 <= pct_3x3 <= 1, "within [0, 1]")
    _check("squeeze_ratio", squeeze_ratio, 0 < squeeze_ratio <= 1, "within (0, 1]")
    _check("downsampling", downsampling, 0 <= downsampling <= 0.5, "within [0, 0.5]")
    _check("stem_kernel", stem_kernel, stem_kernel in (3, 7), "3 or 7")

    adapted: list[str] = []
    conv1, side = small.stem(L.Conv2d("conv1", stem, stem_kernel, stride=2), min(input_shape[1:]), adapted)
    layers: list[L.Layer] = [*_conv(conv1, batch_norm), L.ReLU("relu1")]
    channels = stem
    pools = [floor(k * downsampling * modules) for k in range(3)]
    for i in range(modules + 1):
        for k in range(pools.count(i)):
            name = f"maxpool{i + 1}{'bc'[k - 1] if k else ''}"
            pool, side = small.pool(L.MaxPool2d(name, 3, 2, ceil_mode=True), side, adapted)
            layers += pool
        if i == modules:
            break
        e_i = base_e + incr_e * (i // freq)
        expand3x3 = whole(pct_3x3 * e_i)
        expand1x1 = max(1, e_i - expand3x3)
        module = fire_module(f"fire{i + 2}", whole(squeeze_ratio * e_i), expand1x1, expand3x3, batch_norm)
        layers.append(_bypassed(module, i, channels, expand1x1 + expand3x3, bypass))
        channels = expand1x1 + expand3x3
    layers += [L.Dropout("dropout"), L.Conv2d("conv10", classes, 1, padding=conv10_padding)]
    if final_relu:
        layers.append(L.ReLU("relu10"))
    layers += [L.GlobalAvgPool2d("avgpool10"), L.Flatten("flatten")]
    return Architecture(input_shape, tuple(layers), tuple(adapted))


@lru_cache(maxsize=10_000)
def fire_module(name: str, squeeze: int, expand1x1: int, expand3x3: int, batch_norm: bool = False) -> L.Sequential:
    """[1x1 squeeze, ReLU, (1x1 expand || 3x3 expand), ReLU], section 3.2."""
    branches = _filters("expand1x1", expand1x1, 1, batch_norm), _filters("expand3x3", expand3x3, 3, batch_norm)
    return L.Sequential(name, (*_filters("squeeze", squeeze, 1, batch_norm).layers, RELU, L.Concat("", branches), RELU))


@lru_cache(maxsize=10_000)
def _filters(name: str, count: int, kernel_size: int, batch_norm: bool) -> L.Sequential:
    return L.Sequential("", _conv(L.Conv2d(name, count, kernel_size, padding=kernel_size // 2), batch_norm))


def _conv(conv: L.Conv2d, batch_norm: bool) -> tuple[L.Layer, ...]:
    return (conv, L.BatchNorm2d(f"{conv.name}_bn")) if batch_norm else (conv,)


def _bypassed(module: L.Sequential, i: int, channels_in: int, channels_out: int, bypass: str) -> L.Layer:
    if bypass != "none" and channels_in == channels_out:
        return L.Add("", (module, L.Sequential("", ())))
    if bypass == "complex":
        return L.Add("", (module, L.Conv2d(f"bypass{i + 2}", channels_out, 1)))
    return module


def _check(name: str, value: object, good: bool, expected: str) -> None:
    if not good:
        raise L.ArchitectureError(f"{name} is {value!r}, expected {expected}")
