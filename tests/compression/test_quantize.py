"""Weights as codes without retraining: what compensation gains, what stays zero, budgets, and real weights."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from explorer.arch import Architecture, architecture
from explorer.arch import layers as L
from explorer.arch.families.fire import fire
from explorer.compression import fisher
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, CompressionError
from explorer.compression.compensate import Curvature, compensate
from explorer.compression.propagate import propagate
from explorer.compression.quantize import quantize
from explorer.compression.rate import Rate
from explorer.data import load
from explorer.data.files import FilesDataModule
from explorer.training.network import build
from explorer.training.weights import load as load_weights

# Every kind of layer that has weights: a bypass, groups, batch norm without bias, a flat map.
MIXED = Architecture(
    (2, 9, 9),
    (
        L.Conv2d("stem", 8, 3, bias=False),
        L.BatchNorm2d("norm"),
        L.ReLU(),
        L.Add("", (L.Sequential("", ()), L.Conv2d("grouped", 8, 3, padding=1, groups=2))),
        L.Concat("", (L.Conv2d("one", 4, 1), L.Conv2d("three", 4, 3, padding=1))),
        L.ReLU(),
        L.MaxPool2d("pool", 2, 2),
        L.Flatten(),
        L.Linear("classes", 5),
    ),
)


def trained(architecture: Architecture, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights, half of them zero, that answer decidedly."""
    torch.manual_seed(seed)
    network = build(architecture)
    for name, part in network.named_parameters():
        if part.dim() > 1:
            part.data *= 3 * (torch.rand_like(part) < 0.5)
        elif name == "norm.weight":
            part.data.uniform_(0.5, 2)
    return {name: part.numpy() for name, part in network.state_dict().items() if "batches" not in name}


def pictures(architecture: Architecture, count: int = 40, seed: int = 1) -> torch.Tensor:
    """Smooth random images: neighbouring inputs go together, as in real ones."""
    rough = torch.randn(count, *architecture.input_shape, generator=torch.Generator().manual_seed(seed))
    return 3 * F.avg_pool2d(rough, 3, 1, 1)


def logits(architecture: Architecture, tensors: dict[str, np.ndarray], images: torch.Tensor) -> torch.Tensor:
    network = build(architecture).eval()
    network.load_state_dict({name: torch.from_numpy(part) for name, part in tensors.items()}, strict=False)
    with torch.inference_mode():
        return network(images)


def dense(made: dict[str, container.Tensor]) -> dict[str, np.ndarray]:
    return {name: container.dense(part) for name, part in made.items()}


def divergence(of: torch.Tensor, to: torch.Tensor) -> float:
    return float(F.kl_div(to.log_softmax(1), of.log_softmax(1), log_target=True, reduction="batchmean"))


