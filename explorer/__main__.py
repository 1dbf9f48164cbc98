"""python -m explorer, or explorer: the commands. `explorer NAME ...` does what `python -m explorer.NAME ...` does."""

from __future__ import annotations

import ast
import os
import runpy
import sys
from pathlib import Path
from typing import NoReturn

import explorer

BAD_INPUT = 2
COMPLETION = ("-sc", "--shell-completion")
"""Hydra's option. The script that it installs calls `explorer -sc query=bash`, with what is typed in COMP_LINE."""


def main() -> int:
    """Runs the command that the command line names; without one, lists them."""
    first = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if first in ("-h", "--help"):
        print(listing())
    elif first == "--version":
        print(explorer.__version__)
    elif first in COMPLETION:
        return complete(os.environ.get("COMP_LINE"))
    elif first in commands():
        del sys.argv[1]
        run(first)
    else:
        print(f"explorer: no command {first!r}, expected one of {', '.join(commands())}", file=sys.stderr)
        return BAD_INPUT
    return 0


def commands() -> dict[str, Path]:
    """The module of each command, by its name: they alone lie in the package's own folder."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return {path.stem: path for path in modules if not path.stem.startswith("_")}


def listing() -> str:
    """The commands with a line each, the first of their module's docstring."""
    lines = [f"  {name:<12}{summary(path)}" for name, path in commands().items()]
    head = [(explorer.__doc__ or "").splitlines()[0], "", "  explorer NAME ...    (or python -m explorer.NAME ...)", ""]
    return "\n".join([*head, *lines, "", "explorer NAME --help shows what a command takes."])


def summary(path: Path) -> str:
    """What a module's docstring says of its command: "python -m explorer.NAME WORDS: this part."."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].partition(": ")[2]


def complete(typed: str | None) -> int:
    """Answers the shell: names of commands, and behind a command what Hydra says can follow.

    Args:
        typed: the line up to the cursor; None where the shell asks for the script that installs completion.
    """
    if typed is None:
        run(next(iter(commands())))
    name, space, rest = typed.partition(" ")[2].lstrip().partition(" ")
    if space and name in commands():
        os.environ["COMP_LINE"] = f"explorer.{name} {rest}"
        run(name)
    if not space:
        print(*commands(), sep="\n")
    return 0


def run(name: str) -> NoReturn:
    """Runs a command as `python -m` does, and leaves with its exit code."""
    runpy.run_module(f"explorer.{name}", run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    sys.exit(main())
