"""Deep Compression of a trained network, arXiv:1510.00149: prune, share weights, train both; coding does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, log2

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture
from explorer.compression import container, finetune
from explorer.compression.allocate import Choice, allocate, choices
from explorer.compression.codebook import Doubles
from explorer.compression.codebook import share as share_weights
from explorer.compression.coded import CodedTensor, CompressionError, Floats
from explorer.compression.header import tensor_shapes
from explorer.data.module import DataModule
from explorer.nets import Network, build
from explorer.recipe import Recipe

CALIBRATION = 192
"""Training images that sensitivity is measured on."""
MANTISSA = 9
"""Bits that levels, and tensors that are not coded, keep behind the leading one; their rounding costs nothing."""
BIAS_STEPS = 100
"""A layer's largest bias is so many steps of its grid, or up to twice as many."""
PAPER_BITS = 6
TRIES = 4


@dataclass(frozen=True)
class Plan:
    """How a network is compressed.

    Attributes:
        budget: bytes of the file; None with `densities`.
        densities: by layer the share of weights that stays; None: chosen.
        bits: of the codes of every layer; None: chosen.
        rounds: of pruning, each followed by training.
        epochs: of training, over all rounds of pruning and the codebooks' training.
        lr: highest rate, as a factor of the recipe's.
    """

    budget: int | None
    densities: Mapping[str, float] | None = None
    bits: int | None = None
    rounds: int = 4
    epochs: int = 40
    lr: float = 0.5


