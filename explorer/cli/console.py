"""The terminal as every command prints to it: text is text, whatever brackets a path or a name has."""

from __future__ import annotations

import os

from rich.console import Console

WIDTH = 160
"""Columns of a line where the output is no terminal."""


def open_console(width: int = WIDTH, stderr: bool = False) -> Console:
    """A console that takes no markup; what it shows in colour is given a style.

    Args:
        width: columns where the output is no terminal and COLUMNS says nothing.
        stderr: whether it prints there.
    """
    console = _console(None, stderr)
    return console if console.is_terminal or "COLUMNS" in os.environ else _console(width, stderr)


def tell(console: Console, words: str, asked: bool) -> None:
    """Prints what became of something in MLflow; in yellow where the server could not be asked."""
    console.print(words, style="" if asked else "yellow")


def _console(width: int | None, stderr: bool) -> Console:
    return Console(width=width, stderr=stderr, markup=False, highlight=False, emoji=False)
