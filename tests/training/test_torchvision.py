"""Networks against torchvision's modules of them: the same logits, names and sizes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torchvision import models
from torchvision.models.regnet import BlockParams

from explorer.arch import architecture, cost
from explorer.arch.families.inverted_residual import inverted_residual
from explorer.arch.families.regnet import regnet
from explorer.arch.families.residual import residual
from explorer.arch.families.shuffle import shuffle
from explorer.training.network import build


def copy_in_order(source, target):
    """Weights of one network into another that has the same weight layers in the same order."""
    theirs, ours = source.state_dict(), target.state_dict()
    assert [v.shape for v in theirs.values()] == [v.shape for v in ours.values()]
    target.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("squeezenet_v1_0", models.squeezenet1_0),
        ("squeezenet_v1_1", models.squeezenet1_1),
        ("mobilenet_v2", models.mobilenet_v2),
        ("resnet18", models.resnet18),
        ("resnet34", models.resnet34),
        ("resnet50", models.resnet50),
        ("shufflenet_v2_x0_5", models.shufflenet_v2_x0_5),
        ("shufflenet_v2_x1_0", models.shufflenet_v2_x1_0),
        ("regnet_x_400mf", models.regnet_x_400mf),
        ("regnet_y_400mf", models.regnet_y_400mf),
    ],
)
def test_logits_equal_torchvision(name, theirs):
    torch.manual_seed(0)
    source, target = theirs(weights=None), build(architecture(name, (3, 224, 224))).eval()
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        source.train()(images.flip(0))  # batch norm's running statistics: no longer 0 and 1
        for norm in (module for module in source.modules() if isinstance(module, nn.BatchNorm2d)):
            norm.momentum = 1.0
        source(images.flip(2))
    copy_in_order(source, target)
    with torch.no_grad():
        expected, found = source.eval()(images), target(images)
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mobilenet_v2", models.mobilenet_v2),
        ("resnet50", models.resnet50),
        ("shufflenet_v2_x1_0", models.shufflenet_v2_x1_0),
        ("regnet_y_400mf", models.regnet_y_400mf),
    ],
)
def test_weights_have_torchvisions_names(name, theirs):
    source, target = theirs(weights=None).state_dict(), build(architecture(name, (3, 224, 224))).state_dict()
    assert list(target) == [key.replace("-", "_") for key in source]  # a layer's name has no hyphen


@pytest.mark.slow
def test_other_sizes_of_the_families_are_torchvisions():
    """Layer by layer, in order: the shapes of all tensors."""
    pairs = [
        (inverted_residual((3, 224, 224), 1000, width=0.35), models.mobilenet_v2(width_mult=0.35)),
        (inverted_residual((3, 224, 224), 1000, width=1.4), models.mobilenet_v2(width_mult=1.4)),
        (residual((3, 224, 224), 1000, stages="3-4-23-3", block="bottleneck"), models.resnet101()),
        (shuffle((3, 224, 224), 1000, width=176), models.shufflenet_v2_x1_5()),
        (shuffle((3, 224, 224), 1000, width=244, head=2048), models.shufflenet_v2_x2_0()),
        (regnet((3, 224, 224), 1000, depth=16, w_0=56, w_a=35.73, w_m=2.28), models.regnet_x_800mf()),
        (
            regnet((3, 224, 224), 1000, depth=27, w_0=48, w_a=20.71, w_m=2.65, group_width=24, se_ratio=0.25),
            models.regnet_y_1_6gf(),
        ),
    ]
    for network, theirs in pairs:
        shapes = [tuple(value.shape) for value in theirs.state_dict().values()]
        assert [tuple(value.shape) for value in build(network).state_dict().values()] == shapes


@given(
    st.integers(1, 30), st.integers(1, 12), st.floats(0, 40), st.floats(1.1, 4), st.sampled_from([1, 4, 8, 16, 24, 40])
)
def test_widths_of_any_regnet_are_torchvisions(depth, w_0, w_a, w_m, group_width):
    theirs = BlockParams.from_init_params(depth, 8 * w_0, w_a, w_m, group_width)
    ours = regnet((3, 224, 224), 10, depth=depth, w_0=8 * w_0, w_a=w_a, w_m=w_m, group_width=group_width)
    widths = [row.output_shape[0] for row in cost(ours).layers if row.name.endswith("f.c.0")]
    assert widths == [width for width, depth in zip(theirs.widths, theirs.depths, strict=True) for _ in range(depth)]
