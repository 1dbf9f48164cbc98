"""Pruning and codebooks whose file is within a budget: allocated by estimates, packed, and allocated anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from explorer.compression import fisher
from explorer.compression.allocate import Choice, TooFewBytesError, allocate, choices
from explorer.compression.codebook import largest, share
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, Doubles, Floats
from explorer.compression.layers import weighted_layers
from explorer.compression.rounding import file_tensors
from explorer.training.network import Network

BITS = (3, 4, 5, 6, 7, 8)
"""Of codes. Training does not recover the loss of a codebook of three values, 2 bits, as it does that of pruning."""
ATTEMPTS = 8
"""Allocations until a file is within its budget; what each is to save doubles."""


@dataclass(frozen=True)
class Fit:
    """A network as it is now, and what an error of each of its weights costs.

    Attributes:
        network: whose weights are pruned and shared; not changed.
        fisher: `fisher.of_weights` by layer.
        bits: that codes may have.
        beside: bytes of the file that are no weights, as `overhead` counts them.
    """

    network: Network
    fisher: Mapping[str, Doubles]
    bits: tuple[int, ...]
    beside: int

    @staticmethod
    def of(network: Network, images: Tensor, bits: int | None, beside: int, seed: int) -> Fit:
        """Measures the Fisher information on images (N, C, H, W); `bits` None: chosen layer by layer."""
        return Fit(network, fisher.of_weights(network, images, seed), BITS if bits is None else (bits,), beside)

    def estimated(self, budget: int, recovered: float) -> dict[str, Choice]:
        """The best choices by their estimated bytes; `recovered` as in `choices`.

        Raises:
            TooFewBytesError: if the budget is too small.
        """
        return allocate(self._options(recovered), budget, self.beside)

    def packed(self, budget: int, recovered: float) -> tuple[dict[str, Choice], dict[str, CodedTensor]]:
        """The best choices whose file is within the budget, and the codebooks and codes that they give.

        Raises:
            TooFewBytesError: if the budget is too small.
        """
        options, room = self._options(recovered), float(budget)
        for number in range(ATTEMPTS):
            try:
                chosen = allocate(options, room, self.beside)
            except TooFewBytesError:
                if number == 0:
                    raise
                break  # the smallest choices were tried
            tensors = self.coded(chosen)
            size = len(container.pack(self.network.architecture, file_tensors(self.network, tensors)))
            if size <= budget:
                return chosen, tensors
            room -= 2**number * 1.1 * (size - budget)  # choices come in steps: a little less room may change nothing
        raise TooFewBytesError(budget, size)

    def coded(self, chosen: Mapping[str, Choice]) -> dict[str, CodedTensor]:
        """Each layer pruned and shared as chosen."""
        return {
            name: share(largest(weights, chosen[name].kept), _smoothed(self.fisher[name]), 2 ** chosen[name].bits - 1)
            for name, weights in _weights(self.network).items()
        }

    def _options(self, recovered: float) -> dict[str, list[Choice]]:
        return {
            name: choices(weights, self.fisher[name], bits=self.bits, recovered=recovered)
            for name, weights in _weights(self.network).items()
        }


def overhead(network: Network) -> int:
    """Bytes of a file whose weights are all pruned: header, biases, statistics."""
    empty = {
        name: CodedTensor(np.zeros(weights.shape, np.int32), levels=np.zeros(0, np.float32))
        for name, weights in _weights(network).items()
    }
    return len(container.pack(network.architecture, file_tensors(network, empty)))


def _weights(network: Network) -> dict[str, Floats]:
    return {name: layer.weight.detach().numpy() for name, layer in weighted_layers(network).items()}


def _smoothed(fisher: Doubles) -> Doubles:
    """Half from a layer's mean, as so few images estimate each weight's Fisher information badly."""
    smoothed: Doubles = fisher + fisher.mean() + 1e-30
    return smoothed
