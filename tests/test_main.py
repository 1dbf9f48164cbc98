"""`explorer` and `python -m explorer`: the list of commands, and each command as `python -m explorer.NAME` runs it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import explorer
from explorer.__main__ import commands, summary
from explorer.cli.config import folder

SCRIPT = [str(Path(sys.executable).with_name("explorer"))]
MODULE = [sys.executable, "-m", "explorer"]


def run(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_every_command_is_listed_with_a_line() -> None:
    assert sorted(commands()) == sorted(path.stem for path in folder("conf").glob("*.yaml"))
    for path in commands().values():
        assert 10 < len(summary(path)) < 110, path


@pytest.mark.parametrize("program", [SCRIPT, MODULE])
def test_without_a_name_it_lists_the_commands(program: list[str], tmp_path: Path) -> None:
    code, printed, complaint = run(tmp_path, *program)
    assert (code, complaint) == (0, "")
    assert [line.split()[0] for line in printed.splitlines() if line.startswith("  ")][1:] == list(commands())
    assert max(map(len, printed.splitlines())) < 120
    assert run(tmp_path, *program, "--help") == (0, printed, "")
    assert run(tmp_path, *program, "--version") == (0, f"{explorer.__version__}\n", "")


def test_an_unknown_name_is_one_line(tmp_path: Path) -> None:
    code, printed, complaint = run(tmp_path, *SCRIPT, "serach", "+space=fire")
    assert (code, printed) == (2, "")
    assert complaint == f"explorer: no command 'serach', expected one of {', '.join(commands())}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["describe", "squeezenet_v1_0", "input=[1,8,8]", "classes=10"],
        ["describe", "squeezenet"],
        ["search", "--help"],
        ["search", "+space=fier"],
        ["retrain", "best"],
        ["report", "--tex"],
    ],
)
def test_a_command_is_what_its_module_is(words: list[str], tmp_path: Path) -> None:
    name, *rest = words
    theirs = run(tmp_path, sys.executable, "-m", f"explorer.{name}", *rest)
    assert any(theirs[1:])
    assert run(tmp_path, *SCRIPT, *words) == theirs


def test_the_version_is_that_of_the_installed_package() -> None:
    assert explorer.__version__ == version("explorer")


def test_a_folder_that_nobody_installed_has_no_version(tmp_path: Path) -> None:
    (tmp_path / "explorer").symlink_to(Path(explorer.__file__).parent)
    code = "import sys; sys.path.insert(0, '.'); import explorer; print(explorer.__version__)"
    assert run(tmp_path, sys.executable, "-S", "-c", code) == (0, "unknown\n", "")
