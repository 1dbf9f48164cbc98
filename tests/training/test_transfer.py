"""A start from weights: the same network whole, a wider one as the same function, what must not be taken refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer import load_space
from explorer.arch import Architecture
from explorer.arch import layers as L
from explorer.arch.families.fire import fire
from explorer.training import files
from explorer.training.init_files import init_digest
from explorer.training.job import run, weights
from explorer.training.network import Network, build
from explorer.training.recipe import RecipeError, read
from explorer.training.transfer import take, trained_network
from explorer.training.worker import data_facts
from tests.support.fire_points import fire_points
from tests.support.training import DIGITS, FAST, SMALL, job

SPACES = ("all", "fire", "inverted_residual", "regnet", "residual", "shuffle", "squeezenext")
SHAPE = (3, 64, 64)


def drawn(architecture: Architecture, seed: int) -> Network:
    """A network whose every number is another one, batch norm's too."""
    network, generator = build(architecture).eval(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                spread = (0.5 + torch.rand(tensor.shape, generator=generator)) if tensor.ndim == 1 else None
                fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
                scale = (2 / fan_in) ** 0.5
                new = torch.randn(tensor.shape, generator=generator) * scale if spread is None else spread
                network.get_parameter(name).copy_(new) if name in dict(network.named_parameters()) else tensor.copy_(
                    new
                )
    return network


def answers(network: Network, shape: tuple[int, int, int]) -> torch.Tensor:
    with torch.inference_mode():
        return network(torch.rand((2, *shape), generator=torch.Generator().manual_seed(7)))


@pytest.mark.parametrize("name", SPACES)
def test_the_same_network_takes_everything(name: str) -> None:
    space = load_space(name)
    rng = random.Random(0)
    for point in [space.sample(rng) for _ in range(3)]:
        architecture = space.architecture(point, SHAPE, 10)
        ours, theirs = drawn(architecture, 1), drawn(architecture, 2)
        taken = take(ours, theirs)
        assert taken == sum(t.numel() for t in theirs.state_dict().values() if t.is_floating_point())
        assert torch.equal(answers(ours, SHAPE), answers(theirs, SHAPE))


@settings(max_examples=40, deadline=None)
@given(fire_points, st.data())
def test_a_wider_network_starts_as_the_same_function(point: dict[str, Any], data: st.DataObject) -> None:
    shape = (3, 64, 64)
    point |= {"bypass": "none"}  # a sum of two maps whose shares differ in width is another function
    wider = point | {key: point[key] + data.draw(st.integers(0, 20)) for key in ("base_e", "incr_e", "stem")}
    small, large = (fire(shape, 10, **each) for each in (point, wider))
    if any(less > more for less, more in zip(widths(small), widths(large), strict=True)):
        return  # a share of the filters, rounded, may go down
    ours, theirs = drawn(large, 1), drawn(small, 2)
    take(ours, theirs)
    expected = answers(theirs, shape)
    difference = (answers(ours, shape) - expected).abs().max() / expected.abs().max()
    assert difference < 1e-4


def widths(architecture: Architecture) -> list[int]:
    return [layer.out_channels for _, layer in L.walk(architecture.tree) if isinstance(layer, L.Conv2d)]


def shuffled(width: int) -> Architecture:
    """Shares, a shuffle, grouped and depthwise filters, a flat map at the end."""
    layers = (
        L.Conv2d("stem", width, 3, padding=1),
        L.Concat(
            "",
            (
                L.Sequential("", (L.Chunk("", 2, 0),)),
                L.Sequential("b", (L.Chunk("", 2, 1), L.Conv2d("deep", width // 2, 3, padding=1, groups=width // 2))),
            ),
        ),
        L.ChannelShuffle("", 2),
        L.BatchNorm2d("norm"),
        L.ReLU(),
        L.AdaptiveAvgPool2d("pool", 2),
        L.Flatten("flat"),
        L.Linear("classes", 5),
    )
    return Architecture((3, 8, 8), layers)


def test_channels_go_by_where_they_come_from() -> None:
    ours, theirs = drawn(shuffled(12), 1), drawn(shuffled(8), 2)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    take(ours, theirs)
    # The second share of the narrow stem is its filters 4 to 7, which the wide one has in its first.
    deep, source = ours.get_parameter("b.deep.weight"), theirs.get_parameter("b.deep.weight")
    assert torch.equal(deep[:2], source[2:4])  # of the stem's filters 6 and 7
    assert torch.equal(deep[2:], before["b.deep.weight"][2:])
    norm, their_norm = ours.get_buffer("norm.running_var"), theirs.get_buffer("norm.running_var")
    places = {0: 0, 2: 2, 4: 4, 6: 6, 1: 5, 3: 7}  # stem 0 to 3 by turns with filters 6 and 7 of the share
    for place, their_place in places.items():
        assert norm[place] == their_norm[their_place]
    columns = ours.get_parameter("classes.weight").view(5, 12, 4)
    their_columns = theirs.get_parameter("classes.weight").view(5, 8, 4)
    for place in range(12):
        # Of the eight channels that there were six are left.
        expected = their_columns[:, places[place]] * (8 / 6) if place in places else torch.zeros(5, 4)
        assert torch.allclose(columns[:, place], expected)


def test_other_classes_and_other_kernels_start_at_random() -> None:
    small = fire((3, 160, 160), 10, modules=2, base_e=8, incr_e=0, stem=8, stem_kernel=3)
    large = fire((3, 160, 160), 7, modules=2, base_e=8, incr_e=0, stem=8, stem_kernel=7)
    ours, theirs = drawn(large, 1), drawn(small, 2)
    before = {name: tensor.clone() for name, tensor in ours.state_dict().items()}
    take(ours, theirs)
    for name, tensor in ours.state_dict().items():
        fresh = name.startswith(("conv10", "conv1."))
        assert torch.equal(tensor, before[name] if fresh else theirs.state_dict()[name]), name


def exported(folder: Path, architecture: Architecture, seed: int = 0) -> Path:
    """A file of weights and its architecture, of no training that is known."""
    folder.mkdir(parents=True)
    np.savez(folder / "given.npz", **{k: v.numpy() for k, v in drawn(architecture, seed).state_dict().items()})
    (folder / files.ARCHITECTURE).write_text(architecture.to_json())
    return folder / "given.npz"


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe.init is 'hee', expected one of he, xavier, .* or FILE.safetensors"):
        read(FAST | {"init": "hee"})
    with pytest.raises(RecipeError, match=r"recipe.init=.*/absent.npz: no file .*absent.npz"):
        init_digest({"init": f"{tmp_path}/absent.npz"}, DIGITS)
    (tmp_path / "bare.npz").write_bytes(b"")
    with pytest.raises(RecipeError, match=r"bare.npz: no file .*architecture.json"):
        init_digest({"init": f"{tmp_path}/bare.npz"}, DIGITS)
    file = exported(tmp_path / "given", SMALL)
    (file.parent / files.ARCHITECTURE).write_text(fire((3, 32, 32), 10).to_json())
    with pytest.raises(RecipeError, match=r"given.npz: no layer fire"):
        data_facts(DIGITS, init=str(file))
    assert init_digest({"init": "xavier"}, DIGITS) == init_digest({}, DIGITS) == ""


def test_weights_that_have_seen_the_validation_images_are_refused(tmp_path: Path) -> None:
    file = exported(tmp_path / "retrained", SMALL)
    known = init_digest({"init": str(file)}, DIGITS)
    (file.parent / files.CONFIG).write_text(yaml.safe_dump({"data": DIGITS | {"dir": "elsewhere"}}))
    with pytest.raises(RecipeError, match="have seen the validation images of the same data"):
        init_digest({"init": str(file)}, DIGITS)
    assert init_digest({"init": str(file)}, DIGITS | {"split_seed": 1}) == known
    (file.parent / files.ARCHITECTURE).write_text(fire((1, 8, 8), 10).to_json())
    assert init_digest({"init": str(file)}, DIGITS | {"split_seed": 1}) != known


@pytest.mark.slow
def test_a_training_goes_on_from_anothers_weights_with_the_same_bits(tmp_path: Path) -> None:
    run(job(tmp_path / "first"))
    start = {"recipe": FAST | {"init": f"{tmp_path}/first"}}
    assert json.loads((tmp_path / "first" / files.ARCHITECTURE).read_text())["identity"] == SMALL.identity
    known = trained_network(f"{tmp_path}/first").state_dict()
    assert all(torch.equal(value, known[name]) for name, value in weights(tmp_path / "first").items())
    once = run(job(tmp_path / "whole", **start)).curve
    for first in (0, 2):
        last = run(job(tmp_path / "parts", first, first + 2, **start)).curve[-1]
    assert last["val_loss"] == once[-1]["val_loss"]
    fresh = run(job(tmp_path / "fresh", recipe=FAST | {"init": "he"})).curve
    assert once[0]["val_acc"] > fresh[0]["val_acc"] + 0.2
    tested = run(job(tmp_path / "trainval", split="trainval"))
    assert "test_acc" in tested.curve[-1]
    with pytest.raises(RecipeError, match="have seen the validation images"):
        init_digest({"init": f"{tmp_path}/trainval"}, DIGITS)
    assert init_digest({"init": f"{tmp_path}/first"}, DIGITS)
