"""A board as data: what it has, what the runtime and the application keep of it, where each number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from explorer.arch.architecture import Architecture
from explorer.arch.tflite import flash, ram


class BoardError(ValueError):
    """A board that lacks a number, or has one that cannot be; one line naming the key."""


@dataclass(frozen=True)
class Board:
    """A microcontroller board, in bytes.

    Attributes:
        name: of conf/board/NAME.yaml.
        words: its full name.
        flash, ram: what it has for a program.
        kept_flash, kept_ram: of that, for the runtime, its kernels and the application.
        npu: of ethos-u-vela, such as `ethos-u55-128`; None where it has none.
    """

    name: str
    words: str
    flash: int
    ram: int
    kept_flash: int
    kept_ram: int
    npu: str | None = None

    @property
    def limits(self) -> dict[str, int]:
        """What is left for a network's file and arena, by the names of sizes."""
        return {"flash": self.flash - self.kept_flash, "ram": self.ram - self.kept_ram}

    def lacks(self, architecture: Architecture) -> dict[str, int]:
        """By how many bytes a network is too large, by the names of sizes; nothing where it fits.

        Raises:
            OperatorError: if TFLite Micro has no operator for a layer.
        """
        needed = {"flash": flash(architecture), "ram": ram(architecture)}
        return {name: needed[name] - limit for name, limit in self.limits.items() if needed[name] > limit}


def read(board: Mapping[str, Any]) -> Board:
    """Checks a board.

    Raises:
        BoardError: naming the key.
    """
    name = board.get("name")
    if not isinstance(name, str) or not name:
        raise BoardError(f"board.name is {name!r}, expected the board's name")
    for key in ("flash", "ram", "kept_flash", "kept_ram"):
        value = board.get(key)
        if type(value) is not int or value < (0 if key.startswith("kept") else 1):
            raise BoardError(f"board {name}: {key} is {value!r}, expected bytes, such as 262144")
    for key in ("flash", "ram"):
        if board[f"kept_{key}"] >= board[key]:
            raise BoardError(f"board {name}: kept_{key} leaves nothing of the {board[key]:,} bytes of {key}")
    if not isinstance(board.get("words", name), str) or not isinstance(board.get("npu"), str | None):
        raise BoardError(f"board {name}: words and npu are text")
    known = {each.name for each in fields(Board)} | {"sources"}
    for key in board:
        if key not in known:
            raise BoardError(f"board {name} has no key {key!r}, its keys are {', '.join(sorted(known))}")
    given = {key: board[key] for key in board if key != "sources"}
    return Board(**{"words": name} | given)


def listing(boards: Mapping[str, Board]) -> str:
    """The boards as lines of text."""
    rows = [("board", "flash", "ram", "for a network", "")]
    for name, board in boards.items():
        left = board.limits
        room = f"{left['flash']:,} + {left['ram']:,}"
        rows.append((name, f"{board.flash:,}", f"{board.ram:,}", room, board.words))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    )
