"""Files that people share, in --config-dir: what Hydra would call, or let reach its own configuration, is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

PACKAGE = re.compile(r"^\s*#\s*@package\s+(\S+)", re.MULTILINE)
SPACE_KEYS = ("family", "families", "defaults")
MOST_BYTES = 1_000_000
"""Larger files are no configs of this program; Hydra is not given any."""


class SharedFileError(ValueError):
    """A config that is more than data; one line that names the file and the key."""


def may_be_space(path: Path) -> bool:
    """Whether a file in --config-dir is meant as a space; one that cannot be read is, so that it is not missed."""
    content = _read(path)
    return content is None or (isinstance(content, dict) and any(key in content for key in SPACE_KEYS))


def check_shared(config_dir: Path) -> None:
    """Looks at the configs in the groups of a folder (data/, recipe/, space/, ...); spaces have a check of their own.

    Raises:
        SharedFileError: if one names what is to be called (`_target_`), or reaches for `hydra`.
    """
    for path in sorted(config_dir.glob("*/**/*.yaml")):
        group = path.relative_to(config_dir).parts[0]
        if group == "space":
            raise SharedFileError(f"{path}: spaces lie in {config_dir} itself, not in a folder space/")
        content = _read(path)
        if group == "hydra" or not isinstance(content, dict):
            continue  # Hydra's own groups are chosen on the command line alone; what is no YAML cannot be chosen
        for key in _keys(content):
            if key in ("_target_", "hydra"):
                raise SharedFileError(f"{path}: has the key {key}; a config is data, Hydra is set on the command line")
        if any("hydra" in str(entry) for entry in content.get("defaults") or ()):
            raise SharedFileError(f"{path}: defaults reach for hydra, which is set on the command line")
        package = PACKAGE.search(path.read_text(encoding="utf-8-sig"))
        if package and "hydra" in package[1]:
            raise SharedFileError(f"{path}: @package is {package[1]}; Hydra is set on the command line")


def _read(path: Path) -> Any:
    """A file's content; None if it is no YAML."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        return yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError):
        return None


def _keys(value: Any) -> Iterator[str]:
    """Every key, however deep; an alias may stand in many places, so a place is looked at once."""
    seen, waiting = set[int](), [value]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, dict):
            yield from map(str, each)
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
