"""Deep Compression of a trained network as TFLite Micro unpacks it: few values a filter, trained, in a Huffman code.

A filter's weights are whole multiples of its step. A coarse step makes most of them zero, which prunes, leaves the rest
few values, which shares weights, and so shortens the code. Each layer's step is chosen by what rounding costs, within
the budget of the file; training between goes on with the rounded weights, gradients passing the rounding unchanged (the
straight-through estimator, Bengio et al., arXiv:1308.3432).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from explorer.arch import Architecture
from explorer.arch.tflite import Program, flash, program
from explorer.arch.tflite.arena import HOST, HUFFMAN, arena
from explorer.compression import fisher
from explorer.compression.allocate import Choice, TooFewBytesError, allocate
from explorer.compression.codec.coded import CompressionError, Doubles
from explorer.compression.deep import WIDER
from explorer.compression.layers import weighted_layers
from explorer.compression.retraining import CompressionSettings, Retraining, round_budget
from explorer.data.module import DataModule
from explorer.int8 import file
from explorer.int8.encode import DESCRIBED, huffman_bytes, smallest_code
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantize import Image
from explorer.int8.quantized import Quantized
from explorer.results.compressed import Memory
from explorer.training.int8 import answer, quantized
from explorer.training.recipe import Recipe

MOST = 127
"""The largest code."""
FINEST, COARSEST, STEPS = 0.02, 4.0, 28
"""Steps that a layer is offered, in units of the root mean square of its weights."""
ZERO = 0.6
"""Weights below this share of a step become 0: its code is the shortest."""
ATTEMPTS = 6
"""At steps whose file is within the budget."""
CHECKED = 8
"""Images that TFLite Micro answers as well."""
LAST = 3
"""Rounds that the last one is as long as."""


@dataclass(frozen=True)
class Step(Choice):
    """What a layer may become; `bits` are those of int8.

    Attributes:
        steps: of each filter.
    """

    steps: Tensor


@dataclass(frozen=True)
class Rounded:
    """A network whose weights are few values.

    Attributes:
        weights: its tensors by name, in fp32: what `codes` covers are multiples of a step, one a filter.
        codes: these multiples, int8, by layer. A layer without is not packed.
        int8: the network in int8, packed.
        image: what its input means.
    """

    weights: dict[str, Tensor]
    codes: dict[str, Tensor]
    int8: Quantized
    image: Image


def compress(
    architecture: Architecture,
    weights: Mapping[str, Tensor],
    data: DataModule,
    recipe: Recipe,
    settings: CompressionSettings,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> Rounded:
    """Rounds a network's weights to fewer and fewer values and trains it. The validation and test splits are not seen.

    The arguments are those of `deep.compress`; `settings.budget` is needed, `densities` and `bits` are not used.

    Raises:
        CompressionError: if budget or memory are too small.
        OperatorError: if TFLite Micro has no operator for a layer.
    """
    assert settings.budget is not None
    work = _Rounding(architecture, weights, data, recipe, settings, seed, report)
    try:
        return work.within(settings.budget)
    except TooFewBytesError as error:  # of a round's budget, or of what training left of it
        raise TooFewBytesError(settings.budget, error.least) from None


def write(network: Quantized, image: Image, path: Path, images: Tensor) -> int:
    """Writes the file that TFLite Micro runs; the bytes of its arena.

    Args:
        network: in int8.
        image: what its input means.
        path: of the file.
        images: (N, C, H, W) normalised; on a few of them TFLite Micro is asked itself.

    Raises:
        CompressionError: if TFLite Micro's answers or its memory are not what was computed.
    """
    made = file.write(network)
    path.write_bytes(made)
    interpreter = Interpreter(made)
    images = image.int8(images[:CHECKED].cpu(), network)
    theirs = np.concatenate(
        [interpreter.run(each) for each in images.permute(0, 2, 3, 1).unsqueeze(1).contiguous().numpy()]
    )
    if (theirs.reshape(len(images), -1) != answer(network, images).numpy()).any():
        raise CompressionError(f"{path}: TFLite Micro answers otherwise than computed")
    allocated, predicted = interpreter.allocations(), arena(network.program, HOST, network.packed)
    if (allocated.head, allocated.tail) != (predicted.head, predicted.tail):
        raise CompressionError(f"{path}: an arena of {predicted.total:,} bytes was predicted, not {allocated}")
    return predicted.total


def trade_off(network: Quantized) -> tuple[Memory, ...]:
    """What a network needs as packed, and with the largest of its packed layers left plain, one after the other."""
    encoded, found = dict(network.encoded), []
    plain = None
    while True:
        left = replace(network, encoded=dict(encoded))
        needed = arena(network.program, HOST, left.packed).total
        found.append(Memory(plain, len(file.write(left)), needed))
        if not encoded:
            return tuple(found)
        largest = max(encoded, key=lambda i: prod(network.program.operators[i].weights))
        plain = network.program.operators[largest].layer
        del encoded[largest]


def kept_plain(program: Program, ram: int | None) -> set[str]:
    """The layers that must not be packed, so that the arena has at most `ram` bytes: the largest of them.

    Raises:
        CompressionError: if it has more with all of them plain.
    """
    packed = {i: HUFFMAN for i, each in enumerate(program.operators) if each.weights}
    plain = set()
    while ram is not None and (needed := arena(program, HOST, packed).total) > ram:
        if not packed:
            raise CompressionError(f"ram={ram} is too little for this network, which needs {needed:,} bytes unpacked")
        largest = max(packed, key=lambda i: prod(program.operators[i].weights))
        plain.add(program.operators[largest].layer)
        del packed[largest]
    return plain


class _Rounding(Retraining):
    """A network while its weights become multiples of steps."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.layers = weighted_layers(self.network)
        self.dense = sum(layer.weight.numel() for layer in self.layers.values())
        self.beside = flash(self.network.architecture) - self.dense
        self.plain = kept_plain(program(self.network.architecture), self.settings.ram)
        self.grids: dict[str, OnGrid] = {}

    def within(self, budget: int) -> Rounded:
        """The network in a file of at most so many bytes, or of more where it would lose too much."""
        rounds, reached = self.settings.rounds, self.beside + self.dense
        epochs = max(1, self.settings.epochs // (rounds + LAST))
        for number in range(1, rounds):
            before, target = self.state(), self._round_budget(budget, number)
            try:
                self._trained(target, epochs, number)
                lost = self.lost_too_much()
            except TooFewBytesError:
                if self.settings.tolerance is None:
                    raise
                lost = True
            self._release()
            if lost:
                self.network.load_state_dict(before)
                self.report(f"rounded no further: {target:,} bytes lose more than {self.settings.tolerance:.1%}")
                budget = self._capped(max(budget, reached))
                break
            reached = target
            self.report(f"rounded within {target:,} bytes")
        return self._last(budget, LAST * epochs, epochs)

    def _last(self, budget: int, first: int, later: int) -> Rounded:
        """Trains for `first` epochs, and for `later` ones as long as the file is too large or loses too much."""
        room, number, shrunk = budget, 0, 0
        while shrunk < ATTEMPTS:
            number += 1
            wider = self._capped(round(WIDER * budget))
            try:
                self._trained(room, later if number > 1 else first, self.settings.rounds + number)
            except TooFewBytesError:
                if self.settings.tolerance is None or wider == budget:
                    raise
                budget = room = wider
                continue
            found = self._rounded()
            size = len(file.write(found.int8))
            self.report(f"{size:,} bytes")
            grows = size <= budget < wider and number < ATTEMPTS and self.lost_too_much()
            if size <= budget and not grows:
                return found
            self._release()
            if grows:
                budget = room = wider
            else:
                room, shrunk = room - round(1.2 * (size - budget)), shrunk + 1
        raise CompressionError(f"{budget:,} bytes are too few for this network")

    def _capped(self, budget: int) -> int:
        """A budget within the flash there is."""
        return budget if self.settings.flash is None else min(budget, self.settings.flash)

    def _trained(self, budget: int, epochs: int, number: int) -> None:
        """Trains on the grids that a budget allows; see `allocate` for errors."""
        chosen = self._chosen(budget)
        self.grids = {name: OnGrid(step.steps) for name, step in chosen.items()}
        for name, layer in self.layers.items():
            parametrize.register_parametrization(layer, "weight", self.grids[name], unsafe=True)
        self.train(epochs, number)

    def _release(self) -> None:
        """The weights as training left them, before rounding."""
        for layer in self.layers.values():
            if parametrize.is_parametrized(layer):
                parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)

    def _rounded(self) -> Rounded:
        codes = {
            name: self.grids[name].codes(layer.weight.detach()).to(torch.int8)
            for name, layer in self.layers.items()
            if name not in self.plain
        }
        weights = {name: value for name, value in self.state().items() if "parametrizations" not in name}
        weights |= {f"{name}.weight": layer.weight.detach().clone() for name, layer in self.layers.items()}
        return Rounded(weights, codes, *quantized(self.network.architecture, weights, self.data, codes=codes))

    def _round_budget(self, budget: int, number: int) -> int:
        """Bytes of the file after round `number`, from 5 bits a weight on."""
        return round_budget(budget, self.beside, 0.6 * self.dense, number / self.settings.rounds)

    def _chosen(self, budget: int) -> dict[str, Step]:
        """A step for each filter; see `allocate` for errors."""
        found = fisher.of_weights(self.network, self.images, self.seed)
        options = {
            name: [unpacked(layer.weight.detach())]
            if name in self.plain
            else choices(layer.weight.detach(), found[name])
            for name, layer in self.layers.items()
        }
        return allocate(options, budget, self.beside)


