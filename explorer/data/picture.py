"""A picture file as 8-bit RGB: which files are pictures, and what is made of each kind of pixel."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from explorer.data import DataError

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "TGA", "PPM", "JPEG2000", "AVIF")
"""Pillow's readers that are used: a file is never handed to another one, whatever it begins with."""
WHITE_16 = 257
"""65,535 / 255: 16-bit values over this are 8-bit values."""
BACKGROUND = (255, 255, 255)
"""What transparent pixels lie on."""

# Pillow warns from half of its limit on and refuses from the limit on; the refusal is what a person is told.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def is_picture(name: str) -> bool:
    """Whether a file of this name is read: by its ending, and not hidden (`._x.jpg` is a Mac's notes on `x.jpg`)."""
    return not name.startswith(".") and Path(name).suffix.lower() in _endings()


@dataclass(frozen=True)
class Frame:
    """A picture as it is used.

    Attributes:
        pixels: (3, H, W), RGB.
        animated: whether it is the first frame of several.
    """

    pixels: NDArray[np.uint8]
    animated: bool = False


def as_it_is(width: int, height: int) -> tuple[int, int]:
    return width, height


def read(file: str, size: Callable[[int, int], tuple[int, int]] = as_it_is, draft: bool = False) -> Frame:
    """The picture as 8-bit RGB, upright (turned by its EXIF orientation), at another size.

    16-bit pixels are scaled to 8 bits, transparent ones are laid on white, of an animation the first frame counts.

    Args:
        file: the picture.
        size: from its width and height to those that are wanted; bilinear, over all pixels that make one.
        draft: whether a JPEG is decoded at a half, a quarter or an eighth of its size, where that is at least twice the
            size wanted: many times faster, and hardly to be told from the whole.

    Raises:
        DataError: naming the file, if it is no picture, or one whose white is unknown (32-bit integers, floats).
    """
    try:
        with Image.open(file, formats=FORMATS) as opened:
            if draft:
                opened.draft(None, (2 * max(size(*opened.size)),) * 2)
            ImageOps.exif_transpose(opened, in_place=True)  # else it copies what is upright already
            picture = _rgb(opened, file, str(opened.format))
            resized = picture.resize(size(*picture.size), Image.Resampling.BILINEAR)
            pixels = np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))
            return Frame(pixels, bool(getattr(opened, "is_animated", False)))
    except DataError:
        raise
    except UnidentifiedImageError:
        raise DataError(f"{file}: no readable image ({', '.join(FORMATS)} are read)") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise DataError(f"{file}: more than {limit:,} pixels, Pillow's limit; make it smaller") from None
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow's readers raise for broken files
        raise DataError(f"{file}: no readable image ({error})") from None


def _rgb(picture: Image.Image, file: str, kind: str) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture  # `convert` would copy it
    if picture.mode.startswith("I;16") or (picture.mode == "I" and kind != "TIFF"):
        return Image.fromarray((np.asarray(picture) // WHITE_16).astype(np.uint8)).convert("RGB")
    if picture.mode in ("I", "F"):
        pixels = "32-bit integers" if picture.mode == "I" else "floats"
        raise DataError(f"{file}: its pixels are {pixels}, whose white is unknown; save it with 8 or 16 bits")
    if picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _endings() -> frozenset[str]:
    Image.init()
    return frozenset(ending for ending, kind in Image.registered_extensions().items() if kind in FORMATS)
