"""Names of the files that a training and a retraining leave on disk. Nothing heavy is imported here."""

from __future__ import annotations

import re
from pathlib import Path

PROGRESS = "progress.jsonl"
"""A line of numbers for each epoch trained, in a training's folder."""
ARCHITECTURE, WEIGHTS, ONNX = "architecture.json", "weights.safetensors", "model.onnx"
ONNX_INT8 = "model_int8.onnx"
"""A trained network that was exported."""
CODES = "codes.safetensors"
"""Weights of a compressed network as whole multiples of a step, by layer."""
CONFIG, OUTCOME, MODEL_CARD = "config.yaml", "outcome.json", "MODEL_CARD.md"
CONFUSION = "confusion.html"
"""What a retraining writes beside it."""


def training_folder(runs: Path, trial: int, seed: int) -> Path:
    """Where a trial's training with a seed leaves its checkpoints and its progress."""
    return runs / str(trial) / f"seed_{seed}"


def checkpoint(folder: str | Path, epoch: int) -> Path:
    """The checkpoint after `epoch`."""
    return Path(folder) / f"epoch_{epoch:04d}.safetensors"


def checkpoint_epochs(folder: str | Path) -> list[int]:
    """Epochs of the checkpoints in a folder, ascending; empty if the folder is absent."""
    names = [re.fullmatch(r"epoch_(\d{4,})\.safetensors", file.name) for file in Path(folder).glob("epoch_*")]
    return sorted(int(name[1]) for name in names if name)
