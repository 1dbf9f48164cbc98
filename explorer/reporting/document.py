"""Sections of words, tables and figures as one HTML page that needs nothing else: plotly inside, light and dark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #22262b; --soft: #5b626b; --line: #d9dde2; --grid: #ebedf0; }
@media (prefers-color-scheme: dark) { :root { --ground: #15181c; --ink: #e4e7eb; --soft: #a2a9b2; --line: #363c44;
  --grid: #2a2f36; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.45 Inter, "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 20px 20px 60px; }
h1 { font-size: 26px; margin: 8px 0 4px; } h2 { font-size: 19px; margin: 0 0 4px; }
p { margin: 4px 0 10px; max-width: 100ch; }
section { border-top: 1px solid var(--line); margin-top: 34px; padding-top: 18px; }
.about, .note { color: var(--soft); }
.scroll { overflow-x: auto; margin: 10px 0; }
table { border-collapse: separate; border-spacing: 0; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px 3px 0; text-align: right; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { font-weight: 600; } td { white-space: nowrap; } th.word, td.word { text-align: left; }
td.word { white-space: normal; } td.word ~ td.word { min-width: 20ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--width, 340px)), 1fr));
  gap: 12px; }
.figures > div { min-width: 0; } .figure { width: 100%; }
.js-plotly-plot .main-svg:not(.hoverlayer) text { fill: var(--ink) !important; }
.js-plotly-plot .hoverlayer text, .js-plotly-plot .hoverlayer tspan { fill: #22262b !important; }
.js-plotly-plot .gridlayer path { stroke: var(--grid) !important; }
.js-plotly-plot .xlines-above, .js-plotly-plot .ylines-above, .js-plotly-plot path.xtick, .js-plotly-plot path.ytick,
.js-plotly-plot .xaxislayer-above path, .js-plotly-plot .yaxislayer-above path { stroke: var(--soft) !important; }
@media (max-width: 600px) { main { padding: 12px 12px 40px; } h1 { font-size: 22px; } table { font-size: 13px; } }
@media (prefers-color-scheme: dark) { .js-plotly-plot .plot { filter: brightness(1.5); } }
@media print { .scroll { overflow: visible; } }
"""
# Drawn when all of the page is there: a figure takes the width that its neighbours leave.
DRAW = "for (const [name, data, layout, config] of figures) Plotly.newPlot(name, data, layout, config);"
CONFIG = {"displayModeBar": False, "responsive": True}


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        key: of the section, a word.
        title: its heading.
        lines: what is to be said, before the table.
        heads: of the table; none: no table.
        rows: of the table, as many cells each.
        words: columns of the table that hold words, which stand to the left.
        figures: below it, side by side as far as there is room.
        width: px that a figure needs.
        note: how to read it, in small type.
    """

    key: str
    title: str
    lines: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    words: tuple[int, ...] = (0,)
    figures: tuple[Figure, ...] = field(default=(), compare=False)
    width: int = 340
    note: str = ""


def html(title: str, about: str, sections: Sequence[Section]) -> str:
    """The page. Equal sections give equal pages."""
    head = f'<h1>{escape(title)}</h1>\n<p class="about">{escape(about)}</p>'
    return assemble(title, "\n".join([head, *map(section_html, sections)]))


def assemble(title: str, body: str, style: str = "", script: str = DRAW, foot: str = "") -> str:
    """A whole page around a body, plotly.js inside.

    Args:
        title: of the page.
        body: HTML.
        style: CSS on top of that of every page.
        script: run when all of the page is there.
        foot: HTML below the body.
    """
    from plotly.offline import get_plotlyjs

    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}{style}</style>
<script>{get_plotlyjs()}</script><script>const figures = [];</script>
</head>
<body>
<main>
{body}
</main>
{foot}<script>{script}</script>
</body>
</html>
"""


def section_html(section: Section) -> str:
    """A section: heading, words, table, figures, note."""
    parts = [f'<section id="{escape(section.key)}">', f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(line)}</p>" for line in section.lines]
    if section.heads:
        parts.append(table(section))
    drawn = [figure_html(f"{section.key}_{i}", figure) for i, figure in enumerate(section.figures)]
    if drawn:
        parts.append(f'<div class="figures" style="--width: {section.width}px">{"".join(drawn)}</div>')
    if section.note:
        parts.append(f'<p class="note">{escape(section.note)}</p>')
    return "\n".join([*parts, "</section>"])


def table(section: Section) -> str:
    """A section's table."""

    def cell(tag: str, column: int, text: str) -> str:
        kind = ' class="word"' if column in section.words else ""
        return f"<{tag}{kind}>{escape(text)}</{tag}>"

    head = "".join(cell("th", i, text) for i, text in enumerate(section.heads))
    rows = "".join(f"<tr>{''.join(cell('td', i, text) for i, text in enumerate(row))}</tr>" for row in section.rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def figure_html(name: str, figure: Figure) -> str:
    """The place of a figure, which DRAW fills."""
    data = figure.to_plotly_json()
    arguments = ",".join(as_json(part) for part in (data["data"], data["layout"], CONFIG))
    label = escape(figure.layout.title.text or name)
    box = f'<div id="figure_{name}" class="figure" role="img" aria-label="{label}"></div>'
    return f'<div>{box}<script>figures.push(["figure_{name}",{arguments}])</script></div>'


def as_json(value: Any) -> str:
    """JSON that can stand inside a script: nothing in it begins a tag or a comment."""
    from plotly.utils import PlotlyJSONEncoder

    return json.dumps(value, cls=PlotlyJSONEncoder).replace("<", "\\u003c")
