"""What a network costs in all, for the many candidates of a search: layers that were met before are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Protocol

from explorer.arch import layers as L
from explorer.arch.architecture import Architecture
from explorer.arch.cost import IDENTITY, cost, counts, leaf, merge
from explorer.arch.size import SizeError


class Predict(Protocol):
    """Says how long a network takes for one image.

    Attributes:
        cost: what it predicts, `latency` or `cycles`.
    """

    @property
    def cost(self) -> str: ...
    def __call__(self, architecture: Architecture) -> float: ...


@dataclass(frozen=True, slots=True)
class Totals:
    """What a network costs for one image, in all; see `Cost`."""

    params: int
    macs: int
    architecture: Architecture
    predict: Predict | None = None

    @property
    def bytes(self) -> int:
        """Size of the parameters in fp32."""
        return 4 * self.params

    @property
    def activations(self) -> int:
        """See `Cost.peak_activation_bytes`; it is counted when it is asked for."""
        tree, shape = self.architecture.tree, self.architecture.input_shape
        return 4 * _peak(tree, shape, False)[0]

    @property
    def flash(self) -> int:
        """Bytes of its int8 file, see `explorer.arch.tflite`; ArchitectureError where TFLite Micro has no operator."""
        from explorer.arch import tflite

        return tflite.flash(self.architecture)

    @property
    def ram(self) -> int:
        """Bytes of the arena that TFLite Micro runs it in; see `flash`."""
        from explorer.arch import tflite

        return tflite.ram(self.architecture)

    @property
    def latency(self) -> float:
        """Microseconds for one image, as predicted for a device; SizeError where none was measured."""
        return self._predicted("latency")

    @property
    def cycles(self) -> float:
        """Cycles of an NPU for one image, as predicted; infinite where an operator is left to the processor."""
        return self._predicted("cycles")

    def _predicted(self, name: str) -> float:
        if self.predict is None or self.predict.cost != name:
            raise SizeError(f"{name} is not known here; search with size={name}, or with space.limits.{name}")
        return self.predict(self.architecture)


def totals(architecture: Architecture, predict: Predict | None = None) -> Totals:
    """The sums of `cost` alone, for the many candidates of a search: layers that were met before are looked up.

    Args:
        architecture: the network.
        predict: gives its latency or cycles, if they are asked for.

    Raises:
        ArchitectureError: if a layer does not fit what comes before it, naming it.
    """
    try:
        params, macs, _ = _one_after_the_other(architecture.layers, architecture.input_shape)
    except L.ArchitectureError:
        cost(architecture)  # names it
        raise
    return Totals(params, macs, architecture, predict)


def shape_after(layer: L.Layer, shape: L.Shape) -> L.Shape:
    """The shape that a layer, with all it holds, puts out.

    Raises:
        ArchitectureError: if it does not fit.
    """
    return _sums(layer, shape)[2]


@lru_cache(maxsize=100_000)
def _sums(layer: L.Layer, shape: L.Shape) -> tuple[int, int, L.Shape]:
    """Params and macs of a layer with all it holds, and the shape it puts out."""
    match layer:
        case L.Sequential():
            return _one_after_the_other(layer.layers, shape)
        case L.Concat() | L.Add() | L.Multiply():
            branches = [_sums(branch, shape) for branch in layer.branches]
            out = merge(layer, "", [branch[2] for branch in branches])
            return sum(branch[0] for branch in branches), sum(branch[1] for branch in branches), out
        case _:
            out, params, _, macs = counts(layer, "", shape)
            return params, macs, out


@lru_cache(maxsize=100_000)
def _peak(layer: L.Layer, shape: L.Shape, kept: bool) -> tuple[int, L.Shape]:
    """The most numbers in memory while a layer and all it holds run, and the shape it puts out; see `_visit`."""
    most, held = 0, 0
    match layer:
        case L.Sequential():
            for child in layer.layers:
                own, out = _peak(child, shape, kept)
                most = max(most, held + own)
                if kept:
                    held, kept = held + prod(shape), False
                shape = out
            return most, shape
        case L.Concat() | L.Add() | L.Multiply():
            outputs = []
            needed = kept or IDENTITY in layer.branches
            for i, branch in enumerate(layer.branches):
                own, out = _peak(branch, shape, needed or i < len(layer.branches) - 1)
                most, held = max(most, held + own), held + (0 if branch == IDENTITY else prod(out))
                outputs.append(out)
            return most, merge(layer, "", outputs)
        case _:
            row = leaf(layer, "", shape, 0, kept)
            return row.live, row.output_shape


def _one_after_the_other(layers: tuple[L.Layer, ...], shape: L.Shape) -> tuple[int, int, L.Shape]:
    params, macs = 0, 0
    for layer in layers:
        own_params, own_macs, shape = _sums(layer, shape)
        params, macs = params + own_params, macs + own_macs
    return params, macs, shape
