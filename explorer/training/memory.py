"""Whether a network fits into this machine, from what it is counted to cost: asked before memory is taken."""

from __future__ import annotations

import os

from explorer.arch import Architecture, cost

ONNX_BYTES = 2 * 1024**3
"""That an ONNX file may have."""


class TooLargeError(ValueError):
    """A network that this machine cannot run; one line."""


def machine_bytes() -> int:
    """Memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_fits(name: str, architecture: Architecture, batch_size: int = 1, onnx: bool = False) -> None:
    """Checks that a network's parameters and the activations of one pass fit.

    Args:
        name: of the network, for the message.
        architecture: the network.
        batch_size: images of a pass.
        onnx: whether it is to be exported.

    Raises:
        TooLargeError: if they do not.
    """
    counted = cost(architecture)
    if onnx and counted.bytes >= ONNX_BYTES:
        raise TooLargeError(f"{name} has {_gb(counted.bytes)} of parameters, an ONNX file holds {_gb(ONNX_BYTES)}")
    activations, memory = batch_size * counted.peak_activation_bytes, machine_bytes()
    if counted.bytes + activations > memory:
        what = f"{_gb(counted.bytes)} of parameters and {_gb(activations)} of activations for {batch_size} at once"
        raise TooLargeError(f"{name} needs {what}, this machine has {_gb(memory)}")


def _gb(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
