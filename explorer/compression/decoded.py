"""The network that a .sqz file decodes to, and its accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from explorer.arch import Architecture
from explorer.compression.codec.coded import Floats
from explorer.data.module import DataModule
from explorer.training.evaluation import evaluate
from explorer.training.network import Network, build


def decoded_network(architecture: Architecture, tensors: Mapping[str, Floats]) -> Network:
    """The torch module with decoded tensors; batch norm's counter, which a file does not hold, stays 0."""
    network = build(architecture)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=False)
    return network


def val_accuracy(architecture: Architecture, tensors: Mapping[str, Floats], data: DataModule) -> float:
    """val_acc of a network with decoded tensors."""
    return evaluate(decoded_network(architecture, tensors), data, "val").top1
