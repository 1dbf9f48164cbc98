"""What a command writes: where nothing is, over what this program wrote, or by overwrite=true. Whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from explorer.cli.options import ConfigError

MARKS = (
    b"const figures = [];", b'id="pareto"', b'<svg xmlns="http://www.w3.org/2000/svg" class="network"',
    b'"explorer.architecture/', b'"latencies"', b'"nonzero"', b"SQZ\n",
)  # fmt: skip
"""Of pages, drawings, architectures, results and compressed networks: one is in every file of this program's."""
UNFINISHED = ".part"
"""Ending of a file that is being written."""


def check_file(path: Path, key: str = "output", overwrite: bool = False) -> None:
    """Checks that a file may be written, before what is to be in it is made.

    Raises:
        ConfigError: if it is somebody else's, or cannot be written there.
    """
    if path.is_dir():
        raise ConfigError(f"{key} {path} is a folder, expected a file")
    _check_way(path.parent, key)
    if not overwrite and not _ours(path):
        raise ConfigError(f"{key} {path} is there, and this program did not write it; overwrite=true replaces it")


def write(path: Path, content: str | bytes, key: str = "output") -> None:
    """Writes a file as a whole, its folder too.

    Raises:
        ConfigError: naming the key and the file, if it cannot be written; nothing of it is left.
    """
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file():  # a device, or a pipe
        part = path
    else:
        part = path.with_name(f".{path.name[:200]}.{os.getpid()}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        if part != path:
            part.replace(path.resolve())
    except OSError as error:
        if part != path:
            with suppress(OSError):
                part.unlink()
        raise ConfigError(f"{key} {path}: {error.strerror}, expected a file that can be written") from None


def _check_way(folder: Path, key: str) -> None:
    for place in (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                raise ConfigError(f"{key} {folder}: {place} is a file, expected a folder")
            return


def _ours(path: Path) -> bool:
    """Whether nothing would be lost: there is no file, it is empty, or this program wrote it."""
    try:
        content = path.read_bytes() if path.is_file() else b""
        return not content or any(mark in content for mark in MARKS)
    except OSError:
        return True  # writing it says why
