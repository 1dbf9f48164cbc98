"""One process at a time on this machine: making a database or fetching data from several at once is a race."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock


class LockError(ValueError):
    """The place of locks is not this user's own."""


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
