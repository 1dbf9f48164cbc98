"""A trained network as files that outlive this program: safetensors, JSON, ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import Architecture
from explorer.training import files

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4
"""Largest difference of the logits between torch and onnxruntime that counts as parity, relative to their scale."""


class ExportError(ValueError):
    """An export that does not compute what the network computes."""


def save(architecture: Architecture, weights: dict[str, Tensor], folder: Path) -> float:
    """Writes architecture.json, weights.safetensors and model.onnx.

    The ONNX model takes `images` (N, C, H, W), normalised as in training, N free, and gives `logits` (N, classes). It
    is run once by onnxruntime against torch.

    Returns:
        The largest difference of the logits over 16 random images, relative to the largest logit.

    Raises:
        ExportError: if that is above TOLERANCE.
    """
    import numpy as np
    import onnxruntime
    import torch
    from safetensors.torch import save as packed

    from explorer.training.network import build

    folder.mkdir(parents=True, exist_ok=True)
    network = build(architecture)
    network.load_state_dict(weights)
    network.eval()
    (folder / files.ARCHITECTURE).write_text(architecture.to_json())
    # save_file would hide it from other users
    (folder / files.WEIGHTS).write_bytes(packed({key: value.contiguous() for key, value in weights.items()}))

    images = torch.randn(16, *architecture.input_shape, generator=torch.Generator().manual_seed(0))
    path = folder / files.ONNX
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        torch.onnx.export(
            network,
            (images,),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    with torch.no_grad():
        expected = network(images).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"images": images.numpy()})
    difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))
    if difference > TOLERANCE:
        raise ExportError(
            f"{path}: logits differ from torch's by {difference:.1e} of their scale, expected {TOLERANCE:.0e} at most"
        )
    return difference
