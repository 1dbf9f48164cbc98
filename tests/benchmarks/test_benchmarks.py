"""The table of `make bench`: its rows can be measured, and it says what they are."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BEGIN, END, MODULES, put
from benchmarks.roofline import bound
from benchmarks.row import Row, not_run, table, versus, within
from explorer.arch import Architecture
from explorer.arch import layers as L

ROOT = Path(__file__).parents[2]


def test_ratios_are_above_one_where_ours_is_better() -> None:
    less = versus("step", "loop", [2.0, 4.0, 3.0], [4.0, 4.0, 9.0], "ms", "cpu", "x")
    assert (less.ours, less.peer, less.ratio) == (3.0, 4.0, (2.0, 1.0, 3.0))
    more = versus("search", "script", [6.0], [2.0], "trials/min", "cpu", "x", less=False, bar=3.0)
    assert more.ratio == (3.0, 3.0, 3.0)
    assert within("trial", [30.0, 120.0], 60.0, "ms", "cpu", "x").ratio == (1.25, 0.5, 2.0)
    assert within("busy", [0.45], 0.9, "", "cpu", "x", less=False).ratio == (0.5, 0.5, 0.5)


def test_the_table_says_what_was_not_run_and_what_falls_short() -> None:
    rows = [
        within("trial", [120.0], 60.0, "ms", "cpu", "python -m x"),
        within("trial", [12.0], 60.0, "ms", "cpu", "python -m x"),
        Row("loop", "peer", "ms", "cpu", "python -m x", 1.0, 0.5, (0.5, 0.5, 0.5), None),
        not_run("step", "loop", "ms", "python -m x --gpu", bar=1.5),
    ]
    lines = table(rows).splitlines()
    assert lines[2] == (
        "| trial | 120 ms | at most 60 ms | 60 ms | 0.5 (0.5 to 0.5) **below** | 1 | cpu | `python -m x` |"
    )
    assert lines[3] == "| trial | 12 ms | at most 60 ms | 60 ms | 5 (5 to 5) | 1 | cpu | `python -m x` |"
    assert "below" not in lines[4]
    assert lines[5] == "| step | - | loop | - | - | 1.5 | not run: no GPU | `python -m x --gpu` |"


def test_a_document_keeps_what_stands_around_its_table(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"# Before\n{BEGIN}\nold\n{END}\nAfter\n")
    put(document, "new")
    assert document.read_text() == f"# Before\n{BEGIN}\nnew\n{END}\nAfter\n"
    document.write_text("# Nothing\n")
    with pytest.raises(SystemExit, match="has no lines"):
        put(document, "new")


def test_a_roofline_is_the_longer_of_arithmetic_and_traffic() -> None:
    """A 1x1 and a 3x3 convolution by hand: at infinite bandwidth the operations count, at infinite rate the bytes."""
    layers = L.Conv2d("first", 4, 1), L.ReLU("relu"), L.Conv2d("second", 5, 3, padding=1)
    network = Architecture((2, 6, 6), layers)
    operations = 2 * 8 * 36 * (2 * (4 * 2) + 3 * (5 * 4 * 9))  # the images need no gradient
    params = (4 * 2 + 4) + (5 * 4 * 9 + 5)
    numbers = 2 * (8 * 36 * (2 + 4) + 12) + 3 * (8 * 36 * (4 + 5) + params - 12) + 7 * params
    assert bound(network, 8, rate=1e9, bandwidth=float("inf")) == pytest.approx(operations / 1e9)
    assert bound(network, 8, rate=float("inf"), bandwidth=1e9) == pytest.approx(4 * numbers / 1e9)


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_every_row_can_be_measured(module: str) -> None:
    words = [sys.executable, "-m", "benchmarks", "--quick", "--only", module]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert rows
    assert all(len(line.split(" | ")) == 8 for line in rows)
    assert all("not run" in line or " to " in line for line in rows)
