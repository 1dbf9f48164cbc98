"""Memory of activations, counted by hand and by torch."""

import pytest

from explorer.arch import Architecture, architecture, cost
from explorer.arch import layers as L
from explorer.arch.families import named


def test_activation_bytes_of_squeezenet_v1_0():
    # Table 1's outputs; squeeze filters too. 227 px.
    maps = 96 * 111**2 + 96 * 55**2 + 13 * 13 * 1000 + 1000
    for side, modules in ((55, [(16, 128), (16, 128), (32, 256)]), (27, [(32, 256), (48, 384), (48, 384), (64, 512)])):
        maps += side**2 * sum(sum(module) for module in modules)
    maps += 256 * 27**2 + 512 * 13**2 + 13**2 * (64 + 512)
    assert cost(architecture("squeezenet_v1_0")).activation_bytes == 4 * maps == 20_063_296


def test_peak_activations():
    # The pool after conv1 reads 111x111x96 and writes 55x55x96.
    assert cost(architecture("squeezenet_v1_0")).peak_activation_bytes == 4 * 96 * (111**2 + 55**2)
    # While the last of two branches runs, what the first put out and the input of both are there.
    two = L.Concat("", (L.Conv2d("a", 5, 1), L.Conv2d("b", 7, 1)))
    counted = cost(Architecture((3, 2, 2), (two,)))
    assert [layer.live for layer in counted.layers] == [4 * (3 + 5), 4 * (5 + 3 + 7)]
    assert counted.peak_activation_bytes == 4 * 4 * 15
    assert counted.activation_bytes == 4 * 4 * 12


def test_an_identity_keeps_the_input_in_memory():
    module = L.Sequential("m", (L.Conv2d("a", 10, 1), L.Conv2d("b", 3, 1)))
    plain = cost(Architecture((3, 2, 2), (module,)))
    bypassed = cost(Architecture((3, 2, 2), (L.Add("", (module, L.Sequential("", ()))),)))
    assert [layer.live for layer in plain.layers] == [4 * 13, 4 * 13]
    assert [layer.live for layer in bypassed.layers] == [4 * 13, 4 * (13 + 3)]
    assert bypassed.activation_bytes == plain.activation_bytes


def test_in_place_layers_write_nothing_unless_their_input_is_needed():
    relu = L.ReLU()
    assert cost(Architecture((3, 2, 2), (relu,))).activation_bytes == 0
    assert cost(Architecture((3, 2, 2), (relu,))).peak_activation_bytes == 4 * 12
    assert cost(Architecture((3, 2, 2), (L.Add("", (relu, L.Sequential("", ()))),))).activation_bytes == 4 * 12
    # One layer of a kept input after another: the input is counted once, beside the data under way.
    chain = L.Sequential("", (relu, L.ReLU(), L.Conv2d("c", 3, 1)))
    bypassed = cost(Architecture((3, 2, 2), (L.Add("", (chain, L.Sequential("", ()))),)))
    assert [layer.live for layer in bypassed.layers] == [24, 24, 36]


@pytest.mark.parametrize("name", named())
def test_all_outputs_are_torchs(name):
    import torch

    from explorer.training.network import build

    network = architecture(name, (3, 64, 64), 10)
    module = build(network).eval()
    written = []
    for leaf in module.modules():
        kind = type(leaf).__name__.lstrip("_")
        if not list(leaf.children()) and kind not in ("ReLU", "ReLU6", "Sigmoid", "Dropout", "Flatten", "Identity"):
            leaf.register_forward_hook(lambda _, inputs, output: written.append(output.numel()))
    with torch.no_grad():
        module(torch.zeros(1, 3, 64, 64))
    assert cost(network).activation_bytes == 4 * sum(written)
