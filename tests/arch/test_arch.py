"""Networks as data: the paper's printed numbers (arXiv:1602.07360v4), identity, JSON, networks that cannot exist."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from explorer.arch import Architecture, ArchitectureError, architecture, blocks, cost
from explorer.arch import layers as L
from explorer.arch.families import families, metaparameters, named
from explorer.arch.families.fire import fire
from tests.support.fire_points import fire_points

# Table 1 on page 6: output as height x width x channels, "#parameters before pruning". Its input is printed as
# 224x224x3, but the 111 px after a 7x7/2 convolution without padding need 227 (224 gives 109). maxpool8 is printed as
# 13x12x512; 13x13 is what the next rows go on with.
TABLE_1 = {
    "conv1": ("111x111x96", 14_208),
    "maxpool1": ("55x55x96", 0),
    "fire2": ("55x55x128", 11_920),
    "fire3": ("55x55x128", 12_432),
    "fire4": ("55x55x256", 45_344),
    "maxpool4": ("27x27x256", 0),
    "fire5": ("27x27x256", 49_440),
    "fire6": ("27x27x384", 104_880),
    "fire7": ("27x27x384", 111_024),
    "fire8": ("27x27x512", 188_992),
    "maxpool8": ("13x13x512", 0),
    "fire9": ("13x13x512", 197_184),
    "conv10": ("13x13x1000", 513_000),
    "avgpool10": ("1x1x1000", 0),
}
# Figure 3: the sizes the printed MB stand for, counted with every bias (4.8 MB is 4.762 MiB, rounded up).
FIGURE_3A = {0.125: 1_248_424, 0.25: 1_967_080, 0.5: 3_404_392, 0.75: 4_841_704, 1.0: 6_279_016}
# The 1 % and 99 % points need a rounding, which the paper does not state: ours is half up.
FIGURE_3B = {
    0.01: 1_478_248,
    0.125: 1_929_832,
    0.25: 2_421_352,
    0.375: 2_912_872,
    0.5: 3_404_392,
    0.625: 3_895_912,
    0.75: 4_387_432,
    0.875: 4_878_952,
    0.99: 5_330_536,
}

# Of every published network on 32x32x3 with 10 classes.
IDENTITIES = {
    "alexnet_caffe": "c3401543ab657eed",
    "alexnet_torchvision": "33eed66233b0aac5",
    "squeezenet_v1_0": "c69f82b395cbaedf",
    "squeezenet_v1_0_simple_bypass": "e061534777ea73c4",
    "squeezenet_v1_0_complex_bypass": "0779aa2e3d409194",
    "squeezenet_v1_1": "b43831b000dec494",
    "squeezenext_23": "4ea3d672d50c5389",
    "squeezenext_23_x1_5": "92be171535f9929a",
    "squeezenext_23_x2_0": "a39b3da520d51d9d",
    "mobilenet_v2": "4e3e48016330af40",
    "nin_imagenet": "d967bd82b5ff0698",
    "regnet_x_400mf": "d8b9809909ec0c62",
    "regnet_y_400mf": "32718c7b0b4a694a",
    "resnet18": "55a70386c2d4a209",
    "resnet34": "ea3116be83a78e49",
    "resnet50": "f4832d2f9696c903",
    "resnet8": "968a991eb76da33f",
    "shufflenet_v2_x0_5": "33777e859241b0a5",
    "shufflenet_v2_x1_0": "d0270ff0e2e3b7b6",
    "vgg16": "538f708f4d595f08",
}


def by_module(network):
    """{'fire2': (last output, params of all its layers)}."""
    rows = {}
    for row in cost(network).layers:
        module = row.name.split(".")[0]
        channels, height, width = row.output_shape
        rows[module] = (f"{height}x{width}x{channels}", rows.get(module, ("", 0))[1] + row.params)
    return rows


def extents(network):
    """Side of the map after each convolution and pool outside the Fire modules."""
    return {row.name: row.output_shape[1] for row in cost(network).layers if "pool" in row.name or row.name == "conv1"}


def weights(network):
    return {row.name: row.params for row in cost(network).layers if row.params}


@pytest.mark.parametrize("module", TABLE_1)
def test_table_1(module):
    output, params = TABLE_1[module]
    rows = by_module(architecture("squeezenet_v1_0"))
    if module.startswith("fire"):  # the last leaf of a module is one of its two expands: compare the concatenation
        expands = [r for r in cost(architecture("squeezenet_v1_0")).layers if r.name.startswith(f"{module}.expand")]
        channels = sum(row.output_shape[0] for row in expands)
        assert f"{expands[0].output_shape[1]}x{expands[0].output_shape[2]}x{channels}" == output
        assert rows[module][1] == params
    else:
        assert rows[module] == (output, params)


def test_table_1_is_whole():
    canonical = cost(architecture("squeezenet_v1_0"))
    assert canonical.params == sum(params for _, params in TABLE_1.values()) == 1_248_424
    assert canonical.bytes == 4_993_696
    assert canonical.statistics_bytes == 0
    assert canonical.output_shape == (1000, 1, 1)
    biases = sum(r.output_shape[0] for r in canonical.layers if r.type == "Conv2d")
    assert (canonical.params - biases, biases) == (1_244_448, 3_976)


def test_table_1_filters_of_the_fire_modules():
    out = {row.name: row.output_shape[0] for row in cost(architecture("squeezenet_v1_0")).layers}
    printed = {2: (16, 64, 64), 3: (16, 64, 64), 4: (32, 128, 128), 5: (32, 128, 128), 6: (48, 192, 192)}
    printed |= {7: (48, 192, 192), 8: (64, 256, 256), 9: (64, 256, 256)}
    for i, counts in printed.items():
        assert tuple(out[f"fire{i}.{name}"] for name in ("squeeze", "expand1x1", "expand3x3")) == counts


@pytest.mark.parametrize(("squeeze_ratio", "params"), FIGURE_3A.items())
def test_figure_3a(squeeze_ratio, params):
    assert cost(fire((3, 227, 227), 1000, squeeze_ratio=squeeze_ratio)).params == params


@pytest.mark.parametrize(("pct_3x3", "params"), FIGURE_3B.items())
def test_figure_3b(pct_3x3, params):
    assert cost(fire((3, 227, 227), 1000, squeeze_ratio=0.5, pct_3x3=pct_3x3)).params == params


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("squeezenet_v1_0", 1_248_424),
        ("squeezenet_v1_0_simple_bypass", 1_248_424),
        # Table 3 prints 7.7 MB for complex bypass; Figure 2's four 1x1 convolutions make it 6.06 MiB.
        ("squeezenet_v1_0_complex_bypass", 1_589_672),
        ("squeezenet_v1_1", 1_235_496),
    ],
)
@pytest.mark.parametrize("side", [224, 227])
def test_params_of_published_networks(name, params, side):
    assert cost(architecture(name, (3, side, side))).params == params


@pytest.mark.parametrize(
    ("name", "side", "conv10_padding", "macs"),
    [
        ("squeezenet_v1_0", 227, 1, 861_339_936),  # twice this is the authors' "1.72 GFLOPS"
        ("squeezenet_v1_0", 227, 0, 832_667_936),
        ("squeezenet_v1_0", 224, 0, 818_924_576),
        ("squeezenet_v1_1", 224, 0, 349_151_936),
        ("squeezenet_v1_1", 227, 0, 387_747_520),
    ],
)
def test_macs(name, side, conv10_padding, macs):
    assert cost(architecture(name, (3, side, side), options={"conv10_padding": conv10_padding})).macs == macs


def test_conv10_padding_widens_the_map_alone():
    padded = architecture("squeezenet_v1_0", options={"conv10_padding": 1})
    assert by_module(padded)["conv10"] == ("15x15x1000", 513_000)


def test_224_px_gives_109_after_conv1():
    assert by_module(architecture("squeezenet_v1_0", (3, 224, 224)))["conv1"][0] == "109x109x96"


@pytest.mark.parametrize(
    ("shape", "sides", "notes"),
    [
        ((3, 227, 227), {"conv1": 111, "maxpool1": 55, "maxpool4": 27, "maxpool8": 13, "avgpool10": 1}, 0),
        ((3, 64, 64), {"conv1": 32, "maxpool1": 16, "maxpool4": 8, "maxpool8": 4, "avgpool10": 1}, 1),
        ((3, 32, 32), {"conv1": 32, "maxpool1": 16, "maxpool4": 8, "maxpool8": 4, "avgpool10": 1}, 1),
        ((1, 28, 28), {"conv1": 28, "maxpool1": 14, "maxpool4": 7, "maxpool8": 3, "avgpool10": 1}, 1),
        ((1, 8, 8), {"conv1": 8, "maxpool1": 4, "maxpool4": 2, "avgpool10": 1}, 2),
    ],
)
def test_rule_for_small_images(shape, sides, notes):
    network = architecture("squeezenet_v1_0", shape, 10)
    assert extents(network) == sides
    assert len(network.adapted) == notes
    # The Fire stack is left alone.
    full = weights(architecture("squeezenet_v1_0", classes=10))
    assert {k: v for k, v in weights(network).items() if k != "conv1"} == {
        k: v for k, v in full.items() if k != "conv1"
    }


def test_canonical_on_digits():
    digits = architecture("squeezenet_v1_0", (1, 8, 8), 10)
    assert cost(digits).params == 727_306
    assert weights(digits)["conv1"] == 96 * 9 + 96
    assert digits.adapted == (
        "conv1 is 3x3/1 instead of 7x7/2, the input being below 64 px",
        "no maxpool8, the map being 2x2 there",
    )


def bypasses(network):
    """{'fire3': 'identity'}: what runs around each Fire module."""
    around = {}
    for _, layer in L.walk(network.tree):
        match layer:
            case L.Add(branches=(L.Sequential(name=module), L.Sequential(layers=()))):
                around[module] = "identity"
            case L.Add(branches=(L.Sequential(name=module), L.Conv2d(kernel_size=1, out_channels=channels))):
                around[module] = channels
    return around


def test_simple_bypass_runs_around_3_5_7_9():
    network = architecture("squeezenet_v1_0_simple_bypass")
    assert bypasses(network) == dict.fromkeys(["fire3", "fire5", "fire7", "fire9"], "identity")


def test_complex_bypass_adds_convolutions_around_2_4_6_8():
    network = architecture("squeezenet_v1_0_complex_bypass")
    identities = dict.fromkeys(["fire3", "fire5", "fire7", "fire9"], "identity")
    assert bypasses(network) == identities | {"fire2": 128, "fire4": 256, "fire6": 384, "fire8": 512}
    extra = {name: params for name, params in weights(network).items() if "bypass" in name}
    assert extra == {"bypass2": 12_416, "bypass4": 33_024, "bypass6": 98_688, "bypass8": 197_120}


@pytest.mark.parametrize(
    ("downsampling", "sides"),
    [
        (0.0, {"maxpool1": 55, "maxpool1b": 27, "maxpool1c": 13}),
        (0.25, {"maxpool1": 55, "maxpool3": 27, "maxpool5": 13}),
        (0.4375, {"maxpool1": 55, "maxpool4": 27, "maxpool8": 13}),
        (0.5, {"maxpool1": 55, "maxpool5": 27, "maxpool9": 13}),
    ],
)
def test_downsampling_moves_the_pools_and_nothing_else(downsampling, sides):
    network = fire((3, 227, 227), 1000, downsampling=downsampling)
    assert {name: side for name, side in extents(network).items() if name.startswith("maxpool")} == sides
    assert cost(network).params == 1_248_424


def test_later_downsampling_costs_more_macs():
    macs = [cost(fire((3, 227, 227), 1000, downsampling=d)).macs for d in (0.0, 0.25, 0.4375, 0.5)]
    assert macs == sorted(set(macs))


@pytest.mark.parametrize(("count", "whole"), [(0.0, 1), (0.4, 1), (0.5, 1), (1.49, 1), (1.5, 2), (2.5, 3), (7, 7)])
def test_filters_round_half_up_and_never_vanish(count, whole):
    assert blocks.whole(count) == whole


def test_batch_norm_counts_statistics_apart():
    plain, normed = cost(fire((1, 8, 8), 10)), cost(fire((1, 8, 8), 10, batch_norm=True))
    channels = sum(row.output_shape[0] for row in normed.layers if row.type == "BatchNorm2d")
    assert normed.params - plain.params == 2 * channels
    assert normed.statistics_bytes == 4 * 2 * channels


# Identity -------------------------------------------------------------------------------------------------------------


def test_metaparameters_that_build_the_same_network_share_an_identity():
    # With as many modules as `freq`, the increment is never added.
    assert fire((1, 8, 8), 10, freq=8, incr_e=0).identity == fire((1, 8, 8), 10, freq=9, incr_e=64).identity
    # Rounding: 0.1249 * 128 filters are 16 again.
    assert fire((1, 8, 8), 10, squeeze_ratio=0.1249).identity == fire((1, 8, 8), 10).identity
    # On an input that needs no 7x7 stem, its size has no part in the network.
    assert fire((1, 8, 8), 10, stem_kernel=3).identity == fire((1, 8, 8), 10, stem_kernel=7).identity


@given(fire_points, fire_points)
def test_identity_is_equal_exactly_when_the_layers_are(a, b):
    one, two = fire((1, 16, 16), 7, **a), fire((1, 16, 16), 7, **b)
    assert (one.identity == two.identity) == (anonymous(one.tree) == anonymous(two.tree))


@given(fire_points, st.sampled_from(["base_e", "stem", "modules", "batch_norm", "final_relu"]))
def test_another_network_has_another_identity(point, name):
    changed = point | {name: not point[name] if isinstance(point[name], bool) else point[name] + 1}
    one, two = fire((1, 16, 16), 7, **point), fire((1, 16, 16), 7, **changed)
    assume(weights(one) != weights(two) or name == "final_relu")
    assert one.identity != two.identity


@given(fire_points)
def test_names_and_needless_nesting_do_not_count(point):
    network = fire((1, 16, 16), 7, **point)
    assert Architecture(network.input_shape, (rename(network.tree),), ("a note",)).identity == network.identity


def test_branches_side_by_side_are_the_same_however_grouped():
    a, b, c = (L.Conv2d(name, 2, 1) for name in "abc")
    flat = Architecture((1, 8, 8), (L.Concat("", (a, b, c)),))
    assert Architecture((1, 8, 8), (L.Concat("", (a, L.Concat("x", (b, c)))),)).identity == flat.identity
    assert Architecture((1, 8, 8), (L.Concat("", (L.Concat("", (a, b, c)),)),)).identity == flat.identity
    assert Architecture((1, 8, 8), (L.Concat("", (a, L.Add("x", (b, c)))),)).identity != flat.identity
    assert Architecture((1, 8, 8), (L.Concat("", (a, L.Sequential("x", (b, c)))),)).identity != flat.identity


def test_input_shape_and_classes_count():
    identities = {fire(shape, classes).identity for shape in [(1, 8, 8), (3, 8, 8), (1, 8, 9)] for classes in (10, 11)}
    assert len(identities) == 6


def test_identities_are_stable():
    """They are stored in studies: a change here makes every stored study unreadable."""
    assert architecture("squeezenet_v1_0").identity == "ca2aa9cb2fc5d028"
    assert architecture("squeezenet_v1_1").identity == "f4bb199b65cbc686"
    assert architecture("squeezenet_v1_0", (1, 8, 8), 10).identity == "218bd26755ecc127"
    assert {name: architecture(name, (3, 32, 32), 10).identity for name in named()} == IDENTITIES


def anonymous(layer):
    """The tree with every name removed and every nameless Sequential dissolved."""
    if isinstance(layer, L.Sequential):
        parts = [anonymous(child) for child in layer.layers]
        flat = [
            leaf for part in parts for leaf in (part if isinstance(part, tuple) and part[:1] != ("|",) else (part,))
        ]
        return tuple(flat)
    if isinstance(layer, L.Concat | L.Add):
        return ("|", type(layer).__name__, *(anonymous(branch) for branch in layer.branches))
    return replace(layer, name="")


def rename(layer):
    """Other names, and one more Sequential around everything."""
    name = f"x{layer.name}"
    match layer:
        case L.Sequential():
            return L.Sequential("wrap", (L.Sequential(name, tuple(rename(child) for child in layer.layers)),))
        case L.Concat() | L.Add():
            return replace(layer, name=name, branches=tuple(rename(branch) for branch in layer.branches))
    return replace(layer, name=name)


# JSON -----------------------------------------------------------------------------------------------------------------


@given(fire_points)
def test_json_there_and_back(point):
    network = fire((1, 16, 16), 7, **point)
    again = Architecture.from_json(network.to_json())
    assert again == network
    assert again.identity == network.identity
    assert again.to_json() == network.to_json()


def small(**changes):
    """The JSON of a small network, keys changed, dropped where the change is `...`."""
    data = json.loads(fire((1, 8, 8), 10, modules=1).to_json()) | changes
    return json.dumps({key: value for key, value in data.items() if value is not ...})


def conv(**changes):
    """The JSON of a network whose one layer is changed; `...` drops a key."""
    node = {"type": "Conv2d", "name": "c", "out_channels": 4, "kernel_size": 3, "stride": 1, "padding": 0, "groups": 1}
    node |= {"bias": True} | changes
    return small(layers=[{key: value for key, value in node.items() if value is not ...}])


def nested(depth):
    text = '{"type": "Sequential", "name": "", "layers": [' * depth + "]}" * depth
    return small(layers="HERE").replace('"HERE"', f"[{text}]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no architecture JSON"),
        ("{", "no architecture JSON"),
        ("[" * 100_000, "no architecture JSON"),
        ('{"format": ' + "9" * 5000 + "}", "no architecture JSON"),
        ("[]", "format is 'list'"),
        ("null", "format is 'NoneType'"),
        ('{"format": "onnx"}', "format is 'onnx'"),
        ('{"format": {"a": 1}}', "format is dict"),
        (small(input_shape=[1, 8]), r"input_shape is \[1, 8\]"),
        (small(input_shape=[1, 0, 8]), r"input_shape is \[1, 0, 8\]"),
        (small(input_shape=[True, 8, 8]), "input_shape is"),
        (small(input_shape=[1, 8, 10**30]), "input_shape is"),
        (small(input_shape="8x8"), "input_shape is '8x8'"),
        (small(adapted="a"), "adapted is not a list"),
        (small(adapted=["\x1b[2J"]), "adapted is not a list"),
        (small(layers=...), "layers is not a list"),
        (small(layers={}), "layers is not a list"),
        (small(layers=[7]), r"layers\[0\]: unknown layer type 7"),
        (small(layers=[{"type": "os.system", "name": ""}]), "unknown layer type 'os.system', expected one of Conv2d"),
        (small(layers=[{"type": ["Conv2d"]}]), "unknown layer type"),
        (small(layers=[{"type": "x" * 10_000}]), "unknown layer type 'xxx"),
        (nested(40), "nested deeper than 32"),
        (nested(200), "nested deeper than 32"),
        (conv(stride=...), r"layers\[0\]: Conv2d lacks 'stride'"),
        (conv(dilation=2), r"layers\[0\]: Conv2d has no 'dilation'"),
        (conv(stride=0), "Conv2d.stride is 0"),
        (conv(padding=-1), "Conv2d.padding is -1, expected a whole number from 0"),
        (conv(kernel_size=[3, 3]), "Conv2d.kernel_size is .3, 3., expected a whole number .*, or two different ones"),
        (conv(kernel_size=[1, 3, 3]), "Conv2d.kernel_size is"),
        (conv(kernel_size=[0, 3]), "Conv2d.kernel_size is"),
        (conv(padding=[1, -1]), "Conv2d.padding is"),
        (conv(stride=[1, 2]), "Conv2d.stride is"),
        (conv(out_channels=2.0), "Conv2d.out_channels is 2.0"),
        (conv(out_channels="4"), "Conv2d.out_channels is '4'"),
        (conv(out_channels=True), "Conv2d.out_channels is True"),
        (conv(out_channels=10**40), "Conv2d.out_channels is 1000"),
        (conv(bias=1), "Conv2d.bias is 1, expected true or false"),
        (conv(name="a.b"), "Conv2d.name is 'a.b', expected letters"),
        (conv(name=None), "Conv2d.name is None"),
        (conv(name=[[]]), "Conv2d.name is list"),
        (conv(), "identity is .*: the file was altered"),
        (small(identity="0" * 16), "identity is '0000000000000000', but the layers give"),
        (small(identity=...), "identity is None"),
    ],
)
def test_json_from_elsewhere_is_refused_in_one_line(text, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        Architecture.from_json(text)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 350


def numbers(node):
    """Every place in a JSON tree that holds a whole number, as (holder, key)."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if type(value) is int:
            yield node, key
        elif isinstance(value, dict | list):
            yield from numbers(value)


