"""Architectures of many trials in little memory: their JSON in pieces, of which equal ones are one object."""

from __future__ import annotations

from sys import intern
from typing import Any

BETWEEN = "},{"
"""What stands between two layers."""


class Text:
    """A field of a dataclass that holds a text in pieces; see "descriptor-typed fields" in Python's dataclasses."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> str:
        if instance is None:
            raise AttributeError  # so the field has no default
        pieces: tuple[str, ...] = instance.__dict__[self._name]
        return BETWEEN.join(pieces)

    def __set__(self, instance: Any, text: str) -> None:
        instance.__dict__[self._name] = tuple(map(intern, text.split(BETWEEN)))
