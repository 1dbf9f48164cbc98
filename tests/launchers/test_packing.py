"""How many trainings share a GPU: from numbers, and from what nvidia-smi tells while the first one runs."""

import time
from pathlib import Path

import pytest

from explorer.launchers import LauncherError
from explorer.launchers.local import LocalLauncher
from explorer.launchers.packing import MOST, trainings, usage
from explorer.training.worker import train
from tests.support.launched import job

# As nvidia-smi answers; while the flag exists a training is on the GPU.
NVIDIA_SMI = """#!/bin/sh
if [ "$1" = "-L" ]; then echo "GPU 0: H100"; exit; fi
if [ -e "{flag}" ]; then echo "2500, 80000, 20"; else echo "500, 80000, 0"; fi
"""


@pytest.mark.parametrize(
    ("memory", "total", "utilisation", "number"),
    [
        (2_000, 80_000, 0.20, 5),  # five of them keep it busy
        (2_000, 80_000, 0.19, 6),
        (20_000, 80_000, 0.20, 3),  # only three fit, a tenth left free
        (20_000, 80_000, 0.95, 2),
        (2_000, 80_000, 1.00, 1),
        (79_000, 80_000, 0.10, 1),  # it does not fit with a tenth left free, and runs all the same
        (500, 80_000, 0.00, MOST),
        (500, 80_000, 0.01, MOST),
        (0, 80_000, 0.10, 1),  # not measured
        (500, 0, 0.10, 1),
    ],
)
def test_trainings_on_one_gpu(memory: float, total: float, utilisation: float, number: int) -> None:
    assert trainings(memory, total, utilisation) == number


@pytest.mark.slow
def test_slots_are_added_when_the_first_training_has_shown_what_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "bin" / "nvidia-smi"
    told.parent.mkdir()
    told.write_text(NVIDIA_SMI.format(flag=tmp_path / "busy"))
    told.chmod(0o755)
    monkeypatch.setenv("PATH", f"{told.parent}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = usage(0)
    assert found is not None
    assert (found.used, found.total, found.utilisation) == (500, 80_000, 0)
    launcher = LocalLauncher(per_device="auto")
    try:
        assert launcher.slots == ("gpu 0",)
        future = launcher.submit(0, train, job(tmp_path / "training"))
        (tmp_path / "busy").touch()
        assert launcher.slots == ("gpu 0",)
        first = future.result()
        until = time.monotonic() + 10
        while len(launcher.slots) == 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert launcher.slots == ("gpu 0",) * 5  # 2,000 of 80,000 MiB, a fifth of the time
        last = launcher.submit(4, train, job(tmp_path / "another")).result()
        assert [epoch["val_acc"] for epoch in last["curve"]] == [epoch["val_acc"] for epoch in first["curve"]]
        assert len(launcher.slots) == 5
    finally:
        launcher.close()


def test_without_nvidia_smi_or_gpus_nothing_is_packed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert usage(0) is None
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert LocalLauncher(["cpu", "cpu"], per_device="auto").slots == ("cpu 0", "cpu 1")
    with pytest.raises(LauncherError, match="per_device is 'many', expected auto or a whole number of at least 1"):
        LocalLauncher(per_device="many")