def compress(
    architecture: Architecture,
    weights: Mapping[str, Tensor],
    data: DataModule,
    recipe: Recipe,
    plan: Plan,
    seed: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> dict[str, container.Tensor]:
    """Prunes, shares and trains a network's weights. The validation and test splits are not looked at.

    Args:
        architecture: the network.
        weights: its trained tensors, by their names.
        data: what it was trained on.
        recipe: how it was trained.
        plan: how small it shall be.
        seed: of order, augmentation and the labels drawn for sensitivity.
        told: is given a line about each step.

    Returns:
        What `container.write` takes.

    Raises:
        CompressionError: if the budget is too small.
    """
    network = build(architecture, recipe.dropout)
    network.load_state_dict(dict(weights), strict=False)
    data.arrange("train", recipe.batch_size, seed)
    images = torch.cat([batch for batch, _ in data.evaluation("train")])[:CALIBRATION]
    later = max(1, plan.epochs // 4)
    each = max(1, (plan.epochs - later) // plan.rounds)
    for number in range(1, plan.rounds + 1):
        chosen = _choose(network, images, plan, number, seed)
        finetune.keep(network, {name: choice.kept for name, choice in chosen.items()})
        finetune.train(network, data, recipe, each, plan.lr, seed + number)
        finetune.release(network)
        told(f"pruned to {sum(choice.kept for choice in chosen.values()):,} weights")
    tensors = _shared(network, images, plan, seed)
    finetune.share(network, tensors)
    finetune.train(network, data, recipe, later, plan.lr / 5, seed + plan.rounds + 1)
    finetune.unshare(network)
    found = _tensors(network)
    told(f"{len(container.pack(architecture, found)):,} bytes")
    return found


def paper_densities(architecture: Architecture) -> dict[str, float]:
    """The densities of the paper's Table 1 by a layer's part in a network of Fire modules: 1x1 filters stay, of 3x3
    filters 33 % stay (30 % in the last two modules), of the last layer 20 %."""
    names = [name.removesuffix(".weight") for name, shape in tensor_shapes(architecture).items() if len(shape) == 4]
    wide = [name for name in names if name.endswith("expand3x3")]
    found = dict.fromkeys(names, 1.0) | dict.fromkeys(wide, 0.33) | dict.fromkeys(wide[-2:], 0.30)
    return found | {names[-1]: 0.20}


def _choose(network: Network, images: Tensor, plan: Plan, number: int, seed: int) -> dict[str, Choice]:
    """What each layer keeps after round `number`: nearer to the end by a constant factor each round."""
    layers = finetune.layers(network)
    sizes = {name: layer.weight.numel() for name, layer in layers.items()}
    share = number / plan.rounds
    if plan.densities is not None:
        kept = {name: max(1, round(size * plan.densities.get(name, 1.0) ** share)) for name, size in sizes.items()}
        return {name: Choice(count, plan.bits or PAPER_BITS, 0.0, 0.0) for name, count in kept.items()}
    assert plan.budget is not None
    room = plan.budget - _overhead(network)
    dense = 0.75 * sum(sizes.values())  # 6 bits a weight
    budget = room if room >= dense else dense ** (1 - share) * max(room, 1) ** share
    return allocate(_options(network, images, plan, seed), budget)


def _shared(network: Network, images: Tensor, plan: Plan, seed: int) -> dict[str, CodedTensor]:
    """Codebooks of the pruned weights, as large as the budget allows: tried, packed, and tried again."""
    layers = finetune.layers(network)
    importance = finetune.fisher(network, images, seed)
    weights = {name: layer.weight.detach().numpy() for name, layer in layers.items()}

    def made(chosen: Mapping[str, int]) -> dict[str, CodedTensor]:
        return {
            name: share_weights(weight, _steady(importance[name]), 2 ** chosen[name] - 1)
            for name, weight in weights.items()
        }

    if plan.budget is None:
        return made(dict.fromkeys(weights, plan.bits or PAPER_BITS))
    options = {
        name: choices(weight, importance[name], (1.0,), (plan.bits,) if plan.bits else (2, 3, 4, 5, 6, 7, 8))
        for name, weight in weights.items()
    }
    room = float(plan.budget - _overhead(network))
    for _ in range(TRIES):
        tensors = made({name: choice.bits for name, choice in allocate(options, room).items()})
        size = len(container.pack(network.architecture, _tensors(network, tensors)))
        if size <= plan.budget:
            return tensors
        room -= 1.1 * (size - plan.budget)
    raise CompressionError(f"{plan.budget:,} bytes are too few for this network, {size:,} were reached")


def _options(network: Network, images: Tensor, plan: Plan, seed: int) -> dict[str, list[Choice]]:
    importance = finetune.fisher(network, images, seed)
    bits = (plan.bits,) if plan.bits else (2, 3, 4, 5, 6)
    return {
        name: choices(layer.weight.detach().numpy(), importance[name], bits=bits)
        for name, layer in finetune.layers(network).items()
    }


def _steady(importance: Doubles) -> Doubles:
    """A weight's own importance, as far as so few images tell it, drawn to its layer's mean."""
    steady: Doubles = importance + importance.mean() + 1e-30
    return steady


def _overhead(network: Network) -> int:
    """Bytes of a file that its weights do not account for: header, biases, statistics."""
    empty = {
        name: CodedTensor(np.zeros(layer.weight.shape, np.int32), levels=np.zeros(0, np.float32))
        for name, layer in finetune.layers(network).items()
    }
    return len(container.pack(network.architecture, _tensors(network, empty)))


def _tensors(network: Network, weights: Mapping[str, CodedTensor] | None = None) -> dict[str, container.Tensor]:
    """A network's tensors as they are kept: weights with their codebooks, biases on grids, the rest rounded."""
    state = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    layers = finetune.layers(network)
    found: dict[str, container.Tensor] = {}
    for name in tensor_shapes(network.architecture):
        layer, _, kind = name.rpartition(".")
        if layer in layers and kind == "weight":
            found[name] = CodedTensor.of(rounded(state[name])) if weights is None else _rounded(weights[layer])
        elif layer in layers:
            found[name] = _on_grid(state[name])
        else:
            found[name] = rounded(state[name])
    return found


def _rounded(tensor: CodedTensor) -> CodedTensor:
    return CodedTensor.of(rounded(tensor.dense()))


def rounded(values: Floats) -> Floats:
    """Values with MANTISSA bits behind the leading one, rounded to even."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.int64)
    drop = 23 - MANTISSA
    bits += (1 << (drop - 1)) - 1 + ((bits >> drop) & 1)
    return (bits >> drop << drop).astype(np.uint32).view(np.float32)


def _on_grid(values: Floats) -> CodedTensor:
    """Biases as multiples of a power of two."""
    largest = float(np.abs(values).max(initial=0.0))
    step = np.float32(2.0 ** floor(log2(largest / BIAS_STEPS)) if largest > 1e-30 else 1.0)
    return CodedTensor(np.rint(values / step).astype(np.int32), steps=np.array([step], np.float32))
