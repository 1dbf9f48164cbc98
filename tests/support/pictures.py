"""Folders of image files."""

from pathlib import Path

import numpy as np
from PIL import Image


def pictures(folder: Path, classes: int, each: int, offset: int = 0) -> None:
    for c in range(classes):
        (folder / f"class{c}").mkdir(parents=True)
        for i in range(each):
            rng = np.random.default_rng([offset, c, i])
            pixels = rng.integers(0, 256, (40 + 3 * i, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"class{c}" / f"{offset + i}.png")
