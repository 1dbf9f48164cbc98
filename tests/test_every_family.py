"""Everything that works for one family works for every family: counting, training in pieces, export, compression."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from explorer import data as datasets
from explorer.arch import Architecture, cost
from explorer.arch import layers as L
from explorer.arch.families import families, metaparameters
from explorer.compression import deep, finetune
from explorer.compression.codec import container
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.quantize import quantize
from explorer.results.latency import RUNTIMES
from explorer.training import checkpoint as checkpoints
from explorer.training import latency
from explorer.training import recipe as recipes
from explorer.training.export import save
from explorer.training.job import Job, run, weights
from explorer.training.network import build
from tests.support.counting import assert_cost_equals_torch

CONF = Path(__file__).parents[1] / "conf"
FAST: dict[str, Any] = yaml.safe_load((CONF / "recipe" / "fast.yaml").read_text())
# A small member of each that has all its parts; a family that is not named here is taken as it is.
SMALL: dict[str, dict[str, Any]] = {
    "alexnet": {"fc": 16},
    "fire": {"base_e": 16, "incr_e": 8, "modules": 3, "stem": 16, "bypass": "complex", "batch_norm": True},
    "inverted_residual": {"width": 0.25, "depth": 0.5, "expand_ratio": 2, "head": 48},
    "nin": {},
    "regnet": {"depth": 4, "w_0": 16, "w_a": 8.0, "w_m": 1.5, "group_width": 8, "se_ratio": 0.25, "stem": 8},
    "residual": {"base_width": 8, "depth": 3, "freq": 2, "block": "bottleneck"},
    "shuffle": {"width": 16, "depth": 2, "stem": 8, "head": 32},
    "squeezenext": {"width": 0.25, "stages": "1-1-2-1"},
    "vgg": {"depth": 11, "fc": 16, "batch_norm": True},
}
# The searched ones; the networks that SqueezeNet is measured against have millions of parameters at every size.
SEARCHED = [family for family in families() if family not in ("alexnet", "nin", "vgg")]
SHAPES = [(1, 8, 8), (3, 32, 32)]


def small(family: str, shape: tuple[int, int, int]) -> Architecture:
    return families()[family](shape, 10, **SMALL.get(family, {}))


def trained(network: Architecture) -> dict[str, torch.Tensor]:
    """Weights whose batch norm has seen data: no running statistic, scale or shift is what it starts from."""
    torch.manual_seed(0)
    module = build(network).train()
    with torch.no_grad():
        for norm in (part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)):
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.normal_(0, 0.1)
        for _ in range(20):
            module(torch.randn(16, *network.input_shape) + 0.5)
    return module.state_dict()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", families())
def test_cost_is_torchs(family: str, shape: tuple[int, int, int]) -> None:
    assert_cost_equals_torch(small(family, shape))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", families())
def test_json_there_and_back(family: str, shape: tuple[int, int, int]) -> None:
    network = small(family, shape)
    again = Architecture.from_json(network.to_json())
    assert again == network
    assert again.identity == network.identity
    assert again.to_json() == network.to_json()


@pytest.mark.parametrize("family", families())
def test_identity_is_of_what_is_computed(family: str) -> None:
    network = small(family, (3, 32, 32))
    renamed = replace(network, layers=(L.Sequential("all", network.layers),), adapted=("a note",))
    assert renamed.identity == network.identity
    assert families()[family]((3, 32, 32), 11, **SMALL.get(family, {})).identity != network.identity
    for name, value in metaparameters(family).items():
        if type(value) is bool:  # every switch builds another network
            own = SMALL.get(family, {}) | {name: not SMALL.get(family, {}).get(name, value)}
            assert families()[family]((3, 32, 32), 10, **own).identity != network.identity, name


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", families())
def test_every_weight_gets_a_gradient(family: str, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    module = build(small(family, shape)).train()
    module(torch.randn(16, *shape)).square().sum().backward()
    without = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []
    assert all(p.grad is not None and p.grad.any() for name, p in module.named_parameters() if name.endswith("weight"))


@pytest.mark.slow
@pytest.mark.parametrize("family", SEARCHED)
def test_training_in_pieces_gives_the_same_bits_and_statistics(family: str, tmp_path: Path) -> None:
    def train(folder: str, first: int, last: int) -> dict[str, float]:
        network = small(family, (1, 8, 8)).to_json()
        return run(Job(network, FAST, {"name": "digits"}, 3, first, last, 2, str(tmp_path / folder))).curve[-1]

    train("whole", 0, 2)
    train("pieces", 0, 1)
    last = train("pieces", 1, 2)
    whole, pieces = (checkpoints.load(tmp_path / folder, 2).tensors for folder in ("whole", "pieces"))
    assert whole.keys() == pieces.keys()
    assert all(torch.equal(whole[name], pieces[name]) for name in whole)
    left = weights(tmp_path / "pieces")
    assert all(left[name].abs().sum() > 0 for name in left if name.endswith("running_mean"))
    module = build(small(family, (1, 8, 8)))
    module.load_state_dict(left)
    from explorer.data import load

    (images, labels), *_ = load({"name": "digits"}).evaluation("val")
    with torch.no_grad():
        right = (module.eval()(images).argmax(1) == labels).float().mean()
    assert float(right) == pytest.approx(last["val_acc"], abs=1e-6)


@pytest.fixture(scope="session")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ImageNet's layout: 3 classes, told by their colour; 63 images to train on and 18 to test on."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("imagenet")
    for part, count in (("train", 21), ("val", 6)):
        for label in range(3):
            place = folder / part / f"n{label:08d}"
            place.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 128, (40, 44, 3)) + 127 * np.eye(3, dtype=int)[label]
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{i}.JPEG")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("family", SEARCHED)
def test_the_imagenet_recipe_trains_it(family: str, coloured: Path, tmp_path: Path) -> None:
    """The solver and image files, in bfloat16 as `experiment=imagenet_squeezenet` has it, in two pieces."""
    recipe = yaml.safe_load((CONF / "recipe" / "paper.yaml").read_text())
    recipe |= {"batch_size": 6, "accumulate": 2, "precision": "bf16-mixed"}
    data = {"name": "imagenet", "dir": str(coloured), "val": 12, "side": 36, "crop": 32, "workers": 0, "mirror": True}
    network = families()[family]((3, 32, 32), 3, **SMALL.get(family, {})).to_json()
    curve = [
        epoch
        for first in (0, 5)
        for epoch in run(Job(network, recipe, data, 0, first, first + 5, 10, str(tmp_path))).curve
    ]
    assert [epoch["epoch"] for epoch in curve] == list(range(1, 11))
    assert curve[-1]["train_loss"] < 0.75 < curve[0]["train_loss"]  # by chance it is log 3 = 1.10


@pytest.mark.slow
def test_latency_of_each() -> None:
    shape = (3, 32, 32)
    subjects = [
        latency.Subject(family, small(family, shape), weights=trained(small(family, shape))) for family in SEARCHED
    ]
    found = latency.measure(latency.prepare(subjects, threads=1, batch_size=2), rounds=2)
    assert [one.network for one in found] == SEARCHED
    assert [one.identity for one in found] == [subject.architecture.identity for subject in subjects]
    for one in found:
        assert all(0 < one.latencies[runtime].p10 <= one.latencies[runtime].p90 for runtime in RUNTIMES["fp32"])


@pytest.mark.slow
@pytest.mark.parametrize("family", families())
def test_onnx_computes_the_same(family: str, tmp_path: Path) -> None:
    network = small(family, (3, 32, 32))
    assert save(network, trained(network), tmp_path) < 1e-5
    assert Architecture.from_json((tmp_path / "architecture.json").read_text()) == network
    modes = {file.stat().st_mode for file in tmp_path.iterdir()}
    assert len(modes) == 1  # who may read one file may read all


@pytest.mark.slow
@pytest.mark.parametrize("family", SEARCHED)
def test_compressed_it_says_the_same(family: str) -> None:
    network = small(family, (1, 8, 8))
    state = trained(network)
    shapes = tensor_shapes(network)
    assert {name: tuple(value.shape) for name, value in state.items() if "num_batches" not in name} == shapes
    images = torch.randn(64, 1, 8, 8) + 0.5
    coded = quantize(network, {name: state[name].numpy() for name in shapes}, images, fineness=0.001)
    again, tensors = container.unpack(container.pack(network, coded))
    assert again == network
    module, read = build(network).eval(), build(again).eval()
    module.load_state_dict(state)
    read.load_state_dict(
        {name: torch.from_numpy(np.array(container.dense(tensor))) for name, tensor in tensors.items()}, strict=False
    )
    with torch.no_grad():
        expected, found = module(images), read(images)
    assert (expected - found).norm() < 0.2 * expected.norm()


@pytest.mark.slow
@pytest.mark.parametrize("family", SEARCHED)
def test_compressed_with_retraining_it_learns_on(family: str) -> None:
    """Pruned, shared, trained: the file is within its budget, and what it decodes to has kept what was learnt."""
    network, data, recipe = small(family, (1, 8, 8)), datasets.load({"name": "digits"}), recipes.read(FAST)
    torch.manual_seed(0)
    before = build(network)
    finetune.train(before, data, recipe, 3, 1.0, 0)
    budget = 2000 + cost(network).bytes // 6  # the small ones are little more than a header
    made = deep.compress(
        network, before.state_dict(), data, recipe, deep.CompressionSettings(budget, rounds=2, epochs=12)
    )
    content = container.pack(network, made)
    assert len(content) <= 1.02 * budget
    _, found = container.unpack(content)
    after = build(network)
    state = {name: torch.from_numpy(container.dense(tensor)) for name, tensor in found.items()}
    after.load_state_dict(state, strict=False)
    right = []
    for module in (before, after):
        images, labels = next(iter(data.evaluation("val")))
        with torch.inference_mode():
            right.append(float((module.eval()(images).argmax(1) == labels).float().mean()))
    assert right[1] > max(0.3, right[0] - 0.2)  # at chance 0.1; a few epochs make good what they can
