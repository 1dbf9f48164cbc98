"""The networks SqueezeNet is compared with: their published counts, and their form for small images."""

import pytest

from explorer.arch import Architecture, ArchitectureError, architecture, cost
from explorer.arch import layers as L
from explorer.arch.families.alexnet import alexnet
from explorer.arch.families.inverted_residual import inverted_residual
from explorer.arch.families.nin import nin
from explorer.arch.families.regnet import regnet
from explorer.arch.families.residual import residual
from explorer.arch.families.shuffle import shuffle
from explorer.arch.families.squeezenext import squeezenext
from explorer.arch.families.vgg import vgg


def rows(network):
    return {row.name: row for row in cost(network).layers}


def params(network):
    return {name: row.params for name, row in rows(network).items() if row.params}


@pytest.mark.parametrize(
    ("name", "side", "count"),
    [
        ("alexnet_caffe", 227, 60_965_224),  # bvlc_alexnet, the 240 MB of the paper's Table 2
        ("alexnet_caffe", 224, 60_965_224),
        ("alexnet_torchvision", 224, 61_100_840),
        ("alexnet_torchvision", 227, 61_100_840),
        ("vgg16", 224, 138_357_544),
        ("vgg16", 227, 138_357_544),
        ("nin_imagenet", 224, 7_595_176),  # 29.0 MiB, the size of the authors' file
        ("nin_imagenet", 227, 7_595_176),
        # torchvision's documented counts.
        ("mobilenet_v2", 224, 3_504_872),
        ("resnet18", 224, 11_689_512),
        ("resnet34", 224, 21_797_672),
        ("resnet50", 224, 25_557_032),
        ("shufflenet_v2_x0_5", 224, 1_366_792),
        ("shufflenet_v2_x1_0", 224, 2_278_604),
        ("regnet_x_400mf", 224, 5_495_976),
        ("regnet_y_400mf", 224, 4_344_144),
        # SqNxt-23's 0.72 M of arXiv:1803.10615; exactly those of the package pytorchcv, whose logits ours are too.
        ("squeezenext_23", 224, 724_056),
        ("squeezenext_23_x1_5", 224, 1_511_824),
        ("squeezenext_23_x2_0", 224, 2_583_752),
    ],
)
def test_published_params(name, side, count):
    network = architecture(name, (3, side, side))
    assert cost(network).params == count
    assert network.adapted == ()


# torchvision prints GFLOPs that are multiply-accumulates: AlexNet 0.71, VGG-16 15.47, MobileNetV2 0.301 and so on.
def test_the_reference_of_mlperf_tiny():
    network = architecture("resnet8", (3, 32, 32), 10)
    assert cost(network).macs == 12_501_632  # 12.5 million by its authors
    assert network.adapted == ()
    weighted = [row for row in cost(network).layers if row.macs]
    assert [row.output_shape[1] for row in weighted] == [32, 32, 32, 16, 16, 16, 8, 8, 8, 1]
    with pytest.raises(ArchitectureError, match="stem is 'vgg', expected one of imagenet, cifar"):
        residual((3, 32, 32), 10, stem="vgg")


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("alexnet_torchvision", 714_188_480),
        ("vgg16", 15_470_264_320),
        ("mobilenet_v2", 300_774_272),
        ("resnet18", 1_814_073_344),
        ("resnet50", 4_089_184_256),
        ("shufflenet_v2_x1_0", 144_907_992),
        ("regnet_x_400mf", 413_812_608),
        ("regnet_y_400mf", 401_842_848),
    ],
)
def test_published_macs(name, macs):
    assert cost(architecture(name, (3, 224, 224))).macs == macs


# torchvision's documented counts.
@pytest.mark.parametrize(("depth", "count"), [(11, 132_863_336), (13, 133_047_848), (19, 143_667_240)])
def test_other_depths_of_vgg(depth, count):
    assert cost(vgg((3, 224, 224), 1000, depth=depth)).params == count


def test_vgg16_with_batch_norm():
    assert cost(vgg((3, 224, 224), 1000, batch_norm=True)).params == 138_365_992


