"""Networks that TFLite Micro unpacks while it runs: their memory, and compression that makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from explorer import data as datasets
from explorer import load_space
from explorer.arch import Architecture
from explorer.arch.tflite import flash, program
from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.arena import HOST, HUFFMAN, arena
from explorer.compression import finetune, given_executed, tflite
from explorer.compression.codec.coded import CompressionError
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.deep import CompressionSettings
from explorer.compression.layers import weighted_layers
from explorer.data.module import DataModule
from explorer.int8 import encode, file
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantized import Encoded, Quantized
from explorer.training import recipe as recipes
from explorer.training.int8 import answers, calibration_images
from explorer.training.network import Network, build
from tests.support.int8 import SPACES, drawn, with_random_numbers

WAYS = ("lut", "huffman", "pruned", "plain")
RECIPE = recipes.read({"epochs": 2, "batch_size": 64, "optimizer": "adamw", "lr": 0.003, "clip": 1.0})


def packed_by_chance(network: Quantized, random: Random) -> Quantized:
    """The network with weights of four values, each layer's packed in a way of its own, or not."""
    chance = np.random.default_rng(random.getrandbits(32))
    filters, encoded = [], dict[int, Encoded]()
    for i, (operator, held) in enumerate(zip(network.program.operators, network.filters, strict=True)):
        if held is None:
            filters.append(None)
            continue
        weights = chance.choice(np.array([0, 0, 0, 1, -1, 5], np.int8), held.weights.shape)
        filters.append(replace(held, weights=weights))
        match random.choice(WAYS):
            case "lut":
                encoded[i] = encode.lut(weights, 3 if operator.kind == ops.DEPTHWISE else 0)
            case "huffman":
                encoded[i] = encode.huffman(weights)
            case "pruned":
                encoded[i] = encode.pruned(weights)
    return replace(network, filters=tuple(filters), encoded=encoded)


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_memory_with_unpacked_weights_is_what_the_allocator_says(space: str) -> None:
    random = Random(space)
    for architecture in drawn(space, 5, macs=4e6):
        network = packed_by_chance(with_random_numbers(architecture), random)
        found, predicted = Interpreter(file.write(network)).allocations(), arena(network.program, HOST, network.packed)
        assert (found.head, found.tail) == (predicted.head, predicted.tail)


