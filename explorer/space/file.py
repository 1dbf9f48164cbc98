"""A space's file as plain data: what it may hold is settled before Hydra composes it.

A space is shared like a table of numbers. Hydra, though, lets a config name any other (`defaults`), put its keys
anywhere (`@package`), call what a `_target_` names, and read the environment (`${oc.env:...}`). A space does none of
that: its `defaults` name spaces, and nothing in it is evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from explorer.space.parameter import SpaceError

MOST_BYTES = 65_536
MOST_NODES = 2_000
"""Values, keys, lists and maps of a file, its aliases written out."""
DEEPEST = 20
DEFAULT = re.compile(r"(?P<space>[\w-]+)(@families\.\w+)?")
"""An entry of `defaults`: a space, or a space as the part of a union."""


def read_space_file(path: Path) -> dict[str, Any]:
    """The keys and values of a space's file.

    Raises:
        SpaceError: naming the file, if it is no YAML, too large, or more than data.
    """
    try:
        data = path.read_bytes()
        if len(data) > MOST_BYTES:
            raise SpaceError(f"{path}: {len(data):,} bytes, expected a space of at most {MOST_BYTES:,}")
        loader = yaml.SafeLoader(data.decode("utf-8-sig"))
        node = loader.get_single_node()
        _check_size(path, node)
        content = loader.construct_document(node) if node else None
    except RecursionError:
        raise SpaceError(f"{path}: no space: it is more than {DEEPEST} levels deep") from None
    except OSError as error:
        raise SpaceError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SpaceError(f"{path}: no YAML: it is not UTF-8") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        if isinstance(error, SpaceError):
            raise
        raise SpaceError(f"{path}: no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise SpaceError(f"{path}: no space: expected a mapping with family, search, ...")
    for place, value in strings(content):
        if "${" in value:
            raise SpaceError(f"{path}: {place} is {value!r}; a space is data, so nothing is interpolated in it")
    for entry in _defaults(path, content):
        if entry != "_self_" and not (isinstance(entry, str) and DEFAULT.fullmatch(entry)):
            raise SpaceError(f"{path}: defaults has {entry!r}, expected spaces, such as fire or fire@families.fire")
    return content


def inherited(content: dict[str, Any]) -> list[str]:
    """The spaces that a space's `defaults` name."""
    return [match["space"] for entry in content.get("defaults") or () if (match := DEFAULT.fullmatch(str(entry)))]


def _defaults(path: Path, content: dict[str, Any]) -> list[Any]:
    entries = content.get("defaults")
    if entries is not None and not isinstance(entries, list):
        raise SpaceError(f"{path}: defaults is {entries!r}, expected a list of spaces")
    return entries or []


def _check_size(path: Path, root: yaml.Node | None) -> None:
    """Counts what the aliases of a file come to without writing them out."""
    sizes: dict[int, int] = {}
    above = set[int]()

    def size(node: yaml.Node, depth: int) -> int:
        if depth > DEEPEST:
            raise SpaceError(f"{path}: no space: it is more than {DEEPEST} levels deep")
        if id(node) in above:
            raise SpaceError(f"{path}: no space: an alias in it stands for what holds it")
        if id(node) not in sizes:
            above.add(id(node))
            parts = (part for item in _children(node) for part in (item if isinstance(item, tuple) else (item,)))
            sizes[id(node)] = 1 + sum(size(part, depth + 1) for part in parts)
            above.remove(id(node))
        return sizes[id(node)]

    if root is not None and size(root, 0) > MOST_NODES:
        raise SpaceError(f"{path}: no space: it holds more than {MOST_NODES:,} values, its aliases written out")


def _children(node: yaml.Node) -> list[Any]:
    return node.value if isinstance(node, yaml.CollectionNode) else []


def strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a file, keys too, with where it stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(key, f"a key of {place}" if place else "a key")
            yield from strings(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, place)
    elif isinstance(value, str):
        yield place, value