def test_alexnet_layer_by_layer():
    assert params(architecture("alexnet_caffe")) == {
        "conv1": 34_944,
        "conv2": 307_456,
        "conv3": 885_120,
        "conv4": 663_936,
        "conv5": 442_624,
        "fc6": 37_752_832,
        "fc7": 16_781_312,
        "fc8": 4_097_000,
    }
    shapes = {name: row.output_shape for name, row in rows(architecture("alexnet_caffe")).items() if "pool" in name}
    assert shapes == {"pool1": (96, 27, 27), "pool2": (256, 13, 13), "pool5": (256, 6, 6)}
    assert rows(architecture("alexnet_caffe"))["conv1"].output_shape == (96, 55, 55)


def test_nin_layer_by_layer():
    counted = params(architecture("nin_imagenet", (3, 224, 224)))
    assert counted["conv1"] == 34_944
    assert counted["cccp1"] == counted["cccp2"] == 9_312
    assert counted["conv2"] == 614_656
    assert counted["cccp3"] == counted["cccp4"] == 65_792
    assert counted["conv3"] == 885_120
    assert counted["cccp5"] == counted["cccp6"] == 147_840
    assert (counted["conv4"], counted["cccp7"], counted["cccp8"]) == (3_539_968, 1_049_600, 1_025_000)
    pools = [
        row.output_shape[1:]
        for name, row in rows(architecture("nin_imagenet", (3, 224, 224))).items()
        if "pool" in name
    ]
    assert pools == [(27, 27), (13, 13), (6, 6), (1, 1)]


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def test_alexnet_variants_differ_in_order_of_dropout_and_normalisation():
    caffe, torchvision = kinds(architecture("alexnet_caffe")), kinds(architecture("alexnet_torchvision"))
    assert caffe[:4] == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    assert caffe[-7:] == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert "LocalResponseNorm" not in torchvision
    assert torchvision[-7:] == ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("family", [alexnet, vgg, nin])
@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 7, 8, 15, 28, 32, 63, 64, 127, 128, 300])
def test_every_side_has_a_form(family, side):
    network = family((2, side, side), 7)
    counted = cost(network)
    assert counted.output_shape == (7, 1, 1)
    # The rule: no pool leaves less than 2x2, and what was changed is said.
    assert all(min(row.output_shape[1:]) >= 2 for row in counted.layers if row.type == "MaxPool2d")
    assert bool(network.adapted) == (
        side < 128 or (side == 300 and family is not nin) or (side == 128 and family is not nin)
    )
    # Filters are never touched.
    filters = [layer.out_channels for layer in network.layers if isinstance(layer, L.Conv2d)]
    assert filters == [layer.out_channels for layer in family((2, 224, 224), 7).layers if isinstance(layer, L.Conv2d)]


@pytest.mark.parametrize("family", [inverted_residual, residual, regnet, shuffle, squeezenext])
@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 7, 8, 15, 28, 32, 63, 64, 127, 128, 300])
def test_every_side_has_a_form_that_can_be_trained(family, side):
    network, full = family((2, side, side), 7), family((2, 224, 224), 7)
    counted = cost(network)
    assert counted.output_shape == (7, 1, 1)
    # A stem that is 3x3/2 already stays as it is from 64 px on.
    assert bool(network.adapted) == (side < (128 if family in (residual, squeezenext) else 64))
    # No layer leaves less than 2x2 of the map (batch norm over a single number per image learns nothing).
    normed = [row for row in counted.layers if row.type == "BatchNorm2d"]
    assert all(min(row.output_shape[1:]) >= min(2, side) for row in normed)
    # Filters are never touched: but for the stem's kernel, parameters are those of the whole network. (No projection
    # where the stride that it was for is given up, and the identity fits.)
    of, wanted = params(network), params(full)
    first = next(iter(of))
    assert {name: count for name, count in of.items() if name != first} == {
        name: count for name, count in wanted.items() if name != first and (name in of or "proj" not in name)
    }


@pytest.mark.parametrize("family", [inverted_residual, residual, regnet, shuffle, squeezenext])
def test_strides_are_given_up_only_where_the_map_would_vanish(family):
    sides = {}
    for side in (8, 28, 32, 64, 128):
        rows_ = cost(family((3, side, side), 10)).layers
        sides[side] = min(row.output_shape[1] for row in rows_ if row.type == "BatchNorm2d")
    assert sides == {8: 2, 28: 2, 32: 2, 64: 2, 128: 4}


