"""The terminal: a search in 80x24, as a real terminal shows it; the front in characters; output that is no terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from termios import TIOCSWINSZ
from types import SimpleNamespace
from typing import Any

import pyte
import pytest
from rich.console import Console

from explorer.cli.ascii import degrade
from explorer.cli.live_view import LiveView
from explorer.cli.terminal import LEVELS, clock, front_table, plot, sparkline
from explorer.results.record import StudyRecord
from tests.support.sample import finished_study, study, trial
from tests.support.stored import stored

WIDTH, HEIGHT = 80, 24


def controller(record: StudyRecord, slots: int, folder: Path, name: str = "cuda:0 (NVIDIA H100 80GB HBM3)") -> Any:
    """What a view asks of a controller at work, all its slots busy."""
    flights = {}
    for i in range(slots - 1):
        own = folder / str(i)
        own.mkdir()
        (own / "progress.jsonl").write_text('{"epoch": 7, "val_acc": 0.91}\n{"epoch')
        flights[i] = SimpleNamespace(slot=i, trial=1_000 + i, job=SimpleNamespace(folder=str(own), first_epoch=0))
    return SimpleNamespace(
        record=record,
        store=SimpleNamespace(trials={1_000 + i: trial(1_000 + i) for i in range(slots)}),
        budget=SimpleNamespace(n_trials=10_000),
        in_flight=flights,
        launcher=SimpleNamespace(slots=[f"{name} {i}" for i in range(slots)], freed=frozenset()),
        epochs=16,
    )


def drawn(view: LiveView, at_work: Any, encoding: str = "utf-8") -> list[str]:
    """The screen's lines as a terminal of 80x24 gets them."""
    out = StringIO()
    console = Console(width=WIDTH, height=HEIGHT, file=out, force_terminal=True, color_system=None)
    ended = [one for one in at_work.record.trials if one.state != "RUNNING"]
    console.print(view.screen(at_work, at_work.record, ended), end="")
    return out.getvalue().splitlines()


@pytest.mark.parametrize("slots", [1, 2, 6, 64])
@pytest.mark.parametrize("trials", [0, 1, 8, 300])
def test_the_screen_fits(slots: int, trials: int, tmp_path: Path) -> None:
    record = finished_study(trials, "a_study_with_a_name_that_is_much_longer_than_any_terminal_is_wide_" * 2)
    record = study([], record.name) if not trials else record
    view = LiveView(Console(width=WIDTH, height=HEIGHT, force_terminal=True, file=StringIO()))
    view._finished_before = 0
    lines = drawn(view, controller(record, slots, tmp_path))
    assert len(lines) <= HEIGHT - 1
    assert max(map(len, lines)) <= WIDTH
    text = "\n".join(lines)
    assert lines[-1].startswith("Ctrl-C stops")
    assert f"{len(record.trials)}/10000 trials" in lines[0]
    if slots > 1:
        assert "trial 1000" in text
        assert "7/16" in text
        assert "0.910" in text
    if slots > 6:
        assert "59 more slots, 58 at work" in text
    if trials > 1:
        assert re.search(r"hypervolume \d\.\d{3}  [▁▂▃▄▅▆▇█]+", text)
        assert "network" in text


@pytest.mark.slow
def test_the_screen_never_grows_smaller(tmp_path: Path) -> None:
    view = LiveView(Console(width=WIDTH, height=HEIGHT, force_terminal=True, file=StringIO()))
    large = controller(finished_study(30), 2, tmp_path)
    tall = len(drawn(view, large))
    small = SimpleNamespace(**{**vars(large), "record": study([trial(1)])})
    assert len(drawn(view, small)) == tall


