"""Pictures that are decoded and resized once, and kept as bytes in files that every process maps.

A cache is a folder with an index and the bytes of pictures, a file of them for each time that some were added. An entry
holds for a file of its name, size and time of change. What is not in the index does not exist: the index is replaced
as a whole, once the bytes it names are on the disk. So a crash or a full disk leaves nothing that is trusted later.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import joblib
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from explorer.data import DataError
from explorer.data.picture import Frame

Pixels: TypeAlias = NDArray[np.uint8]

FORMAT = "explorer.pictures/1"
INDEX, BYTES = "index.json", ".bytes"
KEEP = 20.0
"""Seconds after which what is done so far is kept, whatever happens then."""
FULL = (errno.ENOSPC, errno.EDQUOT)
MOST_NAMED = 10
"""Unreadable files that a message names."""


@dataclass(frozen=True)
class Entry:
    """Where the pixels of a file are.

    Attributes:
        size, time: of the file, in bytes and nanoseconds; another size or time is another picture.
        bytes: name of the file that holds them.
        offset: of their first byte.
        height, width: they are (3, height, width).
        animated: whether the file has more frames than this first one.
    """

    size: int
    time: int
    bytes: str
    offset: int
    height: int
    width: int
    animated: bool

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + 3 * self.height * self.width


@dataclass(frozen=True)
class Pictures:
    """The pictures of some files, in the order that was asked for; what is looked at is read from the disk.

    Attributes:
        entries: one a picture.
        mapped: the files that hold their bytes.
    """

    entries: Sequence[Entry]
    mapped: Mapping[str, Pixels]

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Pixels:
        """A picture (3, height, width), RGB."""
        entry = self.entries[number]
        return self.mapped[entry.bytes][entry.offset : entry.end].reshape(3, entry.height, entry.width)

    @property
    def animated(self) -> int:
        """How many are the first frame of several."""
        return sum(entry.animated for entry in self.entries)


class Cache:
    """The cache of the pictures below one folder, decoded in one way."""

    def __init__(self, folder: Path, root: Path, decode: Callable[[str], Frame], key: Mapping[str, Any]) -> None:
        """Nothing is read or written yet.

        Args:
            folder: of all caches; each has a folder of its own in it.
            root: the pictures' folder.
            decode: from a file to pixels (3, H, W); raises DataError.
            key: all that decoding depends on beside the file, as JSON.
        """
        self.root, self._decode = os.path.abspath(root), decode
        name = json.dumps([FORMAT, self.root, *sorted(key.items())], ensure_ascii=False)
        self.folder = folder / hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def pictures(self, files: Sequence[str], done: Callable[[int], None] = lambda _: None) -> Pictures:
        """The pictures of files; those that are not kept yet are decoded, over all cores.

        Another process that makes the same cache is waited for.

        Args:
            files: below the root.
            done: called with how many more pictures are there, from any thread.

        Raises:
            DataError: naming the files that cannot be read; if the disk is full, or the cache cannot be written.
        """
        found, unreadable = self.readable(files, done)
        if unreadable:
            raise DataError(unreadable_words(unreadable, len(files)))
        return found

    def readable(
        self, files: Sequence[str], done: Callable[[int], None] = lambda _: None
    ) -> tuple[Pictures, dict[str, str]]:
        """The same, without the files that cannot be read: they, and why, are the second."""
        stats = {file: _stat(file) for file in dict.fromkeys(files)}
        index = self._index()
        missing = [file for file in stats if not self._holds(index, file, stats[file])]
        done(len(stats) - len(missing))
        unreadable: dict[str, str] = {}
        if missing:
            with self._alone():
                index = self._index()  # another process may have been at work meanwhile
                still = [file for file in missing if not self._holds(index, file, stats[file])]
                done(len(missing) - len(still))
                unreadable = self._add(index, still, stats, done)
        entries = [index[self._name(file)] for file in files if file not in unreadable]
        # As plain arrays: a view of a memmap costs several times that of an array.
        mapped = {
            name: np.asarray(np.memmap(self.folder / name, np.uint8, "r"))
            for name in dict.fromkeys(each.bytes for each in entries)
        }
        return Pictures(entries, mapped), unreadable

    def _add(
        self,
        index: dict[str, Entry],
        files: Sequence[str],
        stats: Mapping[str, os.stat_result],
        done: Callable[[int], None],
    ) -> dict[str, str]:
        """Decodes files into new bytes and puts them into the index; which could not be read, and why."""
        if not files:
            return {}
        gone = [name for name in index if not os.path.exists(os.path.join(self.root, name))]
        for name in gone:
            del index[name]
        used = {entry.bytes for entry in index.values()}
        for path in self.folder.glob(f"*{BYTES}"):
            if path.name not in used:
                path.unlink()  # of files that are gone, or of a process that was
        number = 1 + max((int(Path(name).stem) for name in used), default=0)
        target, unreadable, kept = self.folder / f"{number:06d}{BYTES}", dict[str, str](), time.monotonic()
        writing = threading.Lock()
        with _unless_used(target, used), target.open("wb") as output, ThreadPoolExecutor(joblib.cpu_count()) as pool:

            def one(file: str) -> None:
                frame = self._decode(file)
                with writing:  # nothing piles up: a thread goes on once its picture is written
                    offset = output.tell()
                    output.write(frame.pixels.tobytes())
                _, height, width = frame.pixels.shape
                size, changed = stats[file].st_size, stats[file].st_mtime_ns
                made[self._name(file)] = Entry(size, changed, target.name, offset, height, width, frame.animated)

            made: dict[str, Entry] = {}
            waiting = {pool.submit(one, file): file for file in files}
            try:
                for future in as_completed(waiting):
                    if isinstance(error := future.exception(), DataError):
                        unreadable[waiting[future]] = str(error)
                    elif error is not None:
                        raise error
                    done(1)
                    if time.monotonic() - kept > KEEP:
                        with writing:
                            _to_disk(output)
                            self._keep(index | made)
                        used.add(target.name)
                        kept = time.monotonic()
            finally:
                pool.shutdown(cancel_futures=True)
            _to_disk(output)
            index |= made
            self._keep(index)
        return {file: unreadable[file] for file in files if file in unreadable}

    def _name(self, file: str) -> str:
        return os.path.relpath(file, self.root)

    def _holds(self, index: Mapping[str, Entry], file: str, stat: os.stat_result) -> bool:
        entry = index.get(self._name(file))
        return entry is not None and (entry.size, entry.time) == (stat.st_size, stat.st_mtime_ns)

    def _index(self) -> dict[str, Entry]:
        """What is kept; nothing if there is no index, or one that is not this program's."""
        try:
            content = json.loads((self.folder / INDEX).read_text(encoding="utf-8", errors="surrogateescape"))
            entries = {name: Entry(*row) for name, row in content["pictures"].items()}
            sizes = {name: (self.folder / name).stat().st_size for name in {each.bytes for each in entries.values()}}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return {name: entry for name, entry in entries.items() if entry.end <= sizes[entry.bytes]}

    def _keep(self, index: Mapping[str, Entry]) -> None:
        """Replaces the index."""
        new = self.folder / f"{INDEX}.new"
        content = {"format": FORMAT, "root": self.root, "pictures": {name: _row(each) for name, each in index.items()}}
        with new.open("w", encoding="utf-8", errors="surrogateescape") as output:
            json.dump(content, output, ensure_ascii=False)
            _to_disk(output)
        new.replace(self.folder / INDEX)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time adds to a cache; errors of the file system are one line."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                yield
        except OSError as error:
            if error.errno in FULL:
                raise DataError(
                    f"data.cache {self.folder.parent}: the disk is full; free some space, or set data.cache=null"
                ) from None
            raise DataError(
                f"data.cache {self.folder.parent}: {error.strerror}, expected a folder that can be written, or null"
            ) from None


@contextmanager
def _unless_used(path: Path, used: set[str]) -> Iterator[None]:
    """Removes a file after an error, if nothing in it is used."""
    try:
        yield
    except BaseException:
        if path.name not in used:
            path.unlink(missing_ok=True)
        raise


def unreadable_words(unreadable: Mapping[str, str], files: int) -> str:
    """Which files cannot be read, the first ten of them, and what to do."""
    reasons = list(unreadable.values())
    more = f" and {len(reasons) - MOST_NAMED:,} more" if len(reasons) > MOST_NAMED else ""
    count = f"{len(reasons):,} of {files:,} images cannot be read: " if len(reasons) > 1 else ""
    return f"{count}{'; '.join(reasons[:MOST_NAMED])}{more}; repair them, or leave them out by data.unreadable=skip"


def _row(entry: Entry) -> list[Any]:
    return [entry.size, entry.time, entry.bytes, entry.offset, entry.height, entry.width, entry.animated]


def _stat(file: str) -> os.stat_result:
    try:
        return os.stat(file)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from None


def _to_disk(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