def test_resnet_on_digits_says_what_was_adapted():
    assert architecture("resnet18", (1, 8, 8), 10).adapted == (
        "conv1 is 3x3/1 instead of 7x7/2, the input being below 64 px",
        "layer3 has stride 1 instead of 2, the map being 2x2 there",
        "layer4 has stride 1 instead of 2, the map being 2x2 there",
    )


def out_channels(network, *ends):
    return [row.output_shape[0] for row in cost(network).layers if row.name.endswith(ends) and row.type == "Conv2d"]


def test_metaparameters_of_the_residual_family():
    basic = residual((1, 32, 32), 10, base_width=10, growth=1.5, depth=5, freq=2)
    assert out_channels(basic, "conv2") == [10, 10, 15, 15, 23]
    assert out_channels(residual((1, 32, 32), 10, base_width=10, stages="1-2", block="bottleneck"), "conv3") == [
        40,
        80,
        80,
    ]
    flat = residual((1, 32, 32), 10, base_width=8, growth=1, depth=4, freq=2)
    assert [row.output_shape for row in cost(flat).layers if row.name.endswith("conv2")][-1] == (8, 8, 8)


def test_metaparameters_of_the_inverted_residual_family():
    thin = inverted_residual((3, 32, 32), 10, width=0.5, depth=0.5, expand_ratio=3, head=96)
    heads = [row.output_shape[0] for row in cost(thin).layers if row.type == "Conv2d" and row.params == row.macs]
    assert heads == []  # no map is down to one pixel
    assert [row.output_shape[0] for row in cost(thin).layers if row.name.endswith("conv.2")][1:] == [
        16, 16, 16, 32, 32, 48, 48, 80, 80, 160,
    ]  # fmt: skip
    assert rows(thin)["classifier.1"].input_shape == (96, 1, 1)
    late = inverted_residual((3, 32, 32), 10, strides="1-1-1-2-1-2-2")
    assert cost(late).params == cost(inverted_residual((3, 32, 32), 10)).params
    assert cost(late).macs > cost(inverted_residual((3, 32, 32), 10)).macs


def test_metaparameters_of_the_squeezenext_family():
    thin = squeezenext((3, 32, 32), 10, width=0.5, depth=0.5, shift=0.5, squeeze_ratio=0.25)
    assert out_channels(thin, "expand") == [16] * 1 + [32] * 1 + [64] * 8 + [128]  # 3, 3, 4, 1; half up: 2 and 2 moved
    assert out_channels(thin, "squeeze1", "squeeze2", "1x3", "3x1")[:4] == [4, 1, 4, 4]
    assert out_channels(thin, "conv1", "conv_last") == [32, 64]
    v5 = squeezenext((3, 224, 224), 1000, stages="2-4-14-1")
    assert out_channels(v5, "expand") == [32] * 2 + [64] * 4 + [128] * 14 + [256]
    assert cost(v5).params == 921_816  # pytorchcv's sqnxt23v5_w1
    # A 1x3 kernel reads three pixels of a row, with as many weights as a 3x1.
    row = rows(v5)["stage1.0.conv1x3"]
    assert (row.input_shape, row.output_shape, row.params) == ((8, 55, 55), (16, 55, 55), 8 * 16 * 3 + 16)
    assert row.macs == 8 * 16 * 3 * 55 * 55


def test_widths_of_regnet_400mf_are_the_papers():
    # Figures 16 and 17 of arXiv:2003.13678: widths and depths of the four stages.
    assert out_channels(architecture("regnet_x_400mf"), "f.c.0") == [32, *[64] * 2, *[160] * 7, *[400] * 12]
    assert out_channels(architecture("regnet_y_400mf"), "f.c.0") == [48, *[104] * 3, *[208] * 6, *[440] * 6]


def test_squeeze_and_excitation_is_what_y_adds():
    plain = params(regnet((3, 32, 32), 10, depth=3, w_0=16))
    excited = params(regnet((3, 32, 32), 10, depth=3, w_0=16, se_ratio=0.25))
    extra = {name: count for name, count in excited.items() if name not in plain}
    assert {name: excited[name] for name in plain} == plain
    # Block 1 reads the 32 channels of the stem: 8 filters squeeze.
    assert extra["trunk_output.block1.block1_0.f.se.fc1"] == 16 * 8 + 8
    assert extra["trunk_output.block1.block1_0.f.se.fc2"] == 8 * 16 + 16
    assert all(".se.fc" in name for name in extra)


