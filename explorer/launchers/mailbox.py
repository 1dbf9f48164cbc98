"""A shared folder between a controller and its workers: small JSON files, each put in place whole, and no open port.

Each side polls one file that the other rewrites, and opens other files only after they are announced there. So a
network file system never answers from a cached failure to find a name.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60.0
"""Silence after which the other side is taken for dead."""


def write(path: Path, content: Any) -> None:
    """Replaces a JSON file atomically: temporary name, fsync, rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read(path: Path) -> Any:
    """Reads JSON; None if it is not there."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):  # a network file system may say that a file just replaced is stale
        return None


class Pulse:
    """Measures how long a value has not changed, by the local clock: the clocks of two machines may differ."""

    def __init__(self) -> None:
        self._value: Any = None
        self._since = time.monotonic()

    def silent(self, value: Any) -> float:
        """Seconds since the value changed."""
        now = time.monotonic()
        if value != self._value:
            self._value, self._since = value, now
        return now - self._since
