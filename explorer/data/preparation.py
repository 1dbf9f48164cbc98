"""From an image file to what the network sees, in the manner of the SqueezeNet authors.

Decoded, resized to `resize` pixels, cropped to `crop`, in 0..255, channels in `order`, minus `mean`, over `std`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import PIL
import torch
from torch import Tensor

from explorer.data import DataError
from explorer.data.augmentation import part, recoloured
from explorer.data.cache import Pixels
from explorer.data.picture import Frame, read

RESIZES = ("warp", "short_side")
ORDERS = ("bgr", "rgb")


@dataclass(frozen=True)
class Preparation:
    """How images are prepared.

    Attributes:
        resize: `warp` makes the image a square of `side` pixels, as Caffe does; `short_side` keeps its proportions.
        side: pixels of that square's side, or of the short side.
        crop: pixels of the side that the network sees: the centre, or in training any place.
        order: of the channels, `bgr` (Caffe) or `rgb`.
        mean, std: one number a channel, in that order, for values in 0..255.
        mirror: whether a training image is mirrored by chance.
        zoom: least share of the picture that a training image shows, resized to `crop`; 1: `crop` pixels of any place.
        jitter: by which share a training image's brightness, contrast and saturation may change; 0: not at all.
        draft: whether large JPEGs are decoded at a fraction of their size; see `explorer.data.picture.read`.
    """

    resize: str
    side: int
    crop: int
    order: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mirror: bool
    draft: bool = False
    zoom: float = 1.0
    jitter: float = 0.0

    def __post_init__(self) -> None:
        """Raises DataError for an impossible value."""
        for key, value, options in (("resize", self.resize, RESIZES), ("order", self.order, ORDERS)):
            if value not in options:
                raise DataError(f"data.{key} is {value!r}, expected one of {', '.join(options)}")
        if not 0 < self.crop <= self.side:
            raise DataError(f"data.crop is {self.crop}, expected 1 to data.side, {self.side}")
        if not 0 < self.zoom <= 1:
            raise DataError(f"data.zoom is {self.zoom}, expected a share of the picture above 0, 1 at most")
        if not 0 <= self.jitter < 1:
            raise DataError(f"data.jitter is {self.jitter}, expected 0 or more and less than 1")
        if len(self.mean) != 3 or len(self.std) != 3:
            raise DataError("data.mean and data.std need three numbers each, in data.order")

    def image(self, file: str, chance: torch.Generator | None) -> Tensor:
        """Float32 (3, crop, crop); with `chance` a training image, without it always the same.

        Raises:
            DataError: if the file is no image.
        """
        return self.values(torch.from_numpy(self.window(self.decoded(file).pixels, chance).copy()))

    def decoded(self, file: str) -> Frame:
        """The resized image.

        Raises:
            DataError: if the file is no image.
        """
        return read(file, self._size, self.draft)

    @property
    def decoding(self) -> dict[str, Any]:
        """What the resized image depends on, beside the file."""
        return {"resize": self.resize, "side": self.side, "draft": self.draft, "Pillow": PIL.__version__}

    def window(self, pixels: Pixels, chance: torch.Generator | None) -> Pixels:
        """The part (3, crop, crop) of a resized image (3, H, W) that the network sees, varied by `chance`."""
        if chance is not None and self.zoom < 1:
            seen = part(pixels, self.zoom, self.crop, chance)
        else:
            free = [n - self.crop for n in pixels.shape[1:]]
            centre = chance is None
            top, left = (round(n / 2) if centre else int(torch.randint(n + 1, (), generator=chance)) for n in free)
            seen = pixels[:, top : top + self.crop, left : left + self.crop]
        if chance is not None and self.jitter:
            seen = recoloured(seen, self.jitter, chance)
        if chance is not None and self.mirror and torch.rand((), generator=chance) < 0.5:
            seen = seen[:, :, ::-1]
        return seen[::-1] if self.order == "bgr" else seen

    def values(self, seen: Tensor) -> Tensor:
        """Float32 of uint8 (..., 3, crop, crop)."""
        mean, std = (torch.tensor(numbers, device=seen.device).view(3, 1, 1) for numbers in (self.mean, self.std))
        values: Tensor = (seen.float() - mean) / std
        return values

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of an image after resizing; a long side is rounded down, as torchvision rounds it."""
        if self.resize == "warp":
            return self.side, self.side
        short = min(width, height)
        return self.side * width // short, self.side * height // short
