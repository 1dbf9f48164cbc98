"""One process at a time on this machine: making a database from several at once is a race in every library."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


class BusyError(ValueError):
    """Another process is at work there."""


class LockError(ValueError):
    """The place of locks is not this user's own."""


class FolderError(ValueError):
    """A folder that cannot be made or written."""


def alone(path: Path) -> FileLock:
    """A lock to be entered with `with`, which waits until no other process is inside for the same path.

    Args:
        path: of what is made or migrated; the lock lies in the folder for temporary files, not beside it.

    Raises:
        LockError: if somebody else could put a file in the lock's place.
    """
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]
    return FileLock(_own_folder() / f"{name}.lock")


def _own_folder() -> Path:
    """A folder that this user alone can write to: everybody can guess names in the one for temporary files."""
    folder = Path(tempfile.gettempdir(), f"explorer-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise LockError(f"{folder} is no folder of this user alone; remove it, or set TMPDIR to another place")
    return folder


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
