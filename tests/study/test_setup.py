"""What a search needs before its first training begins is imported without torch, whose import takes seconds."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_controller_needs_no_torch() -> None:
    code = "import sys, explorer.study.setup, explorer.study.retraining, explorer.training.files; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "explorer.training.job" in modules
    assert "torch" not in modules


def test_options_are_read_without_what_a_controller_needs() -> None:
    """A mistake on the command line is reported at once, and the workers start before the heavy imports."""
    code = "import sys, explorer.cli.search_options; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = done.stdout.split()
    assert "explorer.study.options" in modules
    assert not {"optuna", "scipy", "torch", "mlflow"} & set(modules)
