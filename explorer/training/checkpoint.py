"""Checkpoints: the state of a training in one safetensors file, replaced atomically and verified when read.

A file `epoch_0008.safetensors` holds tensors `model.NAME`, `optimizer.NAME.KEY` and `removed.NAME`, and in its header
the training's facts as JSON with a SHA-256 over everything else in the file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from explorer.training import files

FORMAT = "explorer.checkpoint/1"
KEPT = 2


class CheckpointError(ValueError):
    """A checkpoint that is absent, torn, altered, or another training's; one line naming the file."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint file.

    Attributes:
        epoch: epochs trained.
        tensors: by their name in the file.
        facts: JSON that identifies the training.
    """

    epoch: int
    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below `prefix.`, without it."""
        start = f"{prefix}."
        return {name.removeprefix(start): value for name, value in self.tensors.items() if name.startswith(start)}


def save(folder: str | Path, checkpoint: Checkpoint) -> Path:
    """Writes a checkpoint, keeps the one before it and removes older ones.

    The file is written under another name, synced and renamed, so that a reader never sees a part of it.

    Raises:
        OSError: if the disk is full or the folder cannot be written; what was there before is intact.
    """
    from safetensors.torch import save as serialise

    tensors = {name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()}
    facts = json.dumps({"format": FORMAT, "epoch": checkpoint.epoch, **checkpoint.facts}, sort_keys=True)
    target = files.checkpoint(folder, checkpoint.epoch)
    target.parent.mkdir(parents=True, exist_ok=True)
    replace(target, serialise(tensors, {"facts": facts, "sha256": _digest(tensors, facts)}))
    outdated = [epoch for epoch in files.checkpoint_epochs(folder) if epoch <= checkpoint.epoch][:-KEPT]
    drop(folder, lambda epoch: epoch in outdated)
    return target


def load(folder: str | Path, epoch: int) -> Checkpoint:
    """Reads and verifies the checkpoint after `epoch`.

    Raises:
        CheckpointError: if it is absent, torn or altered.
    """
    from safetensors import SafetensorError, safe_open

    file = files.checkpoint(folder, epoch)
    if not file.is_file():
        raise CheckpointError(f"{file}: no such checkpoint, expected one after epoch {epoch}")
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
            # Copies, because the tensors of a mapped file would change with the file.
            tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file}: torn or altered ({str(error).splitlines()[0]})") from None
    text = header.get("facts", "")
    if header.get("sha256") != _digest(tensors, text):
        raise CheckpointError(f"{file}: torn or altered, the checksum does not match")
    facts = json.loads(text)
    if facts.pop("format", None) != FORMAT or facts.pop("epoch", None) != epoch:
        raise CheckpointError(f"{file}: no checkpoint of the format {FORMAT} after epoch {epoch}")
    return Checkpoint(epoch, tensors, facts)


def drop(folder: str | Path, unwanted: Callable[[int], bool]) -> None:
    """Removes the checkpoints whose epoch is unwanted."""
    for epoch in filter(unwanted, files.checkpoint_epochs(folder)):
        files.checkpoint(folder, epoch).unlink(missing_ok=True)


def replace(target: Path, content: bytes) -> None:
    """Replaces a file atomically: temporary name, fsync, rename, fsync of the folder."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    handle = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _digest(tensors: Mapping[str, Tensor], facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
