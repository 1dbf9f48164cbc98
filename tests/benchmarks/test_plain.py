"""The plain twin of a network, of torch's own modules, that benchmarks hold it against."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.plain import twin
from explorer.arch.families.fire import fire
from explorer.training.network import build
from tests.support.fire_points import fire_points


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(point=fire_points, batch=st.integers(1, 5), seed=st.integers(0, 99))
def test_training_equals_that_of_torchs_own_modules(point, batch, seed):
    """Products for 1x1 convolutions of few pixels, maxima before a ReLU: the same outputs and gradients."""
    described = fire((3, 16, 16), 10, **point)
    network = build(described).double()
    plain = twin(network, described).double()
    torch.manual_seed(seed)
    images = torch.randn(batch, 3, 16, 16, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    assert torch.equal(network.eval()(images), plain.eval()(images))
    torch.testing.assert_close(network.train()(images), plain.train()(images))
    for one in (network, plain):
        one(images).square().sum().backward()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