def micro(width: int = 32) -> Architecture:
    point = {"base_e": width, "incr_e": width, "freq": 4, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
    return load_space("fire_micro").architecture(point, (1, 8, 8), 10)


def test_the_largest_layers_stay_plain_where_memory_is_short() -> None:
    whole = program(micro(48))
    every = {i: HUFFMAN for i, each in enumerate(whole.operators) if each.weights}
    least, most = arena(whole, HOST).total, arena(whole, HOST, every).total
    assert tflite.kept_plain(whole, None) == tflite.kept_plain(whole, most) == set()
    for ram in range(least + 200 * len(every), most, 1000):
        plain = tflite.kept_plain(whole, ram)
        left = {i: way for i, way in every.items() if whole.operators[i].layer not in plain}
        assert arena(whole, HOST, left).total <= ram
        sizes = {each.layer: np.prod(each.weights) for each in whole.operators if each.weights}
        assert min((sizes[name] for name in plain), default=0) >= max(
            (size for name, size in sizes.items() if name not in plain), default=0
        )
    with pytest.raises(CompressionError, match=f"needs {least:,} bytes unpacked"):
        tflite.kept_plain(whole, least - 1)


def test_coarser_steps_cost_more_and_take_fewer_bytes() -> None:
    weights = torch.randn(32, 16, 3, 3, generator=torch.Generator().manual_seed(0))
    options = tflite.choices(weights, np.ones(weights.shape))
    assert [each.loss for each in options] == sorted(each.loss for each in options)
    assert options[-1].loss > 20 * options[0].loss > 0
    assert [each.bytes for each in options] == sorted((each.bytes for each in options), reverse=True)
    codes = tflite.OnGrid(options[15].steps).codes(weights).to(torch.int8).numpy()
    real = encode.huffman(codes).bytes + encode.DESCRIBED
    assert real == pytest.approx(options[15].bytes, abs=24)  # the header, and words of 32 bits
    assert options[0].bytes == weights.numel()


def test_a_filter_of_nothing_has_codes_of_nothing() -> None:
    weights = torch.zeros(4, 2, 1, 1)
    weights[1] = 1.0
    for each in tflite.choices(weights, np.zeros(weights.shape)):
        codes = tflite.OnGrid(each.steps).codes(weights)
        assert not codes[[0, 2, 3]].any()
        assert codes.isfinite().all()


def learnt(architecture: Architecture) -> tuple[Network, DataModule]:
    data = datasets.load({"name": "digits"})
    torch.manual_seed(0)
    network = build(architecture)
    finetune.train(network, data, RECIPE, 3, 1.0, 0)
    return network, data


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_rounded_within_a_budget_it_learns_on_and_runs(space: str, tmp_path: Path) -> None:
    architecture = next(each for each in drawn(space, 20, macs=8e5, sides=(8,)) if each.input_shape[0] == 1)
    network, data = learnt(architecture)
    whole = flash(architecture)
    weights = sum(layer.weight.numel() for layer in weighted_layers(network).values())
    budget = whole - round(0.45 * weights)
    settings = CompressionSettings(budget, rounds=2, epochs=10)
    found = tflite.compress(architecture, network.state_dict(), data, RECIPE, settings)
    pictures = next(iter(data.evaluation("val")))[0]
    # TFLite Micro says the same, and needs as much
    arena_bytes = tflite.write(found.int8, found.image, tmp_path / "a.tflite", pictures)
    assert (tmp_path / "a.tflite").stat().st_size <= budget
    assert arena_bytes == arena(found.int8.program, HOST, found.int8.packed).total
    for i, filters in enumerate(found.int8.filters):
        layer = found.int8.program.operators[i].layer
        if filters is not None and layer in found.codes:
            order = (3, 0, 1, 2) if found.int8.program.operators[i].kind == ops.DEPTHWISE else (0, 3, 1, 2)
            held = torch.from_numpy(filters.weights).permute(order).reshape(found.codes[layer].shape)
            assert (held.abs() == found.codes[layer].abs()).all()  # batch normalisation may turn a filter around
    right = []
    network.eval()
    logits, labels = answers(found.int8, found.image, data, "val")
    right.append(float((logits.argmax(1) == labels).float().mean()))
    with torch.inference_mode():
        batches = list(data.evaluation("val"))
        right.append(float(torch.cat([network(x).argmax(1) == y for x, y in batches]).float().mean()))
    assert right[0] > max(0.3, right[1] - 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("space", ["fire", "inverted_residual", "shuffle"])
def test_given_weights_within_a_budget_without_training(space: str, tmp_path: Path) -> None:
    architecture = next(each for each in drawn(space, 20, macs=8e5, sides=(8,)) if each.input_shape[0] == 1)
    network, data = learnt(architecture)
    state = network.eval().state_dict()
    tensors = {name: state[name].numpy() for name in tensor_shapes(architecture)}
    weights = sum(layer.weight.numel() for layer in weighted_layers(network).values())
    budget = flash(architecture) - round(0.2 * weights)
    images = calibration_images(data)
    found, image = given_executed.rounded(architecture, tensors, images, data.preparation_facts(), budget)
    tflite.write(found, image, tmp_path / "a.tflite", images)
    assert 0.9 * budget <= (tmp_path / "a.tflite").stat().st_size <= budget
    with torch.inference_mode():
        before = network(images).argmax(1)
        after = given_executed.Executed(found, image)(images).argmax(1)
    assert float((before == after).float().mean()) > 0.8
    ram = arena(found.program, HOST).total
    plain, _ = given_executed.rounded(architecture, tensors, images, data.preparation_facts(), flash(architecture), ram)
    assert arena(plain.program, HOST, plain.packed).total <= ram


@pytest.mark.slow
def test_memory_is_a_budget_too() -> None:
    architecture = micro(48)
    network, data = learnt(architecture)
    ram = arena(program(architecture), HOST).total + 8_000
    settings = CompressionSettings(flash(architecture) - 10_000, rounds=1, epochs=4, ram=ram)
    found = tflite.compress(architecture, network.state_dict(), data, RECIPE, settings)
    assert arena(found.int8.program, HOST, found.int8.packed).total <= ram
    plain = tflite.kept_plain(found.int8.program, ram)
    assert plain
    assert found.codes.keys().isdisjoint(plain)


@pytest.mark.slow
def test_a_budget_that_loses_too_much_is_exceeded_and_one_that_is_asked_for_is_kept_or_refused() -> None:
    network, data = learnt(micro())
    small = flash(micro()) // 4
    lines: list[str] = []
    settings = CompressionSettings(small, rounds=3, epochs=5, tolerance=0.0)
    found = tflite.compress(micro(), network.state_dict(), data, RECIPE, settings, report=lines.append)
    assert len(file.write(found.int8)) > small
    assert any("lose more than 0.0%" in line for line in lines)
    capped = replace(settings, flash=small + 12_000)  # what a board has, whatever is lost
    found = tflite.compress(micro(), network.state_dict(), data, RECIPE, capped)
    assert len(file.write(found.int8)) <= small + 12_000
    with pytest.raises(CompressionError, match=r"bytes are too few for this network, budget=[\d.]+kB would do"):
        tflite.compress(micro(), network.state_dict(), data, RECIPE, replace(settings, tolerance=None, budget=3000))
