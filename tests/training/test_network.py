"""Torch modules against the data they are built from."""

import copy
from itertools import product
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.arch import Architecture, ArchitectureError, architecture, cost
from explorer.arch import layers as L
from explorer.arch.families.fire import fire
from explorer.cli.config import load_space, space_files
from explorer.training.network import build
from tests.support.counting import assert_cost_equals_torch
from tests.support.fire_points import fire_points

# Trees as no family writes them: what a stored architecture may hold.
names = st.uuids().map(lambda uuid: f"n{uuid.hex}")
windows = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1)).filter(lambda w: w[2] <= w[0] // 2)
leaves = st.one_of(
    st.builds(
        lambda name, groups, width, w, bias: L.Conv2d(name, groups * width, w[0], w[1], w[2], 1, bias),
        names, st.integers(1, 2), st.integers(1, 3), windows, st.booleans(),
    ),
    st.builds(lambda name, w, ceil: L.MaxPool2d(name, w[0], w[1], w[2], ceil), names, windows, st.booleans()),
    st.builds(L.BatchNorm2d, names),
    st.builds(L.AdaptiveAvgPool2d, names, st.integers(1, 5)),
    st.builds(L.Chunk, names, st.integers(1, 2), st.integers(0, 1)),
    st.builds(L.ChannelShuffle, names, st.integers(1, 3)),
    st.builds(L.LocalResponseNorm, names, st.integers(1, 5), st.just(1e-2), st.just(0.75), st.just(2.0)),
    st.sampled_from([L.ReLU(), L.ReLU6(), L.SiLU(), L.Hardswish(), L.Sigmoid(), L.Dropout(), L.GlobalAvgPool2d()]),
    st.builds(lambda name, width: L.Sequential("", (L.Flatten(), L.Linear(name, width))), names, st.integers(1, 4)),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(L.Sequential, st.one_of(st.just(""), names), st.lists(inner, max_size=4).map(tuple)),
        st.builds(L.Concat, st.just(""), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(L.Add, st.just(""), st.tuples(inner, st.just(L.Sequential("", ())))),
        st.builds(L.Multiply, st.just(""), st.permutations([L.Sequential("", ()), L.GlobalAvgPool2d()]).map(tuple)),
        st.builds(L.Multiply, st.just(""), st.tuples(inner, inner)),
    ),
    max_leaves=12,
)


@pytest.mark.slow
@given(fire_points, st.integers(3, 40), st.integers(3, 40))
def test_cost_equals_torch_on_the_fire_family(point, height, width):
    assert_cost_equals_torch(fire((2, height, width), 5, **point))


@pytest.mark.slow
@given(trees, st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)))
@settings(max_examples=300)
def test_cost_equals_torch_on_any_tree(tree, shape):
    network_as_data = Architecture(shape, (tree,))
    try:
        cost(network_as_data)
    except ArchitectureError:
        with pytest.raises(ArchitectureError):
            build(network_as_data)
    else:
        assert_cost_equals_torch(network_as_data)


