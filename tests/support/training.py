"""A small training, and what is compared of two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from explorer.arch.families import families
from explorer.training import checkpoint as checkpoints
from explorer.training.job import Job

CONF = Path(__file__).parents[2] / "conf"
DIGITS = {"name": "digits"}
FAST: dict[str, Any] = yaml.safe_load((CONF / "recipe" / "fast.yaml").read_text())
PAPER: dict[str, Any] = yaml.safe_load((CONF / "recipe" / "paper.yaml").read_text())
SMALL = families()["fire"]((1, 8, 8), 10, base_e=16, incr_e=8, modules=3, stem=16, bypass="complex", final_relu=False)


def job(folder: Path, first: int = 0, last: int = 4, epochs: int = 4, **more: Any) -> Job:
    given = {"architecture": SMALL.to_json(), "recipe": FAST, "data": DIGITS, "seed": 3, "folder": str(folder)}
    return Job(**(given | {"first_epoch": first, "last_epoch": last, "epochs": epochs} | more))


def without_time(curve: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in curve]


def state(folder: Path, epoch: int) -> bytes:
    tensors = checkpoints.load(folder, epoch).tensors
    return b"".join(name.encode() + tensors[name].numpy().tobytes() for name in sorted(tensors))
