"""Every command works in a folder whose name is escaped in URLs, is terminal markup, or needs quotes."""

import shutil
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.processes import SHORT

NAME = "a%2F%20 b?[final][/b]#ü^, c's"
COMMANDS = (
    ["search", *SHORT, "n_trials=6"],
    ["report", "output=[x]/report.html"],
    ["statistics", "output=[x]/statistics.html"],
    ["describe", "best", "svg=[x]/best.svg"],
    ["latency", "best", "rounds=2", "output=[x]"],
    ["retrain", "best", "seeds=1", "output=[x]/retrained"],
    ["evaluate", "[x]/retrained", "data=digits"],
    ["compress", "smallest", "ratio=2", "seeds=1", "epochs=2", "rounds=1", "output=[x]/compressed"],
    ["decompress", "[x]/compressed/0.sqz"],
    ["track"],
    ["paper", "output=[x]/paper.html"],
)


@pytest.mark.slow
@pytest.mark.long
def test_every_command_in_a_folder_of_any_name(searched: tuple[Path, str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(searched[0], tmp_path / NAME / "study"))
    for name, *words in COMMANDS:
        done = warm.command(f"explorer.{name}", *words, cwd=folder, COLUMNS="400")
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{name}: {done.stderr}"
        assert "MarkupError" not in done.stdout + done.stderr
    made = {path.relative_to(folder / "[x]").as_posix() for path in (folder / "[x]").rglob("*.*")}
    pages = {"report.html", "statistics.html", "best.svg", "paper.html"}
    assert pages <= made
    assert {"retrained/weights.safetensors", "compressed/0.sqz", "compressed/0/weights.safetensors"} <= made
    assert [path.name for path in tmp_path.iterdir()] == [NAME], "a database or a folder lies in the neighbour"
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["study"]
