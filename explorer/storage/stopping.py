"""SIGINT and SIGTERM stop a command at once, but never in the middle of a call of the database.

A KeyboardInterrupt that is raised inside SQLAlchemy can leave a transaction open, and the process then waits for a lock
that is its own.

Python runs a signal's handler between two instructions of the main thread, and once for all signals that came since the
last time. While SQLite waits for a lock there is no such moment, so the second signal is counted by a thread.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that was stopped."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_calls = 0
"""How many calls of the database the main thread is in."""
_noted = False
"""Whether a signal came during one."""


def stop_on_signals() -> None:
    """The first signal raises KeyboardInterrupt; a second one ends the process at once, and its workers with it."""
    source, target = os.pipe()
    os.set_blocking(target, False)
    threading.Thread(target=_count, args=[source], name="signals", daemon=True).start()
    before = signal.set_wakeup_fd(target, warn_on_full_buffer=False)  # each signal's number is written as it comes
    if before >= 0:  # of an earlier call; no event loop runs in the main thread
        os.close(before)
    for number in SIGNALS:
        signal.signal(number, _stop)


def _count(source: int) -> None:
    came = 0
    with open(source, "rb", buffering=0) as numbers:
        while number := numbers.read(1):
            came += number[0] in SIGNALS
            if came > 1:
                os._exit(INTERRUPTED)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A block in which no KeyboardInterrupt is raised: that of a signal that comes meanwhile is raised at its end.

    Signals are the main thread's; in another one nothing changes.
    """
    global _calls, _noted
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _calls += 1
    try:
        yield
    finally:
        _calls -= 1
        if _noted and not _calls:
            _noted = False
            raise KeyboardInterrupt


def _stop(number: int, frame: FrameType | None) -> None:
    global _noted
    if _calls:
        _noted = True
    else:
        raise KeyboardInterrupt
