"""A digits search and a retraining where torchvision is not installed, and what says so where it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

SITE = """
import sys


class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] == "torchvision" else self.finder.find_spec(name, path, target)

    def find_distributions(self, context):
        found = getattr(self.finder, "find_distributions", None)
        return [] if found is None or context.name == "torchvision" else found(context)

    def invalidate_caches(self):
        getattr(self.finder, "invalidate_caches", lambda: None)()


sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
"""Python imports it at its start; torchvision is then neither found nor among what is installed."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a command; in every process that it starts torchvision cannot be imported."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", *words]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)

    absent = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False)
    assert "No module named 'torchvision'" in absent.stderr
    return command


@pytest.mark.slow
def test_digits_are_searched_and_retrained(run, tmp_path: Path) -> None:
    done = run("explorer.search", "+space=fire_micro", "n_trials=1", "epochs=1", "launcher.devices=[cpu]")
    assert done.returncode == 0, done.stderr
    done = run("explorer.retrain", "0", "seeds=1", "output=again")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "again" / "model.onnx").is_file()


@pytest.mark.slow
def test_a_data_set_that_needs_it_says_so_in_a_line(run) -> None:
    done = run("explorer.search", "+space=fire_micro", "data=cifar10")
    assert done.returncode == 2
    line = "data=cifar10 needs torchvision, which is not installed: python -m pip install 'explorer[vision]'"
    assert done.stderr == f"explorer.search: {line}\n"
