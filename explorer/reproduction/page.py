"""The sheets as one HTML page that needs nothing else: plotly inside once, light and dark, wide and narrow."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from explorer.plots import sweep, tradeoff
from explorer.reporting import document
from explorer.reproduction.sheet import SOURCES, Sheet

STYLE = """
:root { --printed: #8a6d1d; --counted: #00704f; --measured: #0065a0; --differs: #b34a00;
  --printed-ground: #fbf5e3; --counted-ground: #e6f5ef; --measured-ground: #e6f1f9; }
@media (prefers-color-scheme: dark) { :root { --printed: #e0bf62; --counted: #52c9a0; --measured: #6ab8ee;
  --printed-ground: #2a2516; --counted-ground: #14291f; --measured-ground: #14242f; --differs: #f0955c; } }
a { color: var(--measured); } .foot { color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 6px 16px; margin: 12px 0; }
.legend span { display: inline-block; padding: 1px 9px; border-radius: 3px; margin: 0 6px 6px 0; font-size: 14px; }
.printed { background: var(--printed-ground); color: var(--printed); }
.counted { background: var(--counted-ground); color: var(--counted); }
.measured { background: var(--measured-ground); color: var(--measured); }
th, td { padding: 3px 9px; white-space: nowrap; }
th { vertical-align: bottom; } thead tr:first-child th { text-align: left; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--ground); z-index: 1; }
td.word { white-space: nowrap; } td.word ~ td.word { min-width: 0; } .edge { border-left: 6px solid var(--ground); }
td.counted.differs { color: var(--differs); font-weight: 600; }
td.printed, td.counted, td.measured { color: var(--ink); }
ul { margin: 6px 0 10px; padding-left: 20px; } li { margin: 3px 0; max-width: 100ch; }
.box { border-left: 4px solid; padding: 6px 12px; margin: 12px 0; border-radius: 0 4px 4px 0;
  max-width: 900px; }
.box.notes { border-color: var(--line); } .box.measured { border-color: var(--measured); }
.box strong { display: block; } .box ul, .box p { color: var(--ink); }
code { font: 13px/1.4 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
@media (max-width: 600px) { th, td { padding: 3px 6px; }
  th:first-child, td:first-child { white-space: normal; max-width: 36vw; } }
"""
"""On top of that of every page."""
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
    return document.assemble(TITLE, f"{head}\n{body}", STYLE)


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
