"""Rounding before a file is written: floats to few bits of mantissa, biases to multiples of a step."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, log2

import numpy as np

from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, Floats
from explorer.compression.codec.floats import MANTISSA
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.layers import weighted_layers
from explorer.training.network import Network

MANTISSA_BITS = 9
"""Of a retrained network's levels and uncoded tensors; rounding to so many costs no accuracy."""
BIAS_STEPS = 100
"""A layer's largest bias is so many steps of its grid, or up to twice as many."""


def round_mantissa(values: Floats, bits: int, *, ties_to_even: bool) -> Floats:
    """Float32 values rounded to the nearest with so many bits of mantissa behind the leading one.

    Of two values equally near, the one with an even last bit is taken, or else the larger in magnitude. Retraining
    takes the first, post-training quantization the second: either would do, but a tie is not rare among values that
    were rounded before, and the bytes written for given weights must stay what they are.
    """
    drop = MANTISSA - bits
    whole = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.int64)
    half = (1 << (drop - 1)) - 1 + ((whole >> drop) & 1) if ties_to_even else 1 << (drop - 1)
    return ((whole + half) >> drop << drop).astype(np.uint32).view(np.float32)


def on_grid(values: Floats, step: Floats) -> CodedTensor:
    """Values as the nearest multiples of a step, float32 (1,)."""
    return CodedTensor(np.rint(values / step).astype(np.int32), steps=step)


def file_tensors(network: Network, weights: Mapping[str, CodedTensor] | None = None) -> dict[str, container.Tensor]:
    """A retrained network's tensors as they go into its file: weights coded, biases on grids, the rest rounded.

    Args:
        network: the network.
        weights: by layer; None: the network's own, which are shared already.
    """
    state = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    layers = weighted_layers(network)
    tensors: dict[str, container.Tensor] = {}
    for name in tensor_shapes(network.architecture):
        layer, _, kind = name.rpartition(".")
        if layer not in layers:
            tensors[name] = _rounded(state[name])
        elif kind == "weight":
            values = state[name] if weights is None else weights[layer].dense()
            tensors[name] = CodedTensor.of(_rounded(values))
        else:
            tensors[name] = on_grid(state[name], _bias_step(state[name]))
    return tensors


def _rounded(values: Floats) -> Floats:
    return round_mantissa(values, MANTISSA_BITS, ties_to_even=True)


def _bias_step(biases: Floats) -> Floats:
    """The power of two of which a layer's largest bias is BIAS_STEPS, or up to twice as many."""
    largest = float(np.abs(biases).max(initial=0.0))
    step = 2.0 ** floor(log2(largest / BIAS_STEPS)) if largest > 1e-30 else 1.0
    return np.array([step], np.float32)