def layer(rows: int = 12, columns: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights with a bias behind them, inputs that go together, and their second moments."""
    rng = np.random.default_rng(seed)
    inputs = np.maximum(rng.normal(size=(500, 6)) @ rng.normal(size=(6, columns)) + rng.normal(size=(500, columns)), 0)
    inputs = np.column_stack([inputs, np.ones(500)])
    return rng.normal(size=(rows, columns + 1)).astype(np.float32), inputs, inputs.T @ inputs / len(inputs)


@pytest.mark.parametrize("bias", [False, True])
def test_compensated_rounding_beats_plain_rounding_at_the_same_steps(bias):
    weights, inputs, moments = layer()
    if not bias:
        weights, inputs, moments = weights[:, :-1], inputs[:, :-1], moments[:-1, :-1]
    steps = np.full(len(weights), 0.5, np.float32)
    ones, free = np.ones(len(weights), np.float32), np.zeros(weights.shape, bool)
    codes, biases = compensate(weights, Curvature.of(moments, bias), ones, steps, 0.0, free)
    assert codes.shape == (12, 30)
    assert biases.shape == ((12,) if bias else (0,))
    rounded = np.rint(weights[:, :30] / 0.5) * 0.5
    ours = codes * 0.5
    if bias:
        rounded, ours = np.column_stack([rounded, weights[:, -1]]), np.column_stack([ours, biases])
    error, plain = (((weights - made) @ inputs.T) ** 2 for made in (ours, rounded))
    assert error.mean() < 0.3 * plain.mean()


def test_independent_inputs_leave_nothing_to_compensate():
    weights, _, _ = layer()
    steps = np.full(len(weights), 0.25, np.float32)
    free = np.zeros((12, 30), bool)
    codes, _ = compensate(weights[:, :30], Curvature.of(np.eye(30), bias=False), steps, steps, 0.0, free)
    assert (codes == np.rint(weights[:, :30] / 0.25)).all()


def test_a_price_saves_bits_and_costs_error():
    weights, inputs, moments = layer()
    steps, free = np.full(len(weights), 0.5, np.float32), np.zeros(weights.shape, bool)
    sizes, errors = [], []
    for price in (0.0, 0.1, 1.0, 100.0):
        codes, biases = compensate(
            weights, Curvature.of(moments, bias=True), np.ones(12, np.float32), steps, price, free
        )
        sizes.append(float(Rate.of(codes)(codes.astype(np.float32)).sum()))
        errors.append((((weights - np.column_stack([codes * 0.5, biases])) @ inputs.T) ** 2).mean())
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)
    assert not codes.any()


def test_fixed_weights_are_zero_and_others_make_it_good():
    weights, inputs, moments = layer()
    fixed = np.random.default_rng(1).random(weights.shape) < 0.2
    steps = np.full(len(weights), 0.05, np.float32)
    codes, biases = compensate(weights, Curvature.of(moments, bias=True), steps, steps, 0.0, fixed)
    assert not codes[fixed[:, :-1]].any()
    cut = np.where(fixed, 0, weights)
    cut[:, -1] = weights[:, -1]
    error, plain = (((weights - w) @ inputs.T) ** 2 for w in (np.column_stack([codes * steps[:, None], biases]), cut))
    assert error.mean() < 0.5 * plain.mean()


def test_the_rate_is_that_of_the_histogram():
    codes = np.repeat(np.array([0, 1, -1], np.int32), [800, 100, 100])
    rate = Rate.of(codes)
    assert rate(np.array([0.0]))[0] == pytest.approx(-np.log2(0.8), abs=0.05)
    assert rate(np.array([1.0]))[0] == pytest.approx(-np.log2(0.1), abs=0.05)
    assert rate(np.array([5.0]))[0] > 8


def test_unchanged_layers_propagate_what_the_network_computes():
    tensors, images = trained(MIXED), pictures(MIXED)
    seen = {}

    def change(name, moments):
        seen[name] = moments
        return {}

    propagate(MIXED, {name: torch.from_numpy(part) for name, part in tensors.items()}, images, change)
    assert list(seen) == ["stem", "grouped", "one", "three", "classes"]
    network = build(MIXED).eval()
    network.load_state_dict({name: torch.from_numpy(part) for name, part in tensors.items()}, strict=False)
    inputs = {}
    for name in seen:
        network.get_submodule(name).register_forward_hook(
            lambda _, given, __, name=name: inputs.update({name: given[0]})
        )
    with torch.no_grad():
        network(images)
    flat = torch.cat([inputs["classes"].flatten(1), torch.ones(len(images), 1)], 1).double()
    drawn(seen["classes"].now[0], (flat.T @ flat / len(images)).numpy(), 0.2)
    # The stem saw the images themselves, nothing before it has changed; `then` and `now` agree where nothing did.
    assert seen["stem"].then is None
    assert np.allclose(seen["classes"].now, seen["classes"].then)
    one = inputs["one"].permute(1, 0, 2, 3).flatten(1).double()
    drawn(seen["one"].now[0, :-1, :-1], (one @ one.T / one.shape[1]).numpy(), 0.8)
    assert seen["grouped"].now.shape == (2, 37, 37)


def drawn(found: np.ndarray, whole: np.ndarray, least: float) -> None:
    """Moments are those of the inputs, those of two different ones drawn to 0 by a share: few images, many inputs."""
    assert np.allclose(np.diag(found), np.diag(whole), rtol=1e-4)
    among = ~np.eye(len(whole), dtype=bool)
    share = found[among] @ whole[among] / (whole[among] @ whole[among])
    assert least < share < 0.999
    assert np.allclose(found[among], share * whole[among], atol=1e-3)


def test_importance_foretells_the_divergence():
    """Against a small random error in each row: over all rows, the sum is right within a factor of two."""
    tensors, images = trained(MIXED), pictures(MIXED, 400)
    network = build(MIXED).eval()
    network.load_state_dict({name: torch.from_numpy(part) for name, part in tensors.items()}, strict=False)
    found = fisher.of_rows(network, images)
    assert {name: len(rows) for name, rows in found.items()} == {
        "stem": 8, "grouped": 8, "one": 4, "three": 4, "classes": 5,
    }  # fmt: skip
    power = {}

    def change(name, moments):
        power[name] = np.trace(moments.now[0][:18, :18])
        return {}

    propagate(MIXED, {name: torch.from_numpy(part) for name, part in tensors.items()}, images, change)
    rng, before = np.random.default_rng(0), logits(MIXED, tensors, images)
    measured = []
    for _ in range(20):
        noise = rng.normal(0, 0.01, tensors["stem.weight"].shape).astype(np.float32)
        after = logits(MIXED, tensors | {"stem.weight": tensors["stem.weight"] + noise}, images)
        measured.append(divergence(before, after))
    foretold = found["stem"].sum() * power["stem"] * 0.01**2 / 2
    assert foretold / 2 < np.mean(measured) < foretold * 2


@pytest.mark.parametrize(
    "architecture", [MIXED, fire((3, 16, 16), 3, modules=2, base_e=8, final_relu=False)], ids=["mixed", "fire"]
)
def test_quantize_any_network(architecture, tmp_path):
    tensors, images = trained(architecture), pictures(architecture)
    before = {name: part.copy() for name, part in tensors.items()}
    made = quantize(architecture, tensors, images, fineness=0.02)
    assert all((tensors[name] == part).all() for name, part in before.items())
    container.write(tmp_path / "net.sqz", architecture, made)
    _, read = container.read(tmp_path / "net.sqz")
    for name, part in read.items():
        assert not part[tensors[name] == 0].any() or part.ndim == 1, name
    held = pictures(architecture, 200, seed=2)
    coarser = dense(quantize(architecture, tensors, images, fineness=0.1))
    reference = logits(architecture, tensors, held)
    assert divergence(reference, logits(architecture, read, held)) < 0.04
    assert divergence(reference, logits(architecture, read, held)) < divergence(
        reference, logits(architecture, coarser, held)
    )


def test_the_same_arguments_give_the_same_codes():
    tensors, images = trained(MIXED), pictures(MIXED)
    first, second = (dense(quantize(MIXED, tensors, images, fineness=0.05, seed=3)) for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.6, 0.8, 1.2])
def test_a_budget_is_kept_and_used(share):
    network = fire((3, 16, 16), 3, modules=2, base_e=32, final_relu=False)
    tensors, images = trained(network), pictures(network)
    usual = len(container.pack(network, quantize(network, tensors, images, fineness=0.001)))
    budget, passes = int(share * usual), []
    made = quantize(network, tensors, images, budget=budget, report=passes.append)
    assert 0.97 * budget < len(container.pack(network, made)) <= budget
    assert passes


def test_a_dead_layer_is_no_obstacle():
    tensors, images = trained(MIXED), pictures(MIXED)
    tensors["norm.bias"] = np.full(8, -1000, np.float32)
    made = dense(quantize(MIXED, tensors, images, fineness=0.05))
    assert all(np.isfinite(part).all() for part in made.values())


@pytest.mark.slow
def test_errors_are_one_line():
    tensors, images = trained(MIXED), pictures(MIXED)
    with pytest.raises(CompressionError, match=r"10 bytes are too few for this network, [\d,]+ were reached"):
        quantize(MIXED, tensors, images, budget=10)
    with pytest.raises(CompressionError, match="either a budget or a fineness"):
        quantize(MIXED, tensors, images)
    with pytest.raises(CompressionError, match="no images"):
        quantize(MIXED, tensors, images[:0], fineness=1.0)
    with pytest.raises(CompressionError, match=r"stem\.weight is \(8, 2, 1, 1\), the network's \(8, 2, 3, 3\)"):
        quantize(MIXED, tensors | {"stem.weight": np.zeros((8, 2, 1, 1), np.float32)}, images, fineness=1.0)
    del tensors["one.bias"]
    with pytest.raises(CompressionError, match=r"one\.bias is missing"):
        quantize(MIXED, tensors, images, fineness=1.0)


def test_biases_are_codes_too():
    made = quantize(MIXED, trained(MIXED), pictures(MIXED), fineness=0.05)
    assert {name for name, part in made.items() if isinstance(part, CodedTensor)} == {
        f"{layer}.{kind}" for layer in ("stem", "grouped", "one", "three", "classes") for kind in ("weight", "bias")
    } - {"stem.bias"}


@pytest.mark.slow
def test_squeezenet_on_real_images(reference, tmp_path):
    """With so few images, and so coarse: benchmarks/lossy.py says what it really gives."""
    data = load({"name": "image_folder", "dir": str(reference / "imagenet_samples"), "workers": 0, "val": 0, "test": 0})
    assert isinstance(data, FilesDataModule)
    files = sorted(file for file, _ in data.parts["train"])[::12]
    images = torch.stack([data.preparation.image(file, None) for file in files])
    network_of = architecture("squeezenet_v1_0", (3, 227, 227), 1000, {"conv10_padding": 1})
    network = build(network_of)
    load_weights(network, reference / "squeezenet_v1_0.npz")
    tensors = {name: part.numpy() for name, part in network.state_dict().items()}
    made = quantize(network_of, tensors, images[::2], fineness=1e-3)
    assert container.write(tmp_path / "net.sqz", network_of, made) < 400_000
    read_of, read = container.read(tmp_path / "net.sqz")
    before, after = logits(network_of, tensors, images[1::2]), logits(read_of, read, images[1::2])
    assert divergence(before, after) < 0.1
    assert (before.argmax(1) == after.argmax(1)).double().mean() > 0.8
