"""From fp32 to int8: what pixels mean, what calibration refuses, what is left of a trained network's answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import data as datasets
from explorer.arch import Architecture
from explorer.arch import layers as L
from explorer.arch.tflite import program
from explorer.int8.floats import fp32, maps
from explorer.int8.folded import Pixels, folded, takes_pixels
from explorer.int8.quantize import CalibrationError, Image, image_of, quantize
from explorer.training import export, onnx_int8
from explorer.training.evaluation import answers as in_fp32
from explorer.training.int8 import answers, calibration_images, measured, quantized
from explorer.training.job import run, weights
from explorer.training.metric import Metric
from explorer.training.network import build
from explorer.training.onnx_pictures import Pictures
from tests.support.training import DIGITS, SMALL, job

PIXELS = {"mean": [104.0, 117.0, 123.0], "std": [58.0, 60.0, 62.0]}


def small(**conv: int) -> Architecture:
    return Architecture((3, 12, 12), (L.Conv2d("a", 6, 3, **conv), L.ReLU(), L.GlobalAvgPool2d(), L.Flatten()))


@pytest.mark.parametrize("groups", [1, 3])
def test_the_preparation_of_pictures_is_folded_into_the_first_layer(groups: int) -> None:
    network = small(groups=groups)
    module, operators = build(network).eval(), program(network)
    image = image_of(operators, PIXELS)
    assert image.pixels is not None
    pictures = torch.randint(256, (4, 3, 12, 12), generator=torch.Generator().manual_seed(0)).float()
    mean, std = (torch.tensor(PIXELS[key]).view(-1, 1, 1) for key in ("mean", "std"))
    images = (pictures - mean) / std
    torch.testing.assert_close(image.pixels.bytes(images), pictures)
    own = folded(operators, module.state_dict(), image.pixels)
    with torch.no_grad():
        *_, (_, found) = maps(operators, image.values(images), fp32(own))
        torch.testing.assert_close(found.flatten(1), module(images), atol=1e-5, rtol=1e-5)
    made = quantize(operators, module.state_dict(), images.repeat(2, 1, 1, 1), image)
    torch.testing.assert_close(image.int8(images, made).long(), pictures.long() - 128)


def test_where_more_than_convolutions_read_the_picture_it_stays_normalised() -> None:
    bypass = L.Add("", (L.Sequential("", ()), L.Conv2d("a", 3, 3, 1, 1)))
    operators = program(Architecture((3, 12, 12), (bypass, L.GlobalAvgPool2d(), L.Flatten())))
    assert not takes_pixels(operators)
    assert image_of(operators, PIXELS) == Image(None)
    assert image_of(program(small()), {}) == Image(None)


def test_pixels_that_are_whole_numbers_come_back() -> None:
    pixels = Pixels((4.884,), (6.017,))
    assert pixels.middle == 5
    values = torch.arange(17).float().view(1, 1, 1, 17)
    torch.testing.assert_close(pixels.bytes((values - 4.884) / 6.017), values)


def test_calibration_refuses_too_few_images_and_numbers_that_are_none() -> None:
    network = small()
    operators, state = program(network), build(network).state_dict()
    with pytest.raises(CalibrationError, match="1 calibration images, expected 8 at least"):
        quantize(operators, state, torch.zeros(1, 3, 12, 12), Image(None))
    with pytest.raises(CalibrationError, match="not finite"):
        quantize(operators, state, torch.full((8, 3, 12, 12), torch.nan), Image(None))


def test_dead_filters_and_empty_pictures_are_quantized_too() -> None:
    network = small()
    state = {name: torch.zeros_like(tensor) for name, tensor in build(network).state_dict().items()}
    made = quantize(program(network), state, torch.zeros(8, 3, 12, 12), Image(None))
    assert all(np.isfinite(each.scales).all() for each in made.filters if each)


@pytest.mark.slow
def test_a_trained_network_answers_nearly_the_same(tmp_path: Path) -> None:
    run(job(tmp_path, 0, 8, 8))
    data = datasets.load(DIGITS)
    data.arrange("train")
    state = weights(tmp_path)
    images = calibration_images(data)
    assert len(images) == 256
    made, image = quantized(SMALL, state, data)
    found, labels = answers(made, image, data, "val")
    network = build(SMALL)
    network.load_state_dict(state)
    expected, _ = map(torch.cat, zip(*in_fp32(network, data, "val"), strict=True))
    assert ((found - expected).abs().mean() / expected.abs().mean()) < 0.1
    assert abs(float((found.argmax(1) == labels).float().mean() - (expected.argmax(1) == labels).float().mean())) < 0.03
    numbers = measured(SMALL, state, data, "val", Metric("f1_macro", 10))
    assert numbers.keys() == {"val_int8_f1_macro", "val_int8_f1_macro_error"}


@pytest.mark.slow
def test_a_training_measures_int8_after_its_last_epoch(tmp_path: Path) -> None:
    curve = run(job(tmp_path, 0, 3, 6, precision="int8")).curve
    plain = run(job(tmp_path / "plain", 0, 3, 6)).curve
    assert [epoch["val_int8_acc"] for epoch in curve[:2]] == [epoch["val_acc"] for epoch in plain[:2]]
    assert curve[2]["val_acc"] == plain[2]["val_acc"]  # the training is the same
    data = datasets.load(DIGITS)
    data.arrange("train")
    again = measured(SMALL, weights(tmp_path), data, "val", Metric("accuracy", 10))
    assert again == {"val_int8_acc": curve[2]["val_int8_acc"]}


@pytest.mark.slow
def test_int8_onnx_that_is_larger_than_fp32_is_left_out(tmp_path: Path) -> None:
    data, state = datasets.load(DIGITS), build(SMALL).state_dict()
    pictures = Pictures(data.preparation_facts(), ())
    export.save(SMALL, state, tmp_path, pictures)
    assert "model_int8.onnx is left out: it has " in onnx_int8.write(SMALL, state, tmp_path, pictures, data)
    assert not (tmp_path / "model_int8.onnx").exists()
    assert (tmp_path / "model.onnx").exists()
