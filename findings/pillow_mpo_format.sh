#!/usr/bin/env bash
# Versions: Pillow 13.0.0 (and 11.3.0), Python 3.11 or newer.
# Behaviour: Image.open(file, formats=[...]) takes the names that Pillow itself reports as an image's format, but for "MPO" it
#   raises KeyError: 'MPO' for every file that an earlier entry of the list does not accept. A photo of many phones and
#   cameras has the format "MPO" (two JPEGs in one file); it is opened by the reader "JPEG", and "MPO" has none.
# Seen: photo.format 'MPO'; formats=["JPEG", "MPO", "PNG"] on the photo: opened; on a PNG: KeyError 'MPO'.
# Why it matters: a list of allowed formats, made from the formats of the pictures at hand, works for each JPEG and fails for
#   the first PNG, with an error that is neither UnidentifiedImageError nor OSError, which code that skips broken files catches.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
for version in 13.0.0 11.3.0; do
    "$folder/env/bin/pip" install --quiet --disable-pip-version-check "pillow==$version" 2>/dev/null
    "$folder/env/bin/python" - "$folder" <<'PY'
import sys
from pathlib import Path

import PIL
from PIL import Image

folder = Path(sys.argv[1])
frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
frames[0].save(folder / "photo.jpg", format="MPO", save_all=True, append_images=frames[1:])
frames[0].save(folder / "picture.png")
kind = Image.open(folder / "photo.jpg").format
allowed = ["JPEG", kind, "PNG"]
opened = Image.open(folder / "photo.jpg", formats=allowed).format
try:
    Image.open(folder / "picture.png", formats=allowed)
    error = "none"
except Exception as raised:
    error = f"{type(raised).__name__}: {raised}"
print(f"Pillow {PIL.__version__}: photo.format {kind!r}; formats={allowed} opens the photo as {opened!r}; on a PNG: {error}")
sys.exit(not (kind == "MPO" and opened == "MPO" and error == "KeyError: 'MPO'"))
PY
done