@given(st.data())
def test_any_altered_number_is_noticed(data):
    tree = json.loads(fire((1, 8, 8), 10, modules=2, base_e=4).to_json())
    holder, key = data.draw(st.sampled_from(list(numbers(tree))))
    holder[key] += data.draw(st.integers(1, 9))
    with pytest.raises(ArchitectureError, match="the file was altered"):
        Architecture.from_json(json.dumps(tree))


# Networks that cannot exist -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([L.Conv2d("stem", 4, 9)], "stem: a 9x9 kernel does not fit a map of 8 px; the map shrank below 1 px"),
        ([L.MaxPool2d("a", 2, 2), L.MaxPool2d("b", 5, 2)], "b: a 5x5 kernel does not fit a map of 4 px"),
        ([L.MaxPool2d("a", 2, 2, padding=2)], "a: padding 2 is more than half of kernel 2"),
        ([L.Conv2d("odd", 4, 1, groups=3)], "odd: 3 -> 4 channels in 3 groups"),
        ([L.Conv2d("odd", 4, 1, groups=2)], "odd: 3 -> 4 channels in 2 groups"),
        ([L.Linear("fc", 10)], r"fc: Linear needs a \(features, 1, 1\) map, got 8x8x3"),
        ([L.Concat("both", ())], "both: no branches"),
        ([L.Concat("both", (L.Conv2d("a", 1, 3), L.Conv2d("b", 1, 1)))], "both: branches put out 6x6x1, 8x8x1"),
        ([L.Add("sum", (L.Conv2d("a", 1, 1), L.Conv2d("b", 2, 1)))], "sum: branches put out 8x8x1, 8x8x2"),
        ([L.Multiply("scale", (L.Conv2d("a", 3, 1), L.Conv2d("b", 3, 3)))], "scale: branches put out 8x8x3, 6x6x3"),
        ([L.Multiply("scale", (L.Conv2d("a", 3, 1), L.Conv2d("b", 1, 8)))], "scale: branches put out 8x8x3, 1x1x1"),
        ([L.Chunk("half", 2, 0)], "half: 3 channels in 2 chunks, of which number 0 is wanted"),
        ([L.Chunk("third", 3, 3)], "third: 3 channels in 3 chunks, of which number 3 is wanted"),
        ([L.ChannelShuffle("deal", 2)], "deal: 3 channels in 2 groups"),
        ([L.Conv2d("", 4, 1)], "layers: a Conv2d without a name"),
        ([L.Sequential("a", (L.Conv2d("", 4, 1),))], "a: a Conv2d without a name"),
        ([L.Conv2d("a", 4, 1), L.ReLU("a")], "a: two layers of this name"),
    ],
)
def test_impossible_networks_name_the_layer(layers, message):
    with pytest.raises(ArchitectureError, match=message):
        cost(Architecture((3, 8, 8), tuple(layers)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_e", 0),
        ("incr_e", -1),
        ("freq", 0),
        ("pct_3x3", 1.01),
        ("pct_3x3", float("nan")),
        ("squeeze_ratio", 0),
        ("bypass", "double"),
        ("modules", 0),
        ("downsampling", 0.51),
        ("stem", 0),
        ("stem_kernel", 5),
    ],
)
def test_metaparameters_outside_their_range(name, value):
    with pytest.raises(ArchitectureError, match=f"^{name} is {value!r}, expected "):
        fire((1, 8, 8), 10, **{name: value})


