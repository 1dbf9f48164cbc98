"""Deep Compression of a trained network, arXiv:1510.00149: prune, share weights, train both; coding does the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import floor, log2

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture
from explorer.compression import finetune
from explorer.compression.allocate import Choice, allocate, choices
from explorer.compression.codebook import Doubles, largest
from explorer.compression.codebook import share as share_weights
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, CompressionError, Floats
from explorer.compression.codec.header import tensor_shapes
from explorer.data.module import DataModule
from explorer.training.network import Network, build
from explorer.training.recipe import Recipe

CALIBRATION = 192
"""Training images that sensitivity is measured on."""
MANTISSA = 9
"""Bits that levels, and tensors that are not coded, keep behind the leading one; their rounding costs nothing."""
BIAS_STEPS = 100
"""A layer's largest bias is so many steps of its grid, or up to twice as many."""
PAPER_BITS = 6
BITS = (3, 4, 5, 6, 7, 8)
"""Of codes; a codebook of three values, 2 bits, is not made good by training it, as pruning is by training."""
HEALED = 0.8
"""Share of what pruning costs that training makes good."""
FITS = 8
"""Attempts at choices whose file is within a budget; what they are to save doubles."""
TRIES = 4
"""Attempts at codebooks that do not lose too much."""
WIDER = 1.25
"""What a budget grows by where the codebooks lose too much."""


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
        tolerance: accuracy on training images that may be lost; where the budget loses more, it is exceeded. None: any.
    """

    budget: int | None
    densities: Mapping[str, float] | None = None
    bits: int | None = None
    rounds: int = 6
    epochs: int = 96
    lr: float = 0.5
    tolerance: float | None = None


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

    What is left is trained to answer as the network did before (distillation): labels alone, which so few weights can
    be trained to give for the training images, leave the answers to other images to chance.

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
    network, teacher = build(architecture, recipe.dropout), build(architecture).eval()
    network.load_state_dict(dict(weights), strict=False)
    teacher.load_state_dict(dict(weights), strict=False)

    def train(epochs: int, lr: float, number: int) -> None:
        finetune.train(network, data, recipe, epochs, plan.lr * lr, seed + number, teacher)

    data.arrange("train", recipe.batch_size, seed)
    images = torch.cat([batch for batch, _ in data.evaluation("train")])[:CALIBRATION]
    least = 0.0 if plan.tolerance is None else finetune.right(network, data) - plan.tolerance
    budget = _prune(network, data, plan, images, least, seed, train, told)
    pruned, later, room = _state(network), max(1, plan.epochs // 4), budget
    for left in reversed(range(TRIES)):
        over = 0
        try:
            finetune.share(network, _shared(network, images, plan, room, seed))
        except CompressionError:
            if plan.tolerance is None or not left:
                raise
        else:
            train(later, 0.5, plan.rounds + 1)
            finetune.unshare(network)
            made = as_kept(network)
            over = 0 if budget is None else max(0, len(container.pack(architecture, made)) - budget)
            if not over and (not left or budget is None or finetune.right(network, data) >= least):
                return made
            network.load_state_dict(pruned)
        assert budget is not None
        assert room is not None
        budget, room = (budget, room - 2 * over) if over else (round(WIDER * budget),) * 2
        told(f"codebooks within {room:,} bytes, as {'training adds some' if over else 'fewer lose too much'}")
    raise CompressionError(f"{budget:,} bytes are too few for this network, training adds {over}")


def _prune(
    network: Network,
    data: DataModule,
    plan: Plan,
    images: Tensor,
    least: float,
    seed: int,
    train: Callable[[int, float, int], None],
    told: Callable[[str], None],
) -> int | None:
    """Prunes and trains by turns, as long as training brings the accuracy back to `least`; the budget come to."""
    each = max(1, (plan.epochs - plan.epochs // 4) // plan.rounds)
    reached = None if plan.budget is None else _budget(network, plan, 0)
    for number in range(1, plan.rounds + 1):
        before, budget = _state(network), None if plan.budget is None else _budget(network, plan, number)
        try:
            kept = _kept(network, images, plan, budget, number, seed)
        except CompressionError:
            if plan.tolerance is None:
                raise
            told(f"pruned no further: {budget:,} bytes hold no weights")
            break
        finetune.keep(network, kept)
        train(each, 1.0, number)
        finetune.release(network)
        if plan.tolerance is not None and finetune.right(network, data) < least:
            network.load_state_dict(before)
            told(f"pruned no further: {sum(kept.values()):,} weights lose more than {plan.tolerance:.1%}")
            break
        reached = budget
        told(f"pruned to {sum(kept.values()):,} weights")
    return reached


def _budget(network: Network, plan: Plan, number: int) -> int:
    """Bytes of the file after round `number`: from 6 bits a weight to the plan's, by a constant factor each round."""
    assert plan.budget is not None
    overhead, share = _overhead(network), number / plan.rounds
    weights = sum(layer.weight.numel() for layer in finetune.layers(network).values())
    dense, room = 0.75 * weights, float(max(plan.budget - overhead, 1))
    return plan.budget if share == 1 or room >= dense else overhead + round(dense ** (1 - share) * room**share)


