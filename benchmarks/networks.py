"""The networks that are timed, and the recipe they are trained by: those of `explorer.search +space=fire_micro`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from explorer.arch import Architecture, architecture
from explorer.arch.families import families

SHAPE, CLASSES = (1, 8, 8), 10
"""Of digits."""


def _fire(**point: Any) -> Architecture:
    return families()["fire"](SHAPE, CLASSES, final_relu=False, **point)


NETWORKS: dict[str, Callable[[], Architecture]] = {
    "fire, 750 params": lambda: _fire(base_e=16, incr_e=0, modules=2, stem=16),
    "fire, 93 thousand params": lambda: _fire(base_e=32, incr_e=32, freq=2, pct_3x3=0.5, squeeze_ratio=0.25),
    "SqueezeNet v1.0, 727 thousand params": lambda: architecture(
        "squeezenet_v1_0", SHAPE, CLASSES, {"final_relu": False}
    ),
}


def recipe() -> dict[str, Any]:
    """`recipe=fast`."""
    file = Path(__file__).parents[1] / "conf" / "recipe" / "fast.yaml"
    read: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return read
