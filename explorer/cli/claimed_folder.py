"""Where commands write: into what this program made, into what is empty, or, with overwrite=true, anywhere.

A folder that is written into holds a file `.explorer`: it says that the folder is this program's, and is locked while
a command is at work there. What a command leaves in it is made in a folder beside and renamed when it is whole.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from explorer.cli.options import ConfigError

MARK = ".explorer"
STAGING = ".explorer-new"
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def claimed(
    folder: Path, *, overwrite: bool = False, earlier: Sequence[str] = (), key: str = "output"
) -> Iterator[Path]:
    """A folder to write into, held by this command alone; one that stays empty is removed again.

    Args:
        folder: made if it is absent.
        overwrite: whether files of others may be there.
        earlier: names of files by which a folder of an earlier version, without the mark, is known as ours.
        key: of the config, for messages.

    Yields:
        A folder inside it: what is there at the end replaces files and folders of the same names.

    Raises:
        ConfigError: naming the folder and what is in the way: a file, files of others, another command, a full disk.
    """
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    staging = folder / STAGING
    with _one_line(folder, key):
        _check(folder, overwrite, earlier, key)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / MARK).open("a+", encoding="utf-8") as mark:
            _hold(mark.fileno(), folder, key)
            try:
                shutil.rmtree(staging, ignore_errors=True)
                staging.mkdir()
                yield staging
                for made in staging.iterdir():
                    if (folder / made.name).is_dir():
                        shutil.rmtree(folder / made.name)
                    made.replace(folder / made.name)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
                if new and [*folder.iterdir()] == [folder / MARK]:
                    (folder / MARK).unlink()
                    with suppress(OSError):  # others have begun to use it
                        for place in new:
                            place.rmdir()


def _check(folder: Path, overwrite: bool, earlier: Sequence[str], key: str) -> None:
    if overwrite or not folder.is_dir() or any((folder / name).exists() for name in (MARK, *earlier)):
        return
    other = next(folder.iterdir(), None)
    if other is not None:
        what = f"{key} {folder} holds files of others, such as {other.name}"
        raise ConfigError(f"{what}; name an empty folder with {key}=FOLDER, or set overwrite=true")


def _hold(mark: int, folder: Path, key: str) -> None:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        who = os.pread(mark, 20, 0).decode(errors="replace").strip() or "unknown"
        raise ConfigError(f"{key} {folder}: another command is at work there (process {who})") from None
    os.ftruncate(mark, 0)
    os.pwrite(mark, str(os.getpid()).encode(), 0)


@contextmanager
def _one_line(folder: Path, key: str) -> Iterator[None]:
    """Errors of the file system about the folder as one line with the path."""
    try:
        yield
    except OSError as error:
        where = Path(str(error.filename or folder))
        if error.errno in FULL:
            raise ConfigError(f"{key} {where}: the disk is full; free some space and repeat the command") from None
        if error.errno is None or not (where.is_relative_to(folder) or folder.is_relative_to(where)):
            raise
        raise ConfigError(f"{key} {where}: {error.strerror}, expected a folder that can be written") from None
