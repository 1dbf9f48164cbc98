"""One process at a time on this machine: making a database from several at once is a race in every library."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class BusyError(ValueError):
    """Somebody else is at work there."""


class FolderError(ValueError):
    """A folder that cannot be made or written."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until no other process is inside for the same path.

    Args:
        path: of what is made or migrated; the lock lies in the folder for temporary files, not beside it.
    """
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
    with Path(tempfile.gettempdir(), f"explorer-{os.getuid()}-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def sole_controller(folder: Path) -> Iterator[None]:
    """Holds a study's folder; a second controller is refused. If nothing comes of it, a folder made here is removed.

    Raises:
        BusyError: if another process holds it.
        FolderError: if it cannot be made.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise FolderError(f"{folder}: {error.strerror}, expected a folder that can be written") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise BusyError(
                f"another search is at work on {folder} (process {lock.read().strip() or 'unknown'})"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            if new and [*folder.iterdir()] == [folder / "lock"]:
                (folder / "lock").unlink()
                with suppress(OSError):  # others have begun to use it
                    for place in new:
                        place.rmdir()
