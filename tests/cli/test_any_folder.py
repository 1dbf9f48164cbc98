"""Every command works in a folder whose name is escaped in URLs, is terminal markup, or needs quotes."""

import shutil
from pathlib import Path

import pytest

from tests.support import warm
from tests.support.processes import SHORT

BEFORE = Path(__file__).parents[1] / "data" / "before" / "compressed" / "before-3" / "0.sqz"
NAME = "a%2F%20 b?[final][/b]#ü^, c's"
COMMANDS = (
    ["search", *SHORT, "n_trials=6"],
    ["report", "output=[x]/report.html"],
    ["statistics", "output=[x]/statistics.html"],
    ["describe", "best", "svg=[x]/best.svg"],
    ["latency", "best", "rounds=2", "output=[x]"],
    ["retrain", "best", "seeds=1", "output=[x]/retrained"],
    ["evaluate", "[x]/retrained", "data=digits"],
    ["decompress", "[x]/0.sqz"],
    ["compress", "1", "ratio=3", "seeds=1", "epochs=2", "rounds=1", "output=[x]/small"],
    ["paper", "table_2.network=null", "output=[x]/paper.html"],
    ["track"],
)


@pytest.mark.slow
@pytest.mark.long
def test_every_command_in_a_folder_of_any_name(searched: tuple[Path, str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(searched[0], tmp_path / NAME / "study"))
    (folder / "[x]").mkdir()
    shutil.copy(BEFORE, folder / "[x]" / "0.sqz")
    for name, *words in COMMANDS:
        done = warm.command(f"explorer.{name}", *words, cwd=folder, COLUMNS="400")
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), f"{name}: {done.stderr}"
        assert "MarkupError" not in done.stdout + done.stderr
    made = {path.relative_to(folder / "[x]").as_posix() for path in (folder / "[x]").rglob("*.*")}
    pages = {"report.html", "statistics.html", "best.svg", "paper.html"}
    assert pages <= made
    assert {"retrained/weights.safetensors", "0/weights.safetensors", "small/compressed.json"} <= made
    beside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(folder)]
    assert not beside, "a database in the neighbour's folder"
