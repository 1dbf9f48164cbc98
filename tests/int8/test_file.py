"""Size and memory as predicted; TFLite Micro, LiteRT's reference kernels and our integers: one answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.arch import Architecture
from explorer.arch import layers as L
from explorer.arch.tflite import arena, file_size
from explorer.arch.tflite.arena import HOST
from explorer.int8 import file
from explorer.int8.floats import fp32, maps
from explorer.int8.folded import folded
from explorer.int8.integers import int8, multiplier, rescaled
from explorer.int8.interpreter import Interpreter, InterpreterError
from explorer.int8.quantize import Image, quantize
from explorer.int8.quantized import Quantized
from explorer.training.network import build, channels_last
from tests.support.int8 import SPACES, drawn, with_random_numbers

EXTENTS = range(8, 38)


def predicted_and_found(network: Architecture, seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    made = with_random_numbers(network, seed)
    written = file.write(made)
    found, needed = Interpreter(written).allocations(), arena(made.program, HOST)
    return (file_size(made.program), needed.head, needed.tail), (len(written), found.head, found.tail)


@pytest.mark.parametrize("space", SPACES)
def test_size_and_memory_are_as_predicted(space: str) -> None:
    for seed, network in enumerate(drawn(space, 3)):
        predicted, found = predicted_and_found(network, seed)
        assert predicted == found


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_size_and_memory_of_many_networks_are_as_predicted(space: str) -> None:
    for seed, network in enumerate(drawn(space, 30, macs=4e8, seed=17)):
        predicted, found = predicted_and_found(network, seed)
        assert predicted == found


def in_tflm(made: Quantized, images: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(file.write(made))
    return np.stack([interpreter.run(image[None]).ravel() for image in images])


def in_litert(made: Quantized, images: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter as LiteRT
    from ai_edge_litert.interpreter import OpResolverType

    runs = LiteRT(model_content=file.write(made, "litert"), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    runs.allocate_tensors()
    answers = []
    for image in images:
        runs.set_tensor(runs.get_input_details()[0]["index"], image[None])
        runs.invoke()
        answers.append(runs.get_tensor(runs.get_output_details()[0]["index"]).ravel())
    return np.stack(answers)


def ours(made: Quantized, images: np.ndarray) -> np.ndarray:
    last = torch.empty(0)
    with torch.no_grad():
        for _, each in maps(made.program, torch.from_numpy(images).permute(0, 3, 1, 2), int8(made)):
            last = each
    return last.flatten(1).numpy()


@pytest.mark.parametrize("space", SPACES)
def test_all_three_answer_the_same(space: str) -> None:
    for seed, network in enumerate(drawn(space, 2, macs=8e6)):
        made = with_random_numbers(network, seed)
        channels, height, width = network.input_shape
        images = np.random.default_rng(seed).integers(-128, 128, (2, height, width, channels)).astype(np.int8)
        expected = in_tflm(made, images)
        assert len(set(expected.ravel().tolist())) > 3  # it is no constant
        np.testing.assert_array_equal(ours(made, images), expected)
        np.testing.assert_array_equal(in_litert(made, images), expected)


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_every_family_on_thirty_sizes_of_image(space: str) -> None:
    """The program is the network, in fp32; quantized it is the same bytes in TFLite Micro, in LiteRT and here."""
    for side in EXTENTS:
        (network,) = drawn(space, 1, macs=6e6, sides=(side,), seed=side)
        module = build(network).eval()
        chance = torch.Generator().manual_seed(side)
        with torch.no_grad():
            for name, tensor in module.state_dict().items():
                if name.endswith("running_var"):
                    tensor.uniform_(0.5, 1.5, generator=chance)
                elif name.endswith(("running_mean", "bias")) and tensor.is_floating_point():
                    tensor.normal_(0.0, 0.1, generator=chance)
        images = torch.randn(8, *network.input_shape, generator=chance)
        made = quantize(with_random_numbers(network).program, module.state_dict(), images, Image(None))
        own = folded(made.program, module.state_dict())
        with torch.no_grad():
            expected = module(channels_last(images))
            *_, (_, found) = maps(made.program, images, fp32(own))
        scale = expected.abs().max()
        torch.testing.assert_close(found.flatten(1) / scale, expected / scale, atol=2e-4, rtol=0)
        pictures = Image(None).int8(images[:2], made).permute(0, 2, 3, 1).contiguous().numpy()
        answers = in_tflm(made, pictures)
        np.testing.assert_array_equal(ours(made, pictures), answers)
        np.testing.assert_array_equal(in_litert(made, pictures), answers)


@pytest.mark.parametrize("layer", [L.ReLU(), L.ReLU6(), L.Sigmoid(), L.SiLU(), L.Hardswish()])
def test_activations_on_their_own_in_every_case(layer: L.Layer) -> None:
    network = Architecture((1, 16, 16), (L.MaxPool2d("", 1, 1), L.Add("", (L.Sequential("", ()), layer))))
    for seed in range(4):
        made = with_random_numbers(network, seed)
        images = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
        np.testing.assert_array_equal(ours(made, images), in_tflm(made, images))


def test_multipliers_are_31_bits_and_a_shift() -> None:
    assert multiplier(0.5) == (2**30, 0)
    assert multiplier(1.0) == (2**30, 1)
    assert multiplier(1 - 2**-40) == (2**30, 1)  # rounded up to 1
    assert multiplier(2.0**-40) == (0, 0)
    for real in (0.0003, 0.7, 3.2):
        sums = torch.arange(-5000, 5000, 7).view(1, 1, 1, -1)
        assert (rescaled(sums, [multiplier(real)]) - (sums * real)).abs().max() <= 0.5 + 1e-4


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    made = with_random_numbers(Architecture((1, 8, 8), (L.Conv2d("a", 4, 3), L.GlobalAvgPool2d(), L.Flatten())))
    with pytest.raises(InterpreterError, match="TFLite Micro does not run the file"):
        Interpreter(file.write(made), arena=512)
