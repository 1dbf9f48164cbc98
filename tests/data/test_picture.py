"""Every kind of picture file: handled as stated, or refused by name."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.data import DataError
from explorer.data.picture import is_picture, read

RAMP = np.linspace(0, 65535, 32 * 32).reshape(32, 32)


def pixels(file: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's warnings would stand in the live view
        frame = read(str(file))
    return frame.pixels.transpose(1, 2, 0)


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_16_bit_pictures_keep_their_greys(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{ending}"
    if ending == "pgm":
        file.write_bytes(b"P5 32 32 65535\n" + RAMP.astype(">u2").tobytes())
    else:
        Image.fromarray(RAMP.astype(np.uint16)).save(file)
    found = pixels(file)[..., 0]
    assert (found.min(), found.max()) == (0, 255)
    assert np.abs(found - RAMP / 257).max() <= 1


@pytest.mark.parametrize(("kind", "words"), [(np.int32, "32-bit integers"), (np.float32, "floats")])
def test_pictures_without_a_white_are_refused(kind: type, words: str, tmp_path: Path) -> None:
    Image.fromarray((RAMP / 256).astype(kind)).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=rf"x\.tif: its pixels are {words}, whose white is unknown"):
        read(str(tmp_path / "x.tif"))


def test_the_camera_is_held_upright(tmp_path: Path) -> None:
    half = np.r_[np.full((8, 16, 3), 255, np.uint8), np.zeros((8, 16, 3), np.uint8)]
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    Image.fromarray(half).save(tmp_path / "x.png", exif=upside_down)
    assert np.array_equal(pixels(tmp_path / "x.png"), half[::-1])


@pytest.mark.parametrize("palette", [False, True])
def test_transparent_pixels_lie_on_white(palette: bool, tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[..., 0] = 200
    picture[:4, :, 3] = 255
    made = Image.fromarray(picture)
    (made.quantize() if palette else made).save(tmp_path / "x.png")
    found = pixels(tmp_path / "x.png")
    assert found[0, 0].tolist() == [200, 0, 0]
    assert found[-1, -1].tolist() == [255, 255, 255]


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (0, 100, 200)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert pixels(tmp_path / "x.gif").max() == 0
    assert read(str(tmp_path / "x.gif")).animated


@pytest.mark.parametrize("ending", ["jpg", "bmp", "webp", "tga", "jp2", "avif", "ppm"])
def test_the_formats_that_the_docs_name(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{ending}"
    Image.new("RGB", (16, 16), (0, 255, 0)).save(file)
    assert is_picture(file.name)
    assert np.abs(pixels(file)[8, 8] - np.array([0, 255, 0], float)).max() <= 6  # lossy ones come near


@pytest.mark.parametrize("name", ["._x.jpg", ".x.png", "Thumbs.db", "x.txt", "x.eps", "x"])
def test_what_is_no_picture(name: str) -> None:
    assert not is_picture(name)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.uint8)).save(tmp_path / "torn.jpg")
    whole = (tmp_path / "torn.jpg").read_bytes()
    (tmp_path / "torn.jpg").write_bytes(whole[:-100])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("torn.jpg", "text.png", "empty.png", "absent.png"):
        with pytest.raises(DataError, match=rf"{name}: no readable image"):
            read(str(tmp_path / name))


def test_a_picture_beyond_pillows_limit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)
    with pytest.raises(DataError, match=r"large\.png: more than 1,400 pixels, Pillow's limit"):
        read(str(tmp_path / "large.png"))