def test_alexnet_on_digits_says_what_was_adapted():
    assert architecture("alexnet_caffe", (1, 8, 8), 10).adapted == (
        "conv1 is 3x3/1 instead of 11x11/4, the input being below 64 px",
        "no pool5, the map being 2x2 there",
        "fully connected layers read a map of 2x2 instead of 6x6",
    )


def test_larger_images_are_averaged_down_as_torchvision_does():
    network = architecture("alexnet_torchvision", (3, 300, 300))
    assert L.AdaptiveAvgPool2d("avgpool", 6) in network.layers
    assert cost(network).params == 61_100_840
    assert network.adapted == ("the last map is averaged from 8x8 to 6x6",)


def test_final_relu_of_nin_is_an_option():
    assert cost(nin((1, 8, 8), 10, final_relu=False)).params == cost(nin((1, 8, 8), 10)).params
    assert nin((1, 8, 8), 10, final_relu=False).identity != nin((1, 8, 8), 10).identity
    assert architecture("nin_imagenet", options={"final_relu": False}) == nin((3, 227, 227), 1000, final_relu=False)


def test_options_that_a_family_lacks_are_ignored():
    assert architecture("vgg16", options={"final_relu": False}) == architecture("vgg16")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: alexnet((3, 8, 8), 10, variant="keras"), "variant is 'keras', expected one of caffe, torchvision"),
        (lambda: alexnet((3, 8, 8), 0), "classes and fc are 0 and 4096, expected at least 1"),
        (lambda: vgg((3, 8, 8), 10, depth=17), "depth is 17, expected one of 11, 13, 16, 19"),
        (lambda: vgg((3, 8, 8), 10, fc=0), "classes and fc are 10 and 0"),
        (lambda: nin((3, 8, 8), 0), "classes is 0"),
        (lambda: inverted_residual((3, 8, 8), 10, width=0), "width is 0, expected above 0"),
        (lambda: inverted_residual((3, 8, 8), 10, expand_ratio=0.5), "expand_ratio is 0.5, expected from 1 to 64"),
        (lambda: inverted_residual((3, 8, 8), 10, strides="1-2"), "strides is '1-2', expected seven of 1 and 2"),
        (lambda: inverted_residual((3, 8, 8), 10, strides="1-2-2-2-1-2-3"), "strides is '1-2-2-2-1-2-3'"),
        (lambda: residual((3, 8, 8), 10, block="wide"), "block is 'wide', expected one of basic, bottleneck"),
        (lambda: residual((3, 8, 8), 10, stages="3-x"), "stages is '3-x', expected numbers of blocks"),
        (lambda: residual((3, 8, 8), 10, growth=0.5), "growth is 0.5, expected from 1 to 16"),
        (lambda: residual((3, 8, 8), 10, depth=99, freq=1), "depth is 99, expected at most 32 stages"),
        (lambda: regnet((3, 8, 8), 10, w_0=20), "w_0 is 20, expected a multiple of 8"),
        (lambda: regnet((3, 8, 8), 10, w_m=1.0), "w_m is 1.0, expected above 1"),
        (lambda: shuffle((3, 8, 8), 10, width=1), "width is 1, expected at least 2"),
        (lambda: squeezenext((3, 8, 8), 10, width=0), "width is 0, expected above 0"),
        (lambda: squeezenext((3, 8, 8), 10, shift=1.5), "shift is 1.5, expected within"),
        (lambda: squeezenext((3, 8, 8), 10, squeeze_ratio=0), "squeeze_ratio is 0, expected within"),
        (lambda: squeezenext((3, 8, 8), 10, stages="6-6-8"), "stages is '6-6-8', expected four numbers of blocks"),
    ],
)
def test_metaparameters_outside_their_range(build, message):
    with pytest.raises(ArchitectureError, match=message):
        build()


def test_json_carries_decimal_numbers_exactly():
    network = architecture("alexnet_caffe", (1, 8, 8), 10)
    assert Architecture.from_json(network.to_json()) == network
    for value in ("0", "-0.0001", "1", '"1e-4"', "NaN", "Infinity", "true"):
        with pytest.raises(ArchitectureError, match=r"\.alpha is .*, expected a decimal number above 0"):
            Architecture.from_json(network.to_json().replace("0.0001", value, 1))
