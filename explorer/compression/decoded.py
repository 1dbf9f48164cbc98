"""The network that a .sqz file decodes to, and its accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from explorer.arch import Architecture
from explorer.compression.codec.coded import Floats
from explorer.data.module import DataModule
from explorer.training.evaluation import answers
from explorer.training.metric import Metric
from explorer.training.network import Network, build


def decoded_network(architecture: Architecture, tensors: Mapping[str, Floats]) -> Network:
    """The torch module with decoded tensors; batch norm's counter, which a file does not hold, stays 0."""
    network = build(architecture)
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()}, strict=False)
    return network


def measured(network: Network, data: DataModule, metric: Metric) -> tuple[float, float | None]:
    """A metric of a network on the validation images, and its error where there is no formula for it."""
    logits, labels = map(torch.cat, zip(*answers(network, data, "val"), strict=True))
    return metric(logits, labels), metric.error(logits, labels)