@pytest.mark.slow
def test_every_small_window_covers_what_torchs_does():
    """All of them: the rounding rules have corners that random trees seldom meet."""
    windows = product(range(1, 11), range(1, 5), range(1, 5), range(3), [False, True])
    checked = 0
    for size, kernel, stride, padding, ceil_mode in windows:
        for layer, torch_layer in [
            (L.Conv2d("x", 3, kernel, stride, padding), nn.Conv2d(2, 3, kernel, stride, padding)),
            (
                L.MaxPool2d("x", kernel, stride, padding, ceil_mode),
                nn.MaxPool2d(kernel, stride, padding, 1, False, ceil_mode),
            ),
        ]:
            network = Architecture((2, size, 11 - size), (layer,))
            try:
                expected = cost(network).output_shape
            except ArchitectureError:
                # Stricter than torch in one case: its ceil_mode takes a window that is larger than the whole map.
                if kernel <= min(size, 11 - size) + 2 * padding:
                    with pytest.raises(RuntimeError):
                        torch_layer(torch.zeros(1, *network.input_shape))
                continue
            assert tuple(build(network)._steps(torch.zeros(1, *network.input_shape)).shape[1:]) == expected, layer
            checked += 1
    assert checked > 500


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_see_their_own_channels_alone(groups):
    network_as_data = Architecture((8, 5, 5), (L.Conv2d("conv", 12, 3, groups=groups),))
    assert_cost_equals_torch(network_as_data)
    network = build(network_as_data)
    images = torch.randn(1, 8, 5, 5)
    changed = images.clone()
    changed[:, 0] += 1  # in the first group
    seen = (network(images) != network(changed)).view(12, -1).any(1)
    assert seen.tolist() == [i < 12 // groups for i in range(12)]


def test_local_response_norm_is_the_papers_formula():
    layer = L.LocalResponseNorm("norm", 3, alpha=0.3, beta=0.6, k=1.7)
    x = torch.randn(1, 6, 1, 1, dtype=torch.float64)
    values = x.flatten().tolist()
    expected = [
        value / (1.7 + 0.3 / 3 * sum(other**2 for other in values[max(0, i - 1) : i + 2])) ** 0.6
        for i, value in enumerate(values)
    ]
    assert build(Architecture((6, 1, 1), (layer,)))(x)[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("layer", "theirs"),
    [
        (L.ReLU(), nn.functional.relu),
        (L.ReLU6(), nn.functional.relu6),
        (L.SiLU(), nn.functional.silu),
        (L.Hardswish(), nn.functional.hardswish),
        (L.Sigmoid(), torch.sigmoid),
    ],
)
def test_activations(layer, theirs):
    images = 5 * torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(build(Architecture((3, 4, 4), (layer,)))(images), theirs(images).flatten(1))


def channels_of(*layers):
    """What becomes of channels 0 to 5."""
    images = torch.arange(6.0)[None, :, None, None]
    return build(Architecture((6, 1, 1), layers))(images)[0].tolist()


def test_channels_are_chunked_and_shuffled():
    assert channels_of(L.Chunk("", 3, 1)) == [2, 3]
    assert channels_of(L.ChannelShuffle("", 2)) == [0, 3, 1, 4, 2, 5]
    assert channels_of(L.ChannelShuffle("", 3), L.ChannelShuffle("", 2)) == [0, 1, 2, 3, 4, 5]


def test_a_map_is_multiplied_by_a_scale_for_each_channel():
    images = torch.randn(2, 3, 4, 5)
    scaled = L.Multiply("", (L.Sequential("", ()), L.GlobalAvgPool2d()))
    expected = images * images.mean((2, 3), keepdim=True)
    torch.testing.assert_close(build(Architecture((3, 4, 5), (scaled,)))(images), expected.flatten(1))
    other_way = L.Multiply("", (L.GlobalAvgPool2d(), L.Sequential("", ())))
    torch.testing.assert_close(build(Architecture((3, 4, 5), (other_way,)))(images), expected.flatten(1))


def test_weights_have_the_papers_names():
    network = build(architecture("squeezenet_v1_0", (1, 8, 8), 10))
    fire2 = [f"fire2.{part}.{kind}" for part in ("squeeze", "expand1x1", "expand3x3") for kind in ("weight", "bias")]
    assert list(network.state_dict())[:8] == ["conv1.weight", "conv1.bias", *fire2]
    assert len(network.state_dict()) == 52
    assert tuple(network.state_dict()["fire9.expand3x3.weight"].shape) == (256, 64, 3, 3)


def test_a_bypass_adds_names_and_changes_none():
    plain, simple, complex_ = (
        list(build(fire((1, 8, 8), 10, base_e=8, incr_e=8, bypass=bypass)).state_dict())
        for bypass in ("none", "simple", "complex")
    )
    assert simple == plain
    extra = {f"bypass{i}.{kind}" for i in (2, 4, 6, 8) for kind in ("weight", "bias")}
    assert set(complex_) - set(plain) == extra


def test_bypass_is_a_plain_sum():
    """Around fire3: no ReLU after it, as in the authors' file."""
    network = build(fire((1, 8, 8), 4, base_e=4, incr_e=0, modules=2, downsampling=0, bypass="simple"))
    with torch.no_grad():
        for parameter in network.fire3.parameters():
            parameter.zero_()  # fire3 puts out 0: what is left is the identity
    plain = build(fire((1, 8, 8), 4, base_e=4, incr_e=0, modules=1, downsampling=0))
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("fire3")})
    images = torch.randn(3, 1, 8, 8)
    torch.testing.assert_close(network(images), plain(images))


def test_a_deep_copy_runs_on_its_own_weights():
    network = build(fire((1, 8, 8), 4, modules=2, base_e=4, final_relu=False))
    images = torch.randn(2, 1, 8, 8)
    before, twin = network(images), copy.deepcopy(network)
    torch.testing.assert_close(twin(images), before, rtol=0, atol=0)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert not twin(images).any()
    torch.testing.assert_close(network(images), before, rtol=0, atol=0)


def test_dropout_works_in_training_alone():
    network = build(fire((1, 8, 8), 4, modules=1, base_e=16), dropout=0.5)
    images = torch.randn(2, 1, 8, 8)
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5]
    assert not torch.equal(network.train()(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


def test_every_weight_gets_a_gradient():
    torch.manual_seed(0)
    network = build(fire((1, 8, 8), 4, modules=4, base_e=8, squeeze_ratio=1, bypass="complex", final_relu=False))
    network(torch.randn(4, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("name", ["forward", "training", "architecture"])
def test_names_that_a_torch_module_has_already(name):
    with pytest.raises(ArchitectureError, match=f"{name}: a torch module has something else of this name"):
        build(Architecture((1, 8, 8), (L.Conv2d(name, 1, 1),)))


def test_the_impossible_is_refused_before_any_weight_is_made():
    with pytest.raises(ArchitectureError, match="stem: a 9x9 kernel"):
        build(Architecture((1, 8, 8), (L.Conv2d("stem", 2**24, 9),)))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(space_files()))
def test_cost_equals_torch_on_random_points_of_every_space(name: str) -> None:
    space = load_space(name)
    rng = Random(name)
    for _ in range(6):
        network = space.architecture(space.sample(rng), (1, 8, 8), 10)
        module = build(network)
        rows = {row.name: row.params for row in cost(network).layers if row.params}
        counted: dict[str, int] = {}
        for path, parameter in module.named_parameters():
            layer = path.rpartition(".")[0]
            counted[layer] = counted.get(layer, 0) + parameter.numel()
        assert counted == rows
        assert module(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_a_relu_runs_after_the_pooling_behind_it():
    network = build(architecture("squeezenet_v1_0", (1, 32, 32), 10))
    seen = []
    network.relu1.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0].shape))
    network.maxpool1.register_forward_hook(lambda _, inputs, output: seen.append(output.shape))
    network(torch.zeros(1, 1, 32, 32))
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_few_pixels_are_multiplied_and_many_convolved():
    def operators(side: int) -> set[str]:
        network = build(Architecture((2, side, side), (L.Conv2d("c", 4, 1),)))
        with torch.profiler.profile() as profile:
            network(torch.zeros(1, 2, side, side))
        return {event.name for event in profile.events()}

    assert "aten::conv2d" not in operators(64)
    assert "aten::conv2d" in operators(65)
