"""Given weights of a published network, quantized to a budget of bytes without training, as a file that runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from explorer.arch import Architecture
from explorer.arch.tflite import program
from explorer.arch.tflite.operators import Operator
from explorer.compression import tflite
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, Floats
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.given_weights import calibration_images
from explorer.compression.quantize import quantize
from explorer.int8 import file
from explorer.int8.encode import packed
from explorer.int8.quantize import Image, image_of, laid_out
from explorer.int8.quantize import quantize as to_int8
from explorer.int8.quantized import Filters, Quantized
from explorer.training.evaluation import Given
from explorer.training.int8 import answer

SCALED = 64
"""Calibration images, about, from which the scales of activations are found."""


class Executed(nn.Module):
    """What TFLite Micro answers: logits (N, classes) for normalised images (N, C, H, W), computed by its integers."""

    def __init__(self, network: Quantized, image: Image) -> None:
        super().__init__()
        self.network, self.image = network, image

    def forward(self, images: Tensor) -> Tensor:
        output = self.network.program.output
        found = answer(self.network, self.image.int8(images.cpu(), self.network)).float()
        return (found - self.network.zero_points[output]) * self.network.scales[output]


def compress(
    given: Given, budget: int, images: int, ram: int | None, out: Path, report: Callable[[str], None] = lambda _: None
) -> tuple[Executed, str]:
    """Quantizes given weights, writes them and runs the file in TFLite Micro.

    Args:
        given: weights and images.
        budget: bytes that the file may have.
        images: how many of the given images calibrate.
        ram: bytes of TFLite Micro's arena at most; None: any.
        out: the .tflite file; its folder is made.
        report: takes a line about each pass.

    Returns:
        What the file answers, and a line about it.

    Raises:
        CompressionError: if budget or memory are too small, or there are no images.
        OperatorError: if TFLite Micro has no operator for a layer.
    """
    state = given.network.state_dict()
    tensors = {name: state[name].numpy() for name in tensor_shapes(given.architecture)}
    calibration, facts = calibration_images(given.data, given.part, images), given.data.preparation_facts()
    network, image = rounded(given.architecture, tensors, calibration, facts, budget, ram, report)
    out.parent.mkdir(parents=True, exist_ok=True)
    needed, fp32 = tflite.write(network, image, out, calibration), sum(4 * each.size for each in tensors.values())
    size = out.stat().st_size
    words = f"{out}: {size:,} bytes, {fp32 / size:.1f} times below fp32, an arena of {needed:,}"
    return Executed(network, image), words


def rounded(
    architecture: Architecture,
    tensors: Mapping[str, Floats],
    images: Tensor,
    preparation: Mapping[str, object],
    budget: int,
    ram: int | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[Quantized, Image]:
    """A trained network in int8, its weights packed within a budget, and what its input means.

    Args:
        architecture, tensors, images, budget, report: as of `quantize`.
        preparation: see `explorer.data.module.DataModule.preparation_facts`.
        ram: bytes of TFLite Micro's arena at most; None: any.

    Raises:
        CompressionError, OperatorError: as of `compress`.
    """
    whole = program(architecture)
    plain, maps = tflite.kept_plain(whole, ram), len(whole.maps)

    def size(coded: Mapping[str, container.Tensor]) -> int:
        codes = _int8(coded)
        filters = [_without_scales(codes.get(each.layer), each) if each.weights else None for each in whole.operators]
        network = Quantized(whole, (1.0,) * maps, (0,) * maps, tuple(filters))
        return len(file.write(packed(network, codes.keys() - plain)))

    coded = quantize(architecture, tensors, images, budget=budget, size=size, report=report)
    codes = {name: each for name, each in _int8(coded).items() if name not in plain}
    values = {name: torch.from_numpy(container.dense(each)) for name, each in coded.items()}
    values |= {f"{name}.weight": _steps(coded[f"{name}.weight"]) * each for name, each in codes.items()}
    image = image_of(whole, preparation)
    scaled = images[:: max(1, len(images) // SCALED)]
    return packed(to_int8(whole, values, scaled, image, codes=codes), codes), image


def _int8(coded: Mapping[str, container.Tensor]) -> dict[str, Tensor]:
    """The codes of each layer; of a row that has larger ones than int8, on a coarser grid."""
    found = {}
    for name, tensor in coded.items():
        if name.endswith(".weight") and isinstance(tensor, CodedTensor) and tensor.steps is not None:
            rows = torch.from_numpy(tensor.codes).flatten(1).double()
            codes = (rows / _coarser(rows)).round()
            found[name.removesuffix(".weight")] = codes.to(torch.int8).reshape(tensor.codes.shape)
    return found


def _coarser(rows: Tensor) -> Tensor:
    return (rows.abs().amax(1, keepdim=True) / tflite.MOST).clamp(min=1)


def _steps(tensor: container.Tensor) -> Tensor:
    """The step of each row that `_int8` has rounded to, of the weights' dimensions."""
    assert isinstance(tensor, CodedTensor)
    assert tensor.steps is not None
    steps = torch.from_numpy(tensor.steps).view(-1, 1) * _coarser(torch.from_numpy(tensor.codes).flatten(1).double())
    return steps.float().view(-1, *[1] * (tensor.codes.ndim - 1))


def _without_scales(codes: Tensor | None, operator: Operator) -> Filters:
    """Filters for the size of a file, which depends on no scale and no bias."""
    scales, bias = np.arange(operator.filters, dtype=np.float32), np.zeros(operator.filters, np.int32)
    if codes is None:
        return Filters(np.zeros(operator.weights, np.int8), scales, bias)
    return Filters(laid_out(codes.reshape(len(codes), -1, *operator.kernel), operator), scales, bias)
