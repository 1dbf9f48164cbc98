"""Hydra's completion of `explorer` in a real bash, and options written with two dashes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from explorer.cli.config import _override, folder
from explorer.cli.options import ConfigError
from tests.support import warm

BASH = """
eval "$(explorer -sc install=bash)"
complete -p explorer
while IFS= read -r COMP_LINE; do
    [[ $COMP_LINE == *" " ]] && COMP_CWORD=$(wc -w <<< "$COMP_LINE") || COMP_CWORD=$(($(wc -w <<< "$COMP_LINE") - 1))
    COMP_POINT=${#COMP_LINE} COMPREPLY=()
    hydra_bash_completion
    echo "${COMPREPLY[*]}"
done
"""
LINES = {
    "explorer ": {"describe", "retrain", "search"},
    "explorer ret": {"retrain"},
    "explorer search sampler=": {"sampler=front", "sampler=tpe", "sampler=random"},
    "explorer search +space=fire_mi": {"+space=fire_micro"},
    "explorer search sampler=tpe n_tr": {"n_trials="},
    "explorer retrain see": {"seeds="},
    "explorer retrain ": {"seeds=", "launcher="},
    "explorer serach see": set(),
}


@pytest.mark.slow
@pytest.mark.skipif(not which("bash"), reason="no bash here")
def test_bash_completes_commands_groups_spaces_and_keys(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", BASH],
        input="\n".join(LINES) + "\n",
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "rror" not in done.stderr
    registered, *found = done.stdout.rstrip("\n").split("\n")
    assert registered.endswith("-F hydra_bash_completion explorer")
    found += [""] * (len(LINES) - len(found))
    for (line, expected), words in zip(LINES.items(), found, strict=True):
        assert expected <= set(words.split()), line
        assert bool(words) == bool(expected), line


def test_two_dashes() -> None:
    assert _override("--text", "report") == "text=true"
    assert _override("--text=false", "report") == "text=false"
    assert _override("--seeds=5", "retrain") == "seeds=5"
    for word in ("--help", "--cfg=job", "-sc", "text=true", "--hydra-help"):
        assert _override(word, "report") == word
    with pytest.raises(ConfigError, match="--tex is no option; --help shows the keys"):
        _override("--tex", "report")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in folder("conf").glob("*.yaml")))
def test_every_command_has_help_of_one_style(name: str, tmp_path: Path) -> None:
    done = warm.command(f"explorer.{name}", "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    what, examples, *_ = done.stdout.split("\n\n")
    assert what.strip()[0].isupper()  # a sentence on what it does, then examples, then its keys
    assert what.strip().endswith(".")
    assert all(line.startswith("  ") for line in examples.splitlines())
    assert f"  python -m explorer.{name}" in examples
    assert "Values (KEY=VALUE):" in done.stdout or "Groups (GROUP=OPTION)" in done.stdout
    assert max(map(len, [*what.splitlines(), *examples.splitlines()])) <= 120
