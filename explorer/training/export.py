"""A trained network as files that outlive this program: safetensors, JSON, ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import Architecture
from explorer.training import files

if TYPE_CHECKING:
    from torch import Tensor

    from explorer.training.onnx_pictures import Pictures

TOLERANCE = 1e-4
"""Largest difference of the logits between torch and onnxruntime that counts as parity, relative to their scale."""


class ExportError(ValueError):
    """An export that does not compute what the network computes."""


def save(
    architecture: Architecture,
    weights: dict[str, Tensor],
    folder: Path,
    pictures: Pictures | None = None,
    batch: int | None = None,
) -> float:
    """Writes architecture.json, weights.safetensors and model.onnx.

    The ONNX model takes `images` and gives `logits` (N, classes) and, where the classes have names, `label` (N,). It is
    run once by onnxruntime against torch.

    Args:
        architecture: the network.
        weights: its tensors.
        folder: takes the files; made if need be.
        pictures: what it shall take; None: images (N, C, H, W) that are normalised as in training.
        batch: images of a call; None: any number.

    Returns:
        The largest difference of the logits over random images, relative to the largest logit.

    Raises:
        ExportError: if that is above TOLERANCE.
    """
    import numpy as np
    import onnx
    import onnxruntime
    import torch
    from safetensors.torch import save as packed

    from explorer.training.network import build
    from explorer.training.onnx_pictures import IMAGES, LOGITS, Pictures, work_alone

    pictures = pictures or Pictures({}, ())
    folder.mkdir(parents=True, exist_ok=True)
    network = build(architecture)
    network.load_state_dict(weights)
    network.eval()
    (folder / files.ARCHITECTURE).write_text(architecture.to_json())
    # save_file would hide it from other users
    (folder / files.WEIGHTS).write_bytes(packed({key: value.contiguous() for key, value in weights.items()}))

    images = pictures.example(batch or 16, architecture.input_shape)
    prepared = pictures.prepared(images)
    path = folder / files.ONNX
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            network,
            (prepared,),
            path,
            input_names=[IMAGES],
            output_names=[LOGITS],
            dynamic_shapes=None if batch else {"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    model = onnx.load(path)
    work_alone(model, pictures)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    with torch.no_grad():
        expected = network(prepared).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run([LOGITS], {IMAGES: images.numpy()})
    difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    if difference > TOLERANCE:
        raise ExportError(
            f"{path}: logits differ from torch's by {difference:.1e} of their scale, expected {TOLERANCE:.0e} at most"
        )
    return difference
