"""A trained network as int8 ONNX, by onnxruntime's static quantization, for processors.

Activations are uint8 and weights int8, a scale for each filter: with onnxruntime's own defaults (int8 activations) most
convolutions of a network with branches stay in floating point on x86, and the file is slower than fp32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture
from explorer.training import files

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.data.module import DataModule
    from explorer.training.onnx_pictures import Pictures

LEAST_PARAMS = 10_000
"""Below it the scales and the nodes that convert take more bytes than the weights save."""
BATCH = 32


def write(
    architecture: Architecture, weights: dict[str, Tensor], folder: Path, pictures: Pictures, data: DataModule
) -> str:
    """Writes model_int8.onnx, which takes and gives what model.onnx does, if it is the smaller of the two.

    Args:
        architecture: the network.
        weights: its tensors.
        folder: takes the file.
        pictures: what it shall take.
        data: gives training images for the scales, and test images to compare answers on.

    Returns:
        Its size and how often it answers as fp32 does, in words.
    """
    import onnx

    from explorer.training import export
    from explorer.training.int8 import calibration_images
    from explorer.training.onnx_pictures import work_alone

    with tempfile.TemporaryDirectory() as scratch:
        export.save(architecture, weights, Path(scratch))
        raw, made = Path(scratch, files.ONNX), Path(scratch, files.ONNX_INT8)
        quantize(raw, made, calibration_images(data))
        shown = calibration_images(data, "test")
        same = _agreement(raw, made, shown)
        model = onnx.load(made)
    work_alone(model, pictures)
    onnx.checker.check_model(model)
    onnx.save(model, folder / files.ONNX_INT8)
    int8, fp32 = ((folder / name).stat().st_size for name in (files.ONNX_INT8, files.ONNX))
    if int8 >= fp32:
        (folder / files.ONNX_INT8).unlink()
        return f"{files.ONNX_INT8} is left out: it has {int8:,} bytes, fp32's {fp32:,}"
    agreed = f"the same class on {same:.1%} of {len(shown)} test images"
    return f"{files.ONNX_INT8}: {int8:,} bytes, fp32's {fp32:,}; {agreed}"


def quantize(raw: Path, made: Path, images: Tensor) -> None:
    """Writes the int8 form of a model that takes normalised images.

    Args:
        raw: the model in fp32.
        made: the file that is written.
        images: (N, C, H, W) for the scales of the activations.
    """
    import torch
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    from explorer.training.onnx_pictures import IMAGES

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [{IMAGES: batch.numpy()} for batch in torch.split(images, BATCH)]

        def get_next(self) -> Mapping[str, Any] | None:
            return self.left.pop(0) if self.left else None

    activations, weights = QuantType.QUInt8, QuantType.QInt8
    quantize_static(str(raw), str(made), Reader(), activation_type=activations, weight_type=weights, per_channel=True)


def _agreement(one: Path, other: Path, images: Tensor) -> float:
    """Share of images on which two models that take them have the same class."""
    import onnxruntime

    from explorer.training.onnx_pictures import IMAGES, LOGITS

    answers = []
    for path in (one, other):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        answers.append(session.run([LOGITS], {IMAGES: images.numpy()})[0].argmax(1))
    return float((answers[0] == answers[1]).mean())
