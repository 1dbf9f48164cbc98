"""docs/howto/board.md as a person follows it, in an empty folder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.test_tutorial import run
from tests.support.browser_pages import DOCS, consoles, unlike

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("tflite_micro") is None, reason="the extra `board` is not installed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]


def test_every_command_runs_and_prints_what_the_page_says(tmp_path: Path) -> None:
    commands = list(consoles(DOCS / "howto/board.md"))
    assert len(commands) == 5
    for command in commands:
        done = run(tmp_path, command)
        refused = command.output[:1] and command.output[0].startswith("explorer.search: ")
        assert done.returncode == (2 if refused else 0), f"$ {command.line}\n{done.stdout}{done.stderr}"
        missing = unlike(command.output, done.stderr if refused else done.stdout)
        assert missing is None, f"$ {command.line}\n{done.stdout}{done.stderr}\nthe page has: {missing}"