def _state(network: Network) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def paper_densities(architecture: Architecture) -> dict[str, float]:
    """The densities of the paper's Table 1 by a layer's part in a network of Fire modules: 1x1 filters stay, of 3x3
    filters 33 % stay (30 % in the last two modules), of the last layer 20 %."""
    names = [name.removesuffix(".weight") for name, shape in tensor_shapes(architecture).items() if len(shape) == 4]
    wide = [name for name in names if name.endswith("expand3x3")]
    found = dict.fromkeys(names, 1.0) | dict.fromkeys(wide, 0.33) | dict.fromkeys(wide[-2:], 0.30)
    return found | {names[-1]: 0.20}


def _kept(network: Network, images: Tensor, plan: Plan, budget: int | None, number: int, seed: int) -> dict[str, int]:
    """Weights that each layer keeps in round `number`."""
    layers = finetune.layers(network)
    if budget is None:
        densities, share = plan.densities or {}, number / plan.rounds
        sizes = {name: layer.weight.numel() for name, layer in layers.items()}
        return {name: max(1, round(size * densities.get(name, 1.0) ** share)) for name, size in sizes.items()}
    if number == plan.rounds:
        chosen, _ = _fitting(network, images, plan, budget, seed, HEALED)
    else:
        options = _options(network, finetune.fisher(network, images, seed), plan, HEALED)
        chosen = allocate(options, budget - _overhead(network))
    return {name: choice.kept for name, choice in chosen.items()}


def _shared(network: Network, images: Tensor, plan: Plan, budget: int | None, seed: int) -> dict[str, CodedTensor]:
    """Codebooks of the pruned weights, as large as the budget allows."""
    if budget is not None:
        return _fitting(network, images, plan, budget, seed, 0.0)[1]
    bits, layers = plan.bits or PAPER_BITS, finetune.layers(network)
    whole = {name: Choice(layer.weight.numel(), bits, 0.0, 0.0) for name, layer in layers.items()}
    return _coded(network, finetune.fisher(network, images, seed), whole)


def _fitting(
    network: Network, images: Tensor, plan: Plan, budget: int, seed: int, healed: float
) -> tuple[dict[str, Choice], dict[str, CodedTensor]]:
    """The best choices whose file is within the budget: tried, packed, and tried again; and what they make."""
    importance = finetune.fisher(network, images, seed)
    options = _options(network, importance, plan, healed)
    room = float(budget - _overhead(network))
    for number in range(FITS):
        chosen = allocate(options, room)
        tensors = _coded(network, importance, chosen)
        size = len(container.pack(network.architecture, as_kept(network, tensors)))
        if size <= budget:
            return chosen, tensors
        room -= 2**number * 1.1 * (size - budget)  # choices come in steps: a little less room may change nothing
    raise CompressionError(f"{budget:,} bytes are too few for this network, {size:,} were reached")


def _coded(network: Network, importance: Mapping[str, Doubles], chosen: Mapping[str, Choice]) -> dict[str, CodedTensor]:
    return {
        name: share_weights(
            largest(layer.weight.detach().numpy(), chosen[name].kept),
            _steady(importance[name]),
            2 ** chosen[name].bits - 1,
        )
        for name, layer in finetune.layers(network).items()
    }


def _options(network: Network, importance: Mapping[str, Doubles], plan: Plan, healed: float) -> dict[str, list[Choice]]:
    return {
        name: choices(
            layer.weight.detach().numpy(),
            importance[name],
            bits=(plan.bits,) if plan.bits else BITS,
            healed=healed,
        )
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
    return len(container.pack(network.architecture, as_kept(network, empty)))


def as_kept(network: Network, weights: Mapping[str, CodedTensor] | None = None) -> dict[str, container.Tensor]:
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