class Terminal:
    """A command in a terminal of 80x24; `screens` are what it showed, each time that it had written."""

    def __init__(self, words: list[str], folder: Path) -> None:
        self.screen = pyte.HistoryScreen(WIDTH, HEIGHT, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.screens: list[list[str]] = []
        self.scrolled: list[int] = []
        self.written = b""
        self.master, slave = pty.openpty()
        ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            env=environment | {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def run(self, limit: float) -> int:
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if not select.select([self.master], [], [], 0.2)[0]:
                continue
            try:
                written = os.read(self.master, 65536)
            except OSError:
                break
            if not written:
                break
            self.written += written
            self.stream.feed(written)
            self.screens.append([line.rstrip() for line in self.screen.display])
            self.scrolled.append(len(self.screen.history.top))
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self.master)
        return self.process.wait(30)


@pytest.mark.slow
def test_a_search_in_a_real_terminal(tmp_path: Path) -> None:
    words = ["explorer.search", "+space=fire_micro", "n_trials=12", "epochs=4", "space.limits.params=60_000"]
    words += ["space.anchors=[]", "launcher.devices=[cpu,cpu]", "stopping=none"]
    terminal = Terminal(words, tmp_path)
    assert terminal.run(240) == 0, "\n".join(terminal.screens[-1])
    live = [i for i, lines in enumerate(terminal.screens) if any("Ctrl-C stops" in line for line in lines)]
    assert len(live) > 5
    assert terminal.scrolled[live[-1]] == 0  # nothing scrolled away, so nothing wrapped either
    assert b"\x1b[2J" not in terminal.written  # no clearing of the whole screen: that is what flickers
    last = [line for line in terminal.screens[live[-1]] if line]
    assert re.match(r"fire_micro  \d+/12 trials  \d:\d\d", last[0])
    assert any("trial" in line and "/4 " in line for i in live for line in terminal.screens[i])
    final = "\n".join(terminal.screens[-1])
    assert "n_trials=12 are done" in final
    assert "Ctrl-C stops" not in final
    assert "python -m explorer.retrain best" in final


# In characters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_front_in_characters(width: int, encoding: str) -> None:
    def shown(text: str) -> str:
        return text.encode(encoding, "likeness").decode(encoding)

    degrade()
    record = finished_study(40)
    text = shown(plot(record, width, 12))
    assert max(map(len, text.splitlines())) <= width
    assert len(text.splitlines()) == 15
    signs = ".o*+" if encoding == "ascii" else "·●★◆"
    assert all(sign in text for sign in signs)
    assert "?" not in text
    console = Console(width=width, file=StringIO(), record=True)
    console.print(front_table(record, None, width))
    table = shown(console.export_text())
    assert max(map(len, table.splitlines())) <= width
    assert "?" not in table
    assert ("/SqueezeNet" in table) == (width >= 76)
    assert ("/AlexNet" in table) == (width >= 100)


def test_a_higher_network_stands_higher_and_a_larger_one_farther_right() -> None:
    one, other = trial(1, accuracy=0.8), trial(2, accuracy=0.9)
    small, large = sorted((one, other), key=lambda each: each.params)
    record = study([replace(small, number=0), replace(large, number=1)])
    lines = plot(record, 80, 12).splitlines()[:12]
    places = [(row, line.index("●")) for row, line in enumerate(lines) if "●" in line]
    assert len(places) == (2 if (large.accuracy or 0) > (small.accuracy or 0) else 1)
    assert plot(study([])) == "no trial has finished yet"
    assert plot(study([one]), 40, 4)


def test_sparkline() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8) == LEVELS
    assert sparkline([0, 3, 6], 20) == LEVELS[0] + LEVELS[4] + LEVELS[7]
    assert sparkline(list(range(1000)), 8) == LEVELS
    assert sparkline([5, 5], 9) == LEVELS[0] * 2
    assert sparkline([], 9) == ""
    assert [clock(seconds) for seconds in (5, 75, 3675)] == ["0:05", "1:15", "1:01:15"]


@pytest.mark.slow
def test_report_text_where_only_ascii_is_to_be_had(tmp_path: Path) -> None:
    stored(finished_study(12), f"sqlite:///{tmp_path}/study.db")
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = subprocess.run(
            [sys.executable, "-m", "explorer.report", "--text"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "80"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        text = done.stdout.decode(encoding)
        assert ("●" in text) == (encoding == "utf-8")
        assert "SqueezeNet v1.0" in text
        assert "params, log scale" in text
        assert max(map(len, text.splitlines())) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["study.db"]
