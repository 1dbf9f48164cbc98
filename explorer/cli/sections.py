"""Sections of a page in the terminal: their words and tables, without their figures."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from explorer.reporting.document import Section


def show(sections: Iterable[Section], console: Console) -> None:
    """Prints them."""
    for section in sections:
        console.print(Text(f"\n{section.title}", style="bold"))
        for line in section.lines:
            console.print(line, highlight=False, markup=False)
        if section.heads:
            table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
            for i, head in enumerate(section.heads):
                table.add_column(head, justify="left" if i in section.words else "right")
            for row in section.rows:
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)
        if section.note:
            console.print(section.note, style="dim", highlight=False, markup=False)
