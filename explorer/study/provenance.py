"""Versions and commit, on which a result depends besides its config."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a result."""
    installed = {"python": platform.python_version()}
    for package in ("explorer", "torch", "pytorch-lightning", "optuna", "hydra-core", "mlflow"):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "not installed"
    return installed


def git_commit() -> str:
    """Commit of the checkout that the code runs from, with a + if files were changed; "" outside one."""
    commit = _git("rev-parse", "HEAD")
    return commit + "+" if commit and _git("status", "--porcelain", ".") else commit


def _git(*arguments: str) -> str:
    here = Path(__file__).parents[1]
    try:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
