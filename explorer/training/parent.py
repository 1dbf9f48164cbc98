"""A process that must not outlive the one that started it. Nothing heavy is imported here."""

from __future__ import annotations

import os
import threading
from multiprocessing import connection, parent_process


def end_with_parent(pipe: int | None = None) -> None:
    """Ends this process at once, exit code 1, when the process that started it is gone.

    Args:
        pipe: file descriptor whose other end only the parent holds; None: this is a process of `multiprocessing`,
            which has such a pipe itself.
    """
    parent = parent_process()
    end = parent.sentinel if pipe is None and parent is not None else pipe
    if end is not None:
        threading.Thread(target=_wait, args=(end,), daemon=True).start()


def _wait(end: int) -> None:
    connection.wait([end])
    os._exit(1)
