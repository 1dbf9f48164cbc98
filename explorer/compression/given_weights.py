"""Given weights of a published network, post-training quantized to a budget of bytes and written as a .sqz file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer.arch import ArchitectureError, architecture
from explorer.arch.families import named
from explorer.compression.codec import container
from explorer.compression.codec.coded import CompressionError
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.decoded import decoded_network
from explorer.compression.quantize import quantize
from explorer.data.module import DataModule
from explorer.training.evaluation import Given, put_together, read_images, read_weights
from explorer.training.network import Network

BATCH_SIZE = 50
"""Images evaluated at a time."""


def load(file: Path, target: str, data_options: dict[str, Any]) -> Given:
    """Weights from a file, in the published network that `target` names, with images.

    Args:
        file: .npz or .safetensors.
        target: as `published`.
        data_options: of `explorer.data.load`.

    Raises:
        CompressionError, EvaluationError, WeightsError, DataError: if they cannot be read, or do not belong together.
    """
    tensors = read_weights(file)
    data, part = read_images(data_options, None, BATCH_SIZE)
    return put_together(published(target, tensors, data), file, tensors, data, part)


def compress(
    given: Given, budget: int, images: int, out: Path, report: Callable[[str], None] = lambda _: None
) -> tuple[Network, str]:
    """Quantizes the weights, writes them and reads them back.

    Args:
        given: weights and images.
        budget: bytes that the file may have.
        images: how many of the given images calibrate.
        out: the .sqz file; its folder is made.
        report: takes a line about each pass.

    Returns:
        The network that the file decodes to, and a line about the file.

    Raises:
        CompressionError: if the budget is too small, or there are no images.
    """
    state = given.network.state_dict()
    tensors = {name: state[name].numpy() for name in tensor_shapes(given.architecture)}
    calibration = calibration_images(given.data, given.part, images)
    quantized = quantize(given.architecture, tensors, calibration, budget=budget, report=report)
    out.parent.mkdir(parents=True, exist_ok=True)
    size = container.write(out, given.architecture, quantized)
    decoded, values = container.read(out)
    ratio = sum(4 * value.size for value in values.values()) / size
    return decoded_network(decoded, values), f"{out}: {size:,} bytes, {ratio:.1f} times below fp32"


def published(target: str, tensors: Mapping[str, Tensor], data: DataModule) -> str:
    """The published network that is named; where none is (`best`, the command's default), the first of these shapes.

    Raises:
        CompressionError: if none has these shapes.
    """
    if target != "best":
        return target
    shapes = sorted(tuple(value.shape) for name, value in tensors.items() if not name.endswith("num_batches_tracked"))
    for name in named():
        try:
            network = architecture(name, data.input_shape, 1000)
        except ArchitectureError:  # none for images of this size
            continue
        if sorted(tensor_shapes(network).values()) == shapes:
            return name
    raise CompressionError(f"weights are of no published network ({', '.join(named())}) with 1000 classes; name yours")


def calibration_images(data: DataModule, part: str, count: int) -> Tensor:
    """So many images of a part, evenly spaced in it: (count, C, H, W)."""
    images = torch.cat([batch for batch, _ in data.evaluation(part)])
    return images[:: max(1, len(images) // count)][:count]
