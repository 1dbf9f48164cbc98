"""Sheets as text: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from explorer.reproduction.sheet import SOURCES, Sheet, Source

if TYPE_CHECKING:
    from rich.console import Console

STYLES: dict[Source | None, str] = {None: "bold", "printed": "yellow", "counted": "green", "measured": "blue"}


def show(sheets: Sequence[Sheet], console: Console) -> None:
    """Prints the sheets; the colour of a column is that of its source, which its head names too."""
    from rich.table import Table

    for sheet in sheets:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
        for column, head in enumerate(sheet.heads):
            source = sheet.source_of(column)
            first = _first(sheet, column)
            over = SOURCES[source].split()[0] if source and first else ""
            table.add_column(
                f"{over}\n{head}",
                justify="left" if column == 0 or not head else "right",
                style=STYLES[source] if column else "",
                no_wrap=True,
            )
        for row in sheet.rows:
            cells = [f"[bold red]{cell}[/]" if i in row.differs else cell for i, cell in enumerate(row.cells)]
            table.add_row(row.label, *cells)
        console.print(f"\n[bold]{sheet.title}[/]", highlight=False)
        console.print(sheet.about, style="dim", highlight=False)
        console.print(table)
        for note in sheet.notes:
            console.print(f"[dim]note[/]      {note}", highlight=False)
        if sheet.measured:
            console.print(f"[blue]measured[/]  {sheet.measured}", highlight=False)
        for trend in sheet.trends:
            console.print(f"[blue]measured[/]  {trend.text}", highlight=False)


def markdown(sheets: Sequence[Sheet], caveat: str, pictures: str | None = None) -> str:
    """The sheets as one Markdown document.

    Args:
        sheets: in order.
        caveat: what the reader must know of the measured part.
        pictures: a folder that holds KEY.png for each sheet with a measured sweep; None: no pictures.
    """
    lines = ["# The paper, counted and measured", ""]
    lines += [
        "Every table and figure of [SqueezeNet](https://arxiv.org/abs/1602.07360) beside what this program counts"
    ]
    lines += ["and what it measured. The head of each column says which of the three it is.", "", caveat, ""]
    for sheet in sheets:
        lines += [f"## {sheet.title}", "", sheet.about, "", *_markdown_table(sheet), ""]
        lines += [f"- {note}" for note in sheet.notes]
        lines += [""] if sheet.notes else []
        if sheet.measured:
            lines += [f"Measured. {_code(sheet.measured)}", ""]
        lines += [f"- {trend.text}" for trend in sheet.trends]
        lines += [""] if sheet.trends else []
        if pictures and sheet.sweep:
            lines += [f"![{sheet.title}]({pictures}/{sheet.key}.png)", ""]
    return "\n".join(lines)


def _markdown_table(sheet: Sheet) -> list[str]:
    heads = []
    for column, head in enumerate(sheet.heads):
        source = sheet.source_of(column)
        heads.append(f"{SOURCES[source].split()[0]}: {head or 'check'}" if source else head)
    alignment = ["---", *("---:" if head else "---" for head in sheet.heads[1:])]
    rows = [[row.label, *row.cells] for row in sheet.rows]
    return [f"| {' | '.join(cells)} |" for cells in [heads, alignment, *rows]]


def _first(sheet: Sheet, column: int) -> bool:
    """Whether a column is the first of its part."""
    return sheet.source_of(column) != sheet.source_of(column - 1) if column > 1 else column == 1


def _code(text: str) -> str:
    """Commands in backticks."""
    before, found, command = text.partition("python -m")
    command, closing = (command[:-1], ")") if command.endswith(")") else (command, "")
    return f"{before}`{found}{command}`{closing}" if found else text