class OnGrid(nn.Module):
    """Weights as the multiples of steps that are nearest, their gradient that of the weights."""

    steps: Tensor

    def __init__(self, steps: Tensor) -> None:
        super().__init__()
        self.register_buffer("steps", steps, persistent=False)

    def codes(self, weight: Tensor) -> Tensor:
        """Whole numbers, as floats."""
        return rounded(weight / self._of(weight))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.codes(weight) * self._of(weight) - weight).detach()

    def _of(self, weight: Tensor) -> Tensor:
        """The steps, of a weight's dimensions."""
        return self.steps.view(-1, *[1] * (weight.ndim - 1))


def rounded(multiples: Tensor) -> Tensor:
    """The nearest whole numbers that int8 has, with a wider interval for 0."""
    near = multiples.round().clamp(-MOST, MOST)
    return torch.where(multiples.abs() < ZERO, 0, near)


def unpacked(weights: Tensor) -> Step:
    """A layer in plain int8, a byte a weight."""
    steps = weights.flatten(1).abs().amax(1).clamp(min=1e-12) / MOST
    return Step(weights.numel(), 8, 0.0, float(weights.numel()), steps)


def choices(weights: Tensor, information: Doubles) -> list[Step]:
    """What a layer may become.

    Args:
        weights: (out, ...).
        information: of their shape, Fisher information: half of it times a squared error is what the error costs.
    """
    cost = torch.from_numpy(information).flatten(1)
    cost = 0.5 * cost + 0.5 * cost.mean()
    rows = weights.flatten(1).double()
    own = cost.mean(1).clamp(min=1e-30).rsqrt()  # equal loss a filter, at high resolution
    unit = own * float((rows / own[:, None]).square().mean().sqrt())
    finest = rows.abs().amax(1).clamp(min=1e-12) / MOST
    options = []
    for share in np.geomspace(FINEST, COARSEST, STEPS):
        steps = torch.maximum(share * unit, finest)
        codes = rounded(rows / steps[:, None])
        loss = 0.5 * float((cost * (codes * steps[:, None] - rows).square()).sum())
        counts = Counter(codes.int().flatten().tolist())
        size = min(DESCRIBED + huffman_bytes(counts, smallest_code(counts)), float(weights.numel()))
        options.append(Step(int((codes != 0).sum()), 8, loss, size, steps.float()))
    return options