def test_a_misspelt_network_gets_the_nearest_name():
    with pytest.raises(ArchitectureError, match=r"network is 'squeezenet_v10', .* \(did you mean squeezenet_v1_0\?\)"):
        architecture("squeezenet_v10")
    with pytest.raises(ArchitectureError, match=r"family is 'fier', .* \(did you mean fire\?\)"):
        metaparameters("fier")
    with pytest.raises(
        ArchitectureError, match=r"network is 'zzz', expected one of [a-z0-9_, ]*squeezenet_v1_0[a-z0-9_, ]*$"
    ):
        architecture("zzz")


@given(fire_points, st.integers(1, 40), st.integers(1, 40))
def test_every_point_exists_at_every_size_and_adds_up(point, height, width):
    counted = cost(fire((2, height, width), 5, **point))
    assert counted.output_shape == (5, 1, 1)
    assert counted.params == sum(row.params for row in counted.layers)
    assert all(min(row.output_shape) >= 1 for row in counted.layers)


@pytest.mark.parametrize("name", named())
def test_every_named_network_counts_at_every_size(name):
    family, parameters = named()[name]
    assert set(parameters) <= set(metaparameters(family))
    assert family in families()
    for shape in [(3, 227, 227), (3, 224, 224), (3, 64, 64), (3, 32, 32), (1, 28, 28), (1, 8, 8)]:
        network = architecture(name, shape, 10)
        assert cost(network).output_shape == (10, 1, 1)
        assert Architecture.from_json(network.to_json()) == network


def test_needs_the_standard_library_alone():
    root = Path(__file__).parents[2]
    code = f"""
import sys
sys.path.insert(0, {str(root)!r})
from explorer.arch import architecture, cost
print(cost(architecture("squeezenet_v1_0")).params)
"""
    # -I -S: no site-packages, no environment.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1248424\n", "")
