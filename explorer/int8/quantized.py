"""A network in int8: a program with the numbers that its kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from explorer.arch.tflite.arena import Packed
from explorer.arch.tflite.operators import Program

MOST_LEVELS = 255
"""Values of a weight in int8, which is symmetric."""
Array: TypeAlias = "np.ndarray[Any, Any]"


@dataclass(frozen=True)
class Filters:
    """Weights of an operator, symmetric, with a scale for each output channel.

    Attributes:
        weights: int8, of the shape `Operator.weights`.
        scales: float32 (output channels,).
        bias: int32 (output channels,), in units of the input's scale times the weights'.
    """

    weights: Array
    scales: Array
    bias: Array


@dataclass(frozen=True)
class Encoded:
    """Bytes that TFLite Micro's DECODE makes weights of; see `explorer.int8.encode`.

    Attributes:
        data: the encoded tensor.
        ancillary: what it needs to unpack them.
    """

    data: bytes
    ancillary: bytes

    @property
    def bytes(self) -> int:
        """Of both."""
        return len(self.data) + len(self.ancillary)

    @property
    def way(self) -> int:
        """How it is unpacked; see `explorer.arch.tflite.arena.UNPACKING`."""
        return self.ancillary[0]


@dataclass(frozen=True)
class Quantized:
    """A program and its numbers: a tensor's value is scale * (int8 - zero_point).

    Attributes:
        program: the operators.
        scales, zero_points: of each tensor, by its number; those that `Program.sharing` joins have the same.
        filters: of each operator; None for one without weights.
        encoded: by the operator's number, weights that TFLite Micro unpacks when it runs.
    """

    program: Program
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    filters: tuple[Filters | None, ...]
    encoded: Mapping[int, Encoded] = field(default_factory=dict)

    @property
    def packed(self) -> Packed:
        """Operators whose weights are packed, and the way."""
        return {i: each.way for i, each in self.encoded.items()}
