"""Random parts and other colours of a picture, against torchvision's on the same picture."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from explorer.data import DataError
from explorer.data.augmentation import part, recoloured
from explorer.data.module import generator
from explorer.data.preparation import Preparation


def ramp(height: int, width: int) -> np.ndarray:
    """Column, row and 0 of each pixel: it tells what part was seen."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, np.zeros_like(rows)]).astype(np.uint8)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.05, 1), st.sampled_from([(60, 90), (90, 60), (64, 64), (200, 20)]))
def test_a_part_is_of_that_share_and_those_proportions(seed: int, least: float, size: tuple[int, int]) -> None:
    height, width = size
    seen = part(ramp(*size), least, 64, generator(seed))
    assert seen.shape == (3, 64, 64)
    # The outermost pixels are means over about a pixel of the part.
    wide, high = (float(np.ptp(seen[channel].astype(int))) + 1 for channel in (0, 1))
    if size == (200, 20):  # nothing of 3:4 and half its area fits: what fits is in the centre
        assert wide <= width
        return
    assert wide * high / (width * height) > 0.8 * least - 0.02
    assert 0.8 * 3 / 4 < wide / high < 1.25 * 4 / 3


def test_a_part_is_what_torchvision_makes_of_it() -> None:
    from torchvision.transforms import functional as F

    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 50), dtype=np.uint8)
    chance = generator(5)
    uniform = [float(torch.rand((), generator=chance)) for _ in range(2)]
    area, ratio = 2000 * (0.5 + 0.5 * uniform[0]), math.exp((2 * uniform[1] - 1) * math.log(4 / 3))
    wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
    assert wide <= 50
    assert high <= 40
    left, top = (int(torch.randint(free + 1, (), generator=chance)) for free in (50 - wide, 40 - high))
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    theirs = F.pil_to_tensor(F.resized_crop(image, top, left, high, wide, [32, 32])).numpy()
    assert np.array_equal(part(pixels, 0.5, 32, generator(5)), theirs)


def test_colours_change_as_torchvision_changes_them() -> None:
    from torchvision.transforms import functional as F

    pixels = np.random.default_rng(0).integers(0, 256, (3, 20, 20), dtype=np.uint8)
    chance = generator(9)
    factors = [1 + 0.4 * (2 * float(torch.rand((), generator=chance)) - 1) for _ in range(3)]
    image = Image.fromarray(pixels.transpose(1, 2, 0))
    for change, factor in zip((F.adjust_brightness, F.adjust_contrast, F.adjust_saturation), factors, strict=True):
        image = change(image, factor)
    assert np.array_equal(recoloured(pixels, 0.4, generator(9)), F.pil_to_tensor(image).numpy())


@pytest.mark.parametrize(("key", "value"), [("zoom", 0.0), ("zoom", 1.5), ("jitter", 1.0), ("jitter", -0.1)])
def test_impossible_values_are_refused(key: str, value: float) -> None:
    with pytest.raises(DataError, match=f"data.{key} is {value}, expected"):
        Preparation("warp", 32, 28, "rgb", (0.0,) * 3, (1.0,) * 3, mirror=False, **{key: value})
