"""The options and spaces that a command line can name, as plain data with what they inherit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from explorer.space import SpaceError, parse


def options(group: Path) -> dict[str, dict[str, Any]]:
    """The options of a group, such as conf/recipe, by name."""
    return {path.stem: inherited(path) for path in sorted(group.glob("*.yaml"))}


def spaces(files: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """The spaces by name, as a study keeps them; files that are no space are left out."""
    found: dict[str, dict[str, Any]] = {}
    for name, path in files.items():
        try:
            found[name] = parse(name, inherited(path)).as_dict()
        except (SpaceError, OSError, yaml.YAMLError):
            continue
    return found


def inherited(path: Path) -> dict[str, Any]:
    """A file with the files beside it that its `defaults` name, in their order; `_self_` is the file itself."""
    own = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    defaults = own.pop("defaults", [])
    whole: dict[str, Any] = {}
    for entry in defaults if "_self_" in defaults else [*defaults, "_self_"]:
        name, _, place = entry.partition("@")  # fire@families.fire: the file fire.yaml, under families.fire
        part = own if name == "_self_" else inherited(path.parent / f"{name}.yaml")
        for key in reversed(place.split(".") if place else []):
            part = {key: part}
        whole = _merged(whole, part)
    return whole


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings key by key; everything else is replaced."""
    whole = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
        whole[key] = _merged(whole[key], value) if both else value
    return whole
