"""The progress of a command on stderr: a bar or a spinner in a terminal, else a line once it has taken a while."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from explorer.cli.console import open_console

LONG = 2.0
"""Seconds after which something is worth a line; each further line takes twice as long."""


@contextmanager
def working(words: str, plain: bool = True) -> Iterator[None]:
    """A spinner while something is done.

    Args:
        words: what is done.
        plain: whether it is worth a line where there is no terminal.
    """
    console = open_console(stderr=True)
    if console.is_terminal:
        with console.status(Text(words)):
            yield
        return
    if not plain:
        yield
        return
    timer = threading.Timer(LONG, lambda: print(f"{words} ...", file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def counting(words: str, things: str) -> Iterator[Callable[..., None]]:
    """A spinner that becomes a bar once there is something to count; call what it yields with how many of how many.

    Args:
        words: what is done.
        things: that are counted, unless the call names others: for these another bar begins.
    """
    with ExitStack() as shown:
        shown.enter_context(working(words, plain=False))
        bars: dict[str, Callable[[int], None]] = {}
        before = 0

        def counted(done: int, total: int, things: str = things) -> None:
            nonlocal before
            if things not in bars:
                shown.close()
                bars[things], before = shown.enter_context(steps(things, total)), 0
            bars[things](done - before)
            before = done

        yield counted


@contextmanager
def steps(words: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar while a number of things are done; call what it yields with how many more are.

    Args:
        words: what is done.
        total: number of them.
    """
    console = open_console(stderr=True)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(words, total=total)
            yield lambda more: bar.advance(task, more)
        return
    begun, done, pause = time.monotonic(), 0, LONG

    def advance(more: int) -> None:
        nonlocal done, pause
        done += more
        if time.monotonic() - begun > pause and done < total:
            pause *= 2
            print(f"{words} {done}/{total}", file=sys.stderr, flush=True)

    yield advance
