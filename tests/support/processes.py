"""Searches as processes: started, watched, killed. Short trainings in a small space."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.chaos import workers as children
from explorer.results.record import StudyRecord
from explorer.storage import study_store

__all__ = ["SHORT", "SPACE", "WHOLE", "children", "run", "search", "start", "study", "training", "wait_for"]

SPACE = """
defaults: [fire_micro, _self_]
search:
  base_e: {low: 16, high: 32}
  squeeze_ratio: {high: 0.25}
  incr_e: null
fixed: {incr_e: 16}
"""
WHOLE = ["+space=small", "--config-dir", ".", "stopping=none", "stopping.rung=1"]
"""Every trial to its end, with a checkpoint after each epoch."""
SHORT = [*WHOLE, "epochs=3", "sampler.n_startup_trials=2"]


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def run(folder: Path, *words: str, code: int = 0) -> str:
    process = start(folder, *words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, out + err
    return out + err


def search(folder: Path, *words: str, code: int = 0) -> str:
    return run(folder, "explorer.search", *SHORT, *words, code=code)


def study(folder: Path) -> StudyRecord:
    return study_store.load(f"sqlite:///{folder}/study.db", "small")


def wait_for(condition: Callable[[], bool], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def training(folder: Path) -> Callable[[], bool]:
    """Whether some rung of the study is stored and another is being trained: of two slots, one has had its second."""

    def some() -> bool:
        return len(list(folder.glob("runs/small/*/seed_0/*.safetensors"))) >= 3

    return some
