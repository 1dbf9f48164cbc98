"""When a trial stops: rungs, and what is decided at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class StoppingError(ValueError):
    """An unknown stopping rule."""


@dataclass(frozen=True)
class NoStopping:
    """Every trial trains to the end; rungs are only where a training can be resumed.

    Args:
        rung: epochs from one checkpoint to the next.
    """

    rung: int = 10

    def next_rung(self, epoch: int, epochs: int) -> int:
        """The epoch up to which a training that has reached `epoch` goes on."""
        return min(epochs, (epoch // self.rung + 1) * self.rung)


def make(config: Mapping[str, Any]) -> NoStopping:
    """The stopping rule of a config."""
    if config.get("name") != "none":
        raise StoppingError(f"stopping.name is {config.get('name')!r}, expected none")
    rung = config.get("rung", 10)
    if not isinstance(rung, int) or rung < 1:
        raise StoppingError(f"stopping.rung is {rung!r}, expected a whole number of at least 1")
    return NoStopping(rung)
