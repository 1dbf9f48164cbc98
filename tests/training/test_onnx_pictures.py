"""The exported network works alone: a picture's bytes go in, a class's name comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from explorer.arch import Architecture, architecture, cost
from explorer.data.preparation import Preparation
from explorer.training.export import save
from explorer.training.network import Network, build
from explorer.training.onnx_pictures import Pictures

NAMES = ("Äpfel", "bananas", "cherry pie")
MEAN, STD = (104.0, 117.0, 123.0), (58.0, 57.0, 59.0)


@pytest.fixture(scope="module")
def trained() -> tuple[Architecture, Network]:
    """A small network of random weights, which compute as trained ones do."""
    torch.manual_seed(0)
    network = architecture("squeezenet_v1_0", (3, 24, 24), 3)
    return network, build(network).eval()


def exported(folder: Path, trained: tuple[Architecture, Network], *how: Any) -> onnxruntime.InferenceSession:
    difference = save(trained[0], trained[1].state_dict(), folder, *how)
    assert difference < 1e-5
    return onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])


def of(preparation: Preparation) -> dict[str, Any]:
    keys = ("resize", "side", "crop", "order")
    return {key: getattr(preparation, key) for key in keys} | {"mean": list(MEAN), "std": list(STD)}


@pytest.mark.slow
@pytest.mark.parametrize("size", [(28, 28), (91, 67), (333, 500), (28, 61)])
@pytest.mark.parametrize(("resize", "order"), [("warp", "bgr"), ("short_side", "rgb")])
def test_a_picture_of_any_size_gives_what_training_saw(
    trained: tuple[Architecture, Network], size: tuple[int, int], resize: str, order: str, tmp_path: Path
) -> None:
    preparation = Preparation(resize, 28, 24, order, MEAN, STD, False)
    session = exported(tmp_path, trained, Pictures(of(preparation), NAMES))
    rows, columns = np.mgrid[: size[0], : size[1]]
    smooth = np.stack([rows * 255 / size[0], columns * 255 / size[1], 128 + 100 * np.sin(rows / 9 + columns / 7)], 2)
    Image.fromarray(smooth.astype(np.uint8)).save(tmp_path / "picture.png")
    seen = preparation.image(str(tmp_path / "picture.png"), None)
    with torch.no_grad():
        expected = trained[1](seen[None]).numpy()
    held = np.asarray(Image.open(tmp_path / "picture.png")).transpose(2, 0, 1)[None]
    logits, label = session.run(["logits", "label"], {"images": held})
    # Pillow resizes in whole numbers, one direction after the other: a level or two of 255 apart.
    assert np.abs(logits - expected).max() <= 0.02 * np.abs(expected).max()
    assert label.tolist() == [NAMES[int(expected.argmax())]]


@pytest.mark.slow
def test_what_the_file_says_and_holds(trained: tuple[Architecture, Network], tmp_path: Path) -> None:
    facts = {"mean": list(MEAN), "std": list(STD)}
    session = exported(tmp_path, trained, Pictures(facts, NAMES), 2)
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", [2, 3, 24, 24])
    assert [(out.name, out.shape) for out in session.get_outputs()] == [("logits", [2, 3]), ("label", [2])]
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["class_names"]) == list(NAMES)
    assert json.loads(said["preparation"]) == facts
    assert said["images"] == "uint8 (N, C, H, W), as the data set stores them"
    content = (tmp_path / "model.onnx").read_bytes()
    assert b".py" not in content, "paths of the author's machine"
    model = onnx.load_from_string(content)
    assert not model.graph.value_info
    assert len(content) < 4 * cost(trained[0]).params + 200 * len(model.graph.node)


@pytest.mark.slow
def test_raw_takes_normalised_images_as_before(trained: tuple[Architecture, Network], tmp_path: Path) -> None:
    session = exported(tmp_path, trained)
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(float)", ["batch", 3, 24, 24])
    assert [out.name for out in session.get_outputs()] == ["logits"]
