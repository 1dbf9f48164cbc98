"""Searches as processes: started, watched, killed. Short trainings in a small space."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from explorer.results.record import StudyRecord
from tests.support import warm
from tests.support.process_tree import workers

__all__ = ["SHORT", "SPACE", "WHOLE", "run", "search", "start", "study", "training", "wait_for", "workers"]

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
    """A command that is to be watched, or killed: a new process."""
    command = [sys.executable, "-m", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def run(folder: Path, *words: str, code: int = 0) -> str:
    """A command to its end; what it printed."""
    done = warm.command(*words, cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def search(folder: Path, *words: str, code: int = 0) -> str:
    return run(folder, "explorer.search", *SHORT, *words, code=code)


def study(folder: Path, name: str = "small") -> StudyRecord:
    from explorer.storage import stored  # here, as every run of pytest imports this module

    return stored.load(f"sqlite:///{folder}/study.db", name)


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
