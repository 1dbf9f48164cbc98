"""A table or figure of the paper as one sheet of three parts that never mix: printed, counted, measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from explorer.plots.sweep import Elsewhere, SweepInfo
from explorer.reproduction.trends import Trend

Source = Literal["printed", "counted", "measured"]
SOURCES: dict[Source, str] = {
    "printed": "printed in the paper",
    "counted": "computed by this program",
    "measured": "measured here",
}


@dataclass(frozen=True)
class Part:
    """Columns of one source."""

    source: Source
    heads: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A line: a name, then a cell for each head of each part.

    Attributes:
        differs: places, from 0, of the cells that are not what is printed.
    """

    label: str
    cells: tuple[str, ...]
    differs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """One table or figure.

    Attributes:
        key: a word for links and file names.
        title, about: what it is.
        label: head of the first column.
        parts: the columns, by source.
        rows: the lines.
        notes: what does not agree, and why.
        trends: questions to the measured part.
        measured: in one line, what the measured part was measured on, or the command that makes what is missing; empty
            if there is nothing to measure.
        sweep, elsewhere, tradeoff: what is drawn.
    """

    key: str
    title: str
    about: str
    label: str
    parts: tuple[Part, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    trends: tuple[Trend, ...] = ()
    measured: str = ""
    sweep: SweepInfo | None = None
    elsewhere: Elsewhere | None = None
    tradeoff: bool = False

    @property
    def heads(self) -> list[str]:
        """The head of every column, sources left out."""
        return [self.label, *(head for part in self.parts for head in part.heads)]

    def part_of(self, column: int) -> Part | None:
        """The part that a column belongs to; None for the first column, the label's."""
        for part in self.parts:
            if 1 <= column <= len(part.heads):
                return part
            column -= len(part.heads)
        return None
