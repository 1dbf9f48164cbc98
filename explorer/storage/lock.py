"""One controller at a time in a study's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class BusyError(ValueError):
    """Another process is at work there."""


class FolderError(ValueError):
    """A folder that cannot be made or written."""


def at_work(folder: Path) -> bool:
    """Whether a controller holds a study's folder."""
    if not (folder / "lock").exists():
        return False
    try:
        with FileLock(folder / "lock").acquire(blocking=False):
            return False
    except Timeout:
        return True


@contextmanager
def sole_controller(folder: Path) -> Iterator[None]:
    """Holds a study's folder; a second controller is refused.

    Raises:
        BusyError: if another process holds it.
        FolderError: if it cannot be made.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    path = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = FileLock(path).acquire(blocking=False)
    except Timeout:
        holder = path.read_text(encoding="utf-8").strip() or "unknown"
        raise BusyError(f"another search is at work on {folder} (process {holder})") from None
    except OSError as error:
        raise FolderError(f"{folder}: {error.strerror}, expected a folder that can be written") from None
    with held:
        path.write_text(str(os.getpid()), encoding="utf-8")
        try:
            yield
        finally:
            if new and [*folder.iterdir()] == [path]:  # nothing came of it
                path.unlink()
                with suppress(OSError):  # others have begun to use it
                    for place in new:
                        place.rmdir()
