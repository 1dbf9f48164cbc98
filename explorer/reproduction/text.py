"""Sheets as text: for the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from explorer.reproduction.sheet import SOURCES, Part, Sheet, Source

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STYLES: dict[Source, str] = {"printed": "yellow", "counted": "green", "measured": "cyan"}


def show(sheets: Sequence[Sheet], console: Console) -> None:
    """Prints the sheets; the colour of a column is that of its source, which its head names too.

    Where a sheet is wider than the terminal its parts stand one below the other; no number is ever cut.
    """
    from rich.text import Text

    for sheet in sheets:
        console.print(Text(f"\n{sheet.title}", style="bold"))
        console.print(sheet.about, style="dim", highlight=False, markup=False)
        whole = _table(sheet, sheet.parts)
        tables = [whole] if _width(whole, console) <= console.width else [_table(sheet, (p,)) for p in sheet.parts]
        for table in tables:
            width = console.width
            console.width = max(width, _width(table, console))  # print() would cut what is wider than the console
            console.print(table)
            console.width = width
        for note in sheet.notes:
            console.print(Text.assemble(("note", "dim"), f"      {note}"))
        for line in [sheet.measured] * bool(sheet.measured) + [trend.text for trend in sheet.trends]:
            console.print(Text.assemble(("measured", STYLES["measured"]), f"  {line}"))


def _table(sheet: Sheet, parts: Sequence[Part]) -> Table:
    """The first column and those of the parts."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column(f"\n{sheet.label}", no_wrap=True)
    shown = [column for column in range(1, len(sheet.heads)) if sheet.part_of(column) in parts]
    for part in parts:
        for i, head in enumerate(part.heads):
            over = "" if i else SOURCES[part.source].split()[0]
            justify: Literal["left", "right"] = "right" if head else "left"
            table.add_column(f"{over}\n{head}", justify=justify, style=STYLES[part.source], no_wrap=True)
    for row in sheet.rows:
        cells = [Text(row.cells[column - 1], style="bold red" if column - 1 in row.differs else "") for column in shown]
        table.add_row(Text(row.label), *cells)
    return table


def _width(table: Table, console: Console) -> int:
    """Columns of a terminal that the table needs."""
    return console.measure(table, options=console.options.update(width=1000)).maximum


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
    lines += ["and what it measured. The head of each column says which of the three it is."]
    lines += ["`python -m explorer.paper format=markdown` prints this.", "", caveat, ""]
    for sheet in sheets:
        lines += [f"## {sheet.title}", "", sheet.about, "", *_markdown_table(sheet), ""]
        lines += [f"- {note}" for note in sheet.notes]
        lines += [""] if sheet.notes else []
        if sheet.measured:
            lines += [_code(sheet.measured), ""]
        lines += [f"- {trend.text}" for trend in sheet.trends]
        lines += [""] if sheet.trends else []
        if pictures and sheet.sweep:
            lines += [f"![{sheet.title}]({pictures}/{sheet.key}.png)", ""]
    return "\n".join(lines)


def _markdown_table(sheet: Sheet) -> list[str]:
    heads = []
    for column, head in enumerate(sheet.heads):
        part = sheet.part_of(column)
        heads.append(f"{SOURCES[part.source].split()[0]}: {head or 'check'}" if part else head)
    alignment = ["---", *("---:" if head else "---" for head in sheet.heads[1:])]
    rows = [[row.label, *row.cells] for row in sheet.rows]
    return [f"| {' | '.join(cells)} |" for cells in [heads, alignment, *rows]]


def _code(text: str) -> str:
    """Commands in backticks."""
    before, found, command = text.partition("python -m")
    command, closing = (command[:-1], ")") if command.endswith(")") else (command, "")
    return f"{before}`{found}{command}`{closing}" if found else text
