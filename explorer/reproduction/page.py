"""The sheets as one HTML page that needs nothing else: plotly inside once, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from explorer.plots import sweep, tradeoff
from explorer.reporting import document
from explorer.reproduction.sheet import SOURCES, Sheet

TITLE = "SqueezeNet: the paper, counted and measured"


def html(sheets: Sequence[Sheet], caveat: str) -> str:
    """The page. Equal sheets give equal pages.

    Args:
        sheets: in order.
        caveat: what the reader must know of the measured part.
    """
    body = "\n".join(_section(sheet) for sheet in sheets)
    links = " ".join(f'<a href="#{sheet.key}">{escape(sheet.title.partition(":")[0])}</a>' for sheet in sheets)
    legend = " ".join(f'<span class="{source}">{escape(words)}</span>' for source, words in SOURCES.items())
    head = f"""<h1>{TITLE}</h1>
<p class="about">Every table and figure of <a href="https://arxiv.org/abs/1602.07360">arXiv:1602.07360</a> (version 4)
beside what this program counts and what it measured. Each column belongs to one of three sources:</p>
<p class="legend">{legend}</p>
<p>{escape(caveat)}</p>
<nav>{links}</nav>"""
    return document.assemble(TITLE, f"{head}\n{body}", document.asset("page.css", "explorer.reproduction"))


def _section(sheet: Sheet) -> str:
    parts = [f'<section id="{sheet.key}">', f"<h2>{escape(sheet.title)}</h2>"]
    parts += [f'<p class="about">{escape(sheet.about)}</p>', _table(sheet)]
    if sheet.notes:
        parts.append(_box("notes", "Notes", sheet.notes))
    if sheet.measured:
        lines = [trend.text for trend in sheet.trends]
        parts.append(_box("measured", sheet.measured, lines))
    parts.append(_figures(sheet))
    return "\n".join([*parts, "</section>"])


def _table(sheet: Sheet) -> str:
    bands = [
        f'<th class="{part.source} edge" colspan="{len(part.heads)}">{escape(SOURCES[part.source])}</th>'
        for part in sheet.parts
    ]
    heads = [f'<th class="{_classes(sheet, i)}">{escape(head)}</th>' for i, head in enumerate(sheet.heads) if i]
    top = f"<thead><tr><th></th>{''.join(bands)}</tr><tr><th>{escape(sheet.label)}</th>{''.join(heads)}</tr></thead>"
    rows = []
    for row in sheet.rows:
        cells = [
            f'<td class="{_classes(sheet, i)}{" differs" * (i - 1 in row.differs)}">{escape(cell)}</td>'
            for i, cell in enumerate(row.cells, 1)
        ]
        rows.append(f"<tr><td>{escape(row.label)}</td>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table>{top}<tbody>{"".join(rows)}</tbody></table></div>'


def _classes(sheet: Sheet, column: int) -> str:
    part = sheet.part_of(column)
    words: list[str] = [part.source] if part else []
    if part != sheet.part_of(column - 1):
        words.append("edge")
    if not sheet.heads[column]:
        words.append("word")
    return " ".join(words)


def _box(source: str, title: str, lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div class="box {source}"><strong>{_code(title)}</strong>{f"<ul>{items}</ul>" if items else ""}</div>'


def _code(text: str) -> str:
    """Escaped, a command in it set as code."""
    before, found, command = text.partition("python -m")
    command, closing = (command[:-1], ")") if command.endswith(")") else (command, "")
    return escape(before) + (f"<code>{escape(found + command)}</code>{closing}" if found else "")


def _figures(sheet: Sheet) -> str:
    drawn = [sweep.elsewhere_figure(sheet.elsewhere, sheet.key)] if sheet.elsewhere else []
    note = ""
    if sheet.sweep and sheet.sweep.points:
        drawn.append(sweep.figure(sheet.sweep))
        if sheet.tradeoff:
            drawn += [tradeoff.figure(sheet.sweep, "macs"), tradeoff.figure(sheet.sweep, "activations")]
        note = (
            '<p class="foot">Bars: one standard error, over the seeds (binomial if there is one). '
            "Faint dots: each seed. Every figure has an axis of its own.</p>"
        )
    inner = "".join(document.figure_html(f"{sheet.key}_{i}", figure) for i, figure in enumerate(drawn))
    return f'<div class="figures">{inner}</div>{note}' if drawn else ""
