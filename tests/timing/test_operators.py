"""A network as a runtime's operators, and the graph that is timed: what export writes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from explorer import load_space
from explorer.arch import Architecture, cost
from explorer.arch import layers as L
from explorer.timing import graph
from explorer.timing.eager import timed
from explorer.timing.operators import IMAGE, operators, readers, weights
from explorer.training.export import save
from explorer.training.network import build

SPACE = load_space("all")
FAMILIES = sorted(SPACE.parts)  # type: ignore[attr-defined]


def of_family(family: str, seed: int = 1) -> Architecture:
    random = Random(seed)
    point = next(point for point in iter(lambda: SPACE.sample(random), None) if point["family"] == family)
    return SPACE.architecture(point, (3, 32, 32), 10)


def test_what_is_folded_and_fused() -> None:
    layers = (
        L.Conv2d("a", 8, 3, padding=1, bias=False),
        L.BatchNorm2d("b"),
        L.ReLU(),
        L.Add("", (L.Sequential("", (L.ReLU(), L.Conv2d("c", 8, 1))), L.Sequential("", ()))),
        L.Dropout(),
        L.ReLU6(),
        L.BatchNorm2d("d"),
    )
    found = operators(Architecture((3, 8, 8), layers))
    assert [(each.kind, each.inputs, each.activation, each.bias) for each in found] == [
        ("Conv2d", (IMAGE,), "ReLU", True),
        ("ReLU", (0,), "", False),  # the sum reads what stands before it as well
        ("Conv2d", (1,), "", True),
        ("Add", (2, 0), "ReLU6", False),
        ("BatchNorm2d", (3,), "", False),
    ]
    assert readers(found) == {IMAGE: [0], 0: [1, 3], 1: [2], 2: [3], 3: [4]}


@pytest.mark.parametrize("family", FAMILIES)
def test_no_weight_is_left_out(family: str) -> None:
    network = of_family(family)
    found, layers = operators(network), cost(network).layers
    kept = [weights(each) for each in found if each.kind in ("Conv2d", "Linear")]
    macs = [row.macs for row in layers if row.type in ("Conv2d", "Linear")]
    assert [
        number * each.shape[1] * each.shape[2]
        for number, each in zip(kept, [each for each in found if each.kind in ("Conv2d", "Linear")], strict=True)
    ] == macs
    assert found[-1].shape == cost(network).output_shape


def optimized(path: Path) -> Counter[str]:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(path.with_suffix(".made")), 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    shapes = {"Reshape", "Unsqueeze", "Squeeze"}  # places of numbers, which export writes another way
    return Counter(
        node.op_type for node in onnx.load(path.with_suffix(".made")).graph.node if node.op_type not in shapes
    )


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_runtime_makes_of_it_what_it_makes_of_the_export(family: str, tmp_path: Path) -> None:
    network = of_family(family)
    built = build(network)
    built.eval()
    save(network, built.state_dict(), tmp_path, batch=1)
    onnx.save(graph.write(operators(network), network.input_shape), tmp_path / "written.onnx")
    assert optimized(tmp_path / "written.onnx") == optimized(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    "layer",
    [
        L.LocalResponseNorm("n", 5, 1e-4, 0.75, 2.0), L.AdaptiveAvgPool2d("p", 3), L.Hardswish(), L.SiLU(), L.Sigmoid(),
        L.BatchNorm2d("b"), L.ChannelShuffle("s", 4), L.Chunk("c", 2, 1), L.MaxPool2d("m", 3, 2, 0, True),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_layers_that_no_family_here_has_run_too(layer: L.Layer) -> None:
    network = Architecture((8, 8, 8), (layer, L.Flatten(), L.Linear("classes", 10)))
    model = graph.write(operators(network), network.input_shape)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (logits,) = session.run([graph.LOGITS], {graph.IMAGES: np.ones((1, 8, 8, 8), np.float32)})
    assert logits.shape == (1, 10)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_torch_runs_every_operator(family: str) -> None:
    network = of_family(family)
    found = operators(network)
    spent = timed(found, torch.zeros(1, *network.input_shape), 3)
    assert [len(each) for each in spent] == [3] * len(found)
    norms = sum(row.type == "BatchNorm2d" for row in cost(network).layers)
    assert sum(each.norm for each in found) + sum(each.kind == "BatchNorm2d" for each in found) == norms


def test_names_tell_the_operator() -> None:
    assert [graph.number(name) for name in ("t12", "t3_bare_nchwc", "images", "ReorderOutput_token_4", "token")] == [
        12, 3, None, None, None,
    ]  # fmt: skip
