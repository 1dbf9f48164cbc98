"""A trained network measured in int8, as TFLite Micro answers on a board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture
from explorer.arch.tflite import program
from explorer.data.module import DataModule
from explorer.int8.encode import packed
from explorer.int8.floats import maps
from explorer.int8.integers import int8
from explorer.int8.quantize import Image, image_of, quantize
from explorer.int8.quantized import MOST_LEVELS, Array, Quantized
from explorer.training.metric import Metric

CALIBRATION = 256
"""Training images from which scales and biases are found."""


def quantized(
    architecture: Architecture,
    weights: Mapping[str, Tensor],
    data: DataModule,
    levels: int = MOST_LEVELS,
    codes: Mapping[str, Tensor] | None = None,
) -> tuple[Quantized, Image]:
    """A trained network in int8, calibrated on training images.

    Args:
        architecture: the network.
        weights: its tensors by name.
        data: what it was trained on.
        levels: values of a weight; with fewer than 255 the file holds them packed, where that is smaller.
        codes: by layer, weights that are multiples of a step already; they alone are packed.

    Returns:
        The network, and what its input means.

    Raises:
        OperatorError: if TFLite Micro has no operator for a layer.
        CalibrationError: if there are too few images, or the network's numbers on them are not finite.
    """
    operators = program(architecture)
    image = image_of(operators, data.preparation_facts())
    weights = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    network = quantize(operators, weights, calibration_images(data), image, levels, codes)
    if levels == MOST_LEVELS and codes is None:
        return network, image
    return packed(network, codes), image


def calibration_images(data: DataModule, part: str = "train", count: int = CALIBRATION) -> Tensor:
    """Images of a part at even distances, so that all classes are among them: (N, C, H, W), normalised."""
    step, taken, seen = max(1, data.images[part] // count), [], 0
    for images, _ in data.evaluation(part):
        taken.append(images[(-seen) % step :: step].cpu())
        seen += len(images)
    return torch.cat(taken)[:count] if taken else torch.empty(0)


def answers(network: Quantized, image: Image, data: DataModule, part: str) -> tuple[Tensor, Tensor]:
    """What a network says in int8 of a part: logits (images, classes) and labels (images,)."""
    batches = _answers(network, image, data, part)
    logits, labels = map(torch.cat, zip(*batches, strict=True))
    return logits, labels


def _answers(network: Quantized, image: Image, data: DataModule, part: str) -> Iterator[tuple[Tensor, Tensor]]:
    scale, zero_point = network.scales[network.program.output], network.zero_points[network.program.output]
    for images, labels in data.evaluation(part):
        logits = answer(network, image.int8(images.cpu(), network))
        yield (logits.float() - zero_point) * scale, labels.cpu()


def answer(network: Quantized, images: Tensor) -> Tensor:
    """The int8 outputs (N, classes) for int8 images (N, C, H, W)."""
    with torch.no_grad():
        for number, each in maps(network.program, images, int8(network)):
            if number == network.program.output:
                found = each
    return found.flatten(1)


def test_image(data: DataModule, image: Image, network: Quantized) -> tuple[Array, int]:
    """The first validation image as the network's input, int8 (1, height, width, channels), and its class."""
    images, labels = next(iter(data.evaluation("val")))
    taken = image.int8(images[:1].cpu(), network).permute(0, 2, 3, 1)
    return np.ascontiguousarray(taken.numpy()), int(labels[0])


def measured(
    architecture: Architecture, weights: Mapping[str, Tensor], data: DataModule, part: str, metric: Metric
) -> dict[str, float]:
    """The metric of a network in int8, by the name that it has in a curve, and its error where there is no formula.

    Args:
        architecture: the network.
        weights: its tensors by name.
        data: what it was trained on.
        part: val or test.
        metric: what is measured.

    Raises:
        OperatorError, CalibrationError: see `quantized`.
    """
    network, image = quantized(architecture, weights, data)
    logits, labels = answers(network, image, data, part)
    name, error = f"{part}_int8_{metric.name}", metric.error(logits, labels)
    return {name: metric(logits, labels)} | ({} if error is None else {f"{name}_error": error})
