"""Sections of words, tables and figures as one HTML page that needs nothing else: plotly inside, light and dark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

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


def asset(name: str, package: str = "explorer.reporting") -> str:
    """A CSS or JavaScript file that lies beside a package's code, without the newline at its end."""
    return files(package).joinpath(name).read_text(encoding="utf-8").rstrip("\n")


def assemble(title: str, body: str, style: str = "", script: str = "", foot: str = "") -> str:
    """A whole page around a body, plotly.js inside.

    Args:
        title: of the page.
        body: HTML.
        style: CSS on top of that of every page.
        script: run when all of the page is there; where there is none, the figures are drawn.
        foot: HTML below the body.
    """
    from plotly.offline import get_plotlyjs

    styles = "\n\n".join(filter(None, (asset("document.css"), style)))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>
{styles}
</style>
<script>{get_plotlyjs()}</script><script>const figures = [];</script>
</head>
<body>
<main>
{body}
</main>
{foot}<script>{script or asset("draw.js")}</script>
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
    """The place of a figure, which draw.js fills."""
    data = figure.to_plotly_json()
    arguments = ",".join(as_json(part) for part in (data["data"], data["layout"], CONFIG))
    label = escape(figure.layout.title.text or name)
    box = f'<div id="figure_{name}" class="figure" role="img" aria-label="{label}"></div>'
    return f'<div>{box}<script>figures.push(["figure_{name}",{arguments}])</script></div>'


def as_json(value: Any) -> str:
    """JSON that can stand inside a script: nothing in it begins a tag or a comment."""
    from plotly.utils import PlotlyJSONEncoder

    return json.dumps(value, cls=PlotlyJSONEncoder).replace("<", "\\u003c")
