"""Picture files and their classes: one folder a class, or a CSV that names each file's class."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from explorer.data import DataError
from explorer.data.picture import is_picture

Sample = tuple[str, int]
"""A file and the number of its class."""

COLUMNS = ("file", "class_index")
MOST_CLASSES = 2**24
SHOWN = 60
"""Characters of a name from a file that a message repeats."""


@dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        samples: pictures, with their classes.
        classes: their names; empty if they have none.
        skipped: of what is there besides: files by their ending, `hidden` files and folders.
    """

    samples: list[Sample]
    classes: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter, compare=False)


def scan(folder: Path, key: str = "data.dir") -> Found:
    """The pictures in a folder of one folder a class, at any depth; hidden files and folders do not count.

    Args:
        folder: holds CLASS/NAME.jpg.
        key: of the config, for messages.

    Returns:
        The pictures in the order of their names.

    Raises:
        DataError: if the folder is absent, or a class has no picture.
    """
    where = os.path.abspath(folder)
    expected = f"put one folder of images a class there (CLASS/NAME.jpg), or set {key}"
    if not folder.is_dir():
        raise DataError(f"no data folder {where}; {expected}")
    skipped: Counter[str] = Counter()
    entries = {entry.name: entry.is_dir() for entry in os.scandir(folder)}
    names = sorted(name for name in _shown([*entries], skipped) if entries[name])
    skipped.update("outside the class folders" for name in entries if not entries[name] and is_picture(name))
    samples: list[Sample] = []
    for label, name in enumerate(names):
        files = list(_pictures(folder / name, skipped))
        if not files:
            raise DataError(f"no images in {os.path.join(where, name)}; {expected}")
        samples += ((file, label) for file in files)
    if not names:
        raise DataError(f"no images in {where} (it has no folders); {expected}")
    return Found(samples, names, skipped)


def listed(folder: Path, table: Path) -> list[Sample]:
    """The pictures that a CSV lists: (file, class), in its order.

    Its columns `file` (below `folder`) and `class_index` (from 0) may be divided by commas, semicolons or tabs; the
    text may be UTF-8, UTF-16 with a byte order mark, or Windows' cp1252. A file that is listed twice counts as often.

    Raises:
        DataError: naming the CSV and the line.
    """
    if not table.is_file():
        raise DataError(f"no label file {os.path.abspath(table)}; expected a CSV with the columns file and class_index")
    samples: list[Sample] = []
    classes: dict[tuple[int, int], tuple[int, int]] = {}  # of a file on the disk: its class, and the line that says so
    for line, name, label in _rows(table):
        file = folder / name
        identity = _on_disk(file, f"{table}, line {line}")
        before, first = classes.setdefault(identity, (label, line))
        if before != label:
            raise DataError(
                f"{table}, line {line}: {_short(name)} has class {label}, but class {before} in line {first}"
            )
        samples.append((str(file), label))
    if not samples:
        raise DataError(f"{os.path.abspath(table)}: no images in it; expected lines of file and class_index")
    return samples


def _pictures(folder: Path, skipped: Counter[str]) -> Iterator[str]:
    """The pictures below a class's folder; a link that leads back up is not followed again. What is none is counted."""
    found, seen = [], set[str]()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=_unreadable):
        if (place := os.path.realpath(root)) in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = _shown(folders, skipped)
        named = _shown(files, skipped)
        found.append((root, sorted(filter(is_picture, named))))
        skipped.update(Path(name).suffix.lower() or "without an ending" for name in named if not is_picture(name))
    for root, files in sorted(found):
        yield from (os.path.join(root, name) for name in files)


def _unreadable(error: OSError) -> None:
    raise DataError(f"{error.filename}: {error.strerror}")


def _shown(names: Sequence[str], skipped: Counter[str]) -> list[str]:
    """Those that are not hidden; the others are counted."""
    shown = [name for name in names if not (name.startswith(".") or name == "__MACOSX")]
    if len(shown) < len(names):
        skipped["hidden"] += len(names) - len(shown)
    return shown


def _rows(table: Path) -> Iterator[tuple[int, str, int]]:
    """(line, file, class) of a CSV."""
    text = _text(table.read_bytes())
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        columns = [name.strip() for name in reader.fieldnames or ()]
        if not set(COLUMNS) <= set(columns):
            found = ", ".join(map(_short, columns)) or "none"
            raise DataError(f"{table}: its columns are {found}; expected the columns file and class_index")
        reader.fieldnames = columns
        for row in reader:
            where = f"{table}, line {reader.line_num}"
            name, label = (str(row[column] or "").strip() for column in COLUMNS)
            yield reader.line_num, _below(name, where), _class(label, where)
    except csv.Error as error:
        raise DataError(f"{table}, line {reader.line_num}: {error}") from None


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")  # a wrong guess shows in a file that is not there


def _below(name: str, where: str) -> str:
    if not name:
        raise DataError(f"{where}: expected the columns file and class_index (a whole number)")
    if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
        raise DataError(f"{where}: file is {_short(name)}, expected one below data.dir")
    return name


def _class(label: str, where: str) -> int:
    if not (label.isascii() and label.isdecimal()):
        raise DataError(f"{where}: expected the columns file and class_index (a whole number), it is {_short(label)!r}")
    if len(label) > len(str(MOST_CLASSES)) or int(label) >= MOST_CLASSES:
        raise DataError(f"{where}: class_index is {_short(label)}, expected less than {MOST_CLASSES:,}")
    return int(label)


def _on_disk(file: Path, where: str) -> tuple[int, int]:
    """Device and inode of a file: the same for every name that it has."""
    try:
        found = file.stat()
        if file.is_file():
            return found.st_dev, found.st_ino
        raise FileNotFoundError
    except (OSError, ValueError):
        raise DataError(f"{where}: no file {_short(os.path.abspath(file), 200)}") from None


def _short(text: str, most: int = SHOWN) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
