"""Checkpoints are whole or absent, and say so when they were altered."""

from pathlib import Path

import pytest
import torch

from explorer.training import checkpoint as checkpoints
from explorer.training import files
from explorer.training.checkpoint import Checkpoint, CheckpointError

TENSORS = {
    "model.conv1.weight": torch.arange(12.0).reshape(3, 4),
    "model.conv1.bias": torch.tensor([0.1, -0.0]),
    "optimizer.conv1.weight.step": torch.tensor(7.0),
    "model.counts": torch.arange(3),
}
FACTS = {"architecture": "0123456789abcdef", "recipe": {"lr": 0.1, "clip": None}}


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    file = checkpoints.save(tmp_path / "new", Checkpoint(8, TENSORS, FACTS))
    assert file.name == "epoch_0008.safetensors"
    read = checkpoints.load(tmp_path / "new", 8)
    assert (read.epoch, read.facts, read.tensors.keys()) == (8, FACTS, TENSORS.keys())
    for name, value in TENSORS.items():
        assert read.tensors[name].dtype == value.dtype
        assert read.tensors[name].numpy().tobytes() == value.numpy().tobytes()
    assert read.part("optimizer.conv1.weight").keys() == {"step"}


def test_the_previous_one_is_kept_and_nothing_else_lies_about(tmp_path: Path) -> None:
    for epoch in (2, 4, 6, 8):
        checkpoints.save(tmp_path, Checkpoint(epoch, TENSORS, FACTS))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["epoch_0006.safetensors", "epoch_0008.safetensors"]
    assert files.checkpoint_epochs(tmp_path) == [6, 8]


def test_every_altered_byte_is_noticed(tmp_path: Path) -> None:
    file = checkpoints.save(tmp_path, Checkpoint(1, {"model.w": torch.arange(5.0)}, FACTS))
    whole = file.read_bytes()
    for place in range(len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 0x10
        file.write_bytes(altered)
        with pytest.raises(CheckpointError) as caught:
            checkpoints.load(tmp_path, 1)
        assert str(file) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_torn_file_is_an_error_of_one_line(tmp_path: Path, length: int) -> None:
    file = checkpoints.save(tmp_path, Checkpoint(3, TENSORS, FACTS))
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CheckpointError, match="torn or altered") as caught:
        checkpoints.load(tmp_path, 3)
    assert "\n" not in str(caught.value)


def test_an_absent_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        checkpoints.load(tmp_path, 3)
    assert files.checkpoint_epochs(tmp_path / "nowhere") == []


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = checkpoints.save(tmp_path, Checkpoint(3, TENSORS, FACTS))
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(tmp_path, Checkpoint(3, {"model.w": torch.zeros(9)}, FACTS))
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
