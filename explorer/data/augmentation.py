"""Variations of a training picture beyond its window and its mirror image: another scale, other colours.

By Pillow, on bytes, so that they are the same wherever the picture comes from.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageEnhance

from explorer.data.cache import Pixels

RATIO = 3 / 4
"""Least proportion of a part's sides."""
TRIES = 10
"""Parts that are drawn before one that fits is taken from the centre."""


def part(pixels: Pixels, least: float, crop: int, chance: torch.Generator) -> Pixels:
    """A random part of a picture, (3, H, W), resized to (3, crop, crop).

    As torchvision's RandomResizedCrop: a share of the area from `least` to 1 and proportions from 3:4 to 4:3
    (log-uniform) are drawn until they fit; else it is the largest part in the centre of those proportions. (Szegedy et
    al., arXiv:1409.4842.)
    """
    height, width = pixels.shape[1:]
    for _ in range(TRIES):
        area = height * width * (least + (1 - least) * _uniform(chance))
        ratio = math.exp((2 * _uniform(chance) - 1) * -math.log(RATIO))
        wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < wide <= width and 0 < high <= height:
            left, top = (int(torch.randint(free + 1, (), generator=chance)) for free in (width - wide, height - high))
            break
    else:
        wide, high = min(width, round(height / RATIO)), min(height, round(width / RATIO))
        left, top = (width - wide) // 2, (height - high) // 2
    image = _image(pixels[:, top : top + high, left : left + wide])
    return _pixels(image.resize((crop, crop), Image.Resampling.BILINEAR))


def recoloured(pixels: Pixels, most: float, chance: torch.Generator) -> Pixels:
    """A picture, (3, H, W) in RGB, whose brightness, contrast and saturation are multiplied by 1 - most to 1 + most."""
    image = _image(pixels)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhance(image).enhance(1 + most * (2 * _uniform(chance) - 1))
    return _pixels(image)


def _uniform(chance: torch.Generator) -> float:
    return float(torch.rand((), generator=chance))


def _image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image).transpose(2, 0, 1)
