"""A network drawn: boxes as wide as their channels, arcs around them, sizes of the maps, shares of the parameters.

As SVG, which needs nothing and follows the reader's light or dark, and as a few lines for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from explorer.arch.chain import Arc, Chain, Kind, Piece, Unit
from explorer.arch.cost import show
from explorer.plots.labels import si

# Okabe and Ito's colours, the light ones: dark letters stand out from all of them.
COLOURS: dict[Kind, tuple[str, str]] = {
    "1x1": ("#56B4E9", "1x1"),
    "3x3": ("#E69F00", "3x3"),
    "wide": ("#1DB58A", "larger kernel"),
    "depthwise": ("#F0E442", "depthwise, grouped"),
    "linear": ("#DD9BC0", "linear"),
    "pool": ("#B4BAC2", "pool"),
    "gate": ("#E8956A", "gate"),
    "pass": ("#DDE1E6", "passed on"),
}
LETTERS: dict[Kind, str] = {
    "1x1": "░", "3x3": "▒", "wide": "▓", "depthwise": "▚", "linear": "█", "pool": "─", "gate": "░", "pass": "·",
}  # fmt: skip
STYLE = """
.network { --ink: #22262b; --soft: #5b626b; --line: #9aa1aa; font-family: Inter, 'Helvetica Neue', Helvetica, Arial,
  'DejaVu Sans', sans-serif; font-size: 11px; }
@media (prefers-color-scheme: dark) { .network { --ink: #e4e7eb; --soft: #a2a9b2; --line: #6b737d; } }
@media print { .network { --ink: #22262b; --soft: #5b626b; --line: #9aa1aa; } }
.network text { fill: var(--ink); } .network .soft { fill: var(--soft); } .network .on { fill: #15181c; }
.network .flow, .network .arc { fill: none; stroke: var(--line); stroke-width: 1.3; }
.network .arc { stroke: var(--ink); } .network .share { fill: var(--soft); }
"""
LEFT, BODY, ARCS, RIGHT = 100, 220, 26, 84  # px: names and maps, boxes, arcs, shares
WIDTH = LEFT + BODY + ARCS + RIGHT
STAGE, GAP, HEAD, FOOT = 15, 12, 44, 26
COLUMNS = 24  # of a terminal, for the widest box


def svg(drawn: Chain, name: str, widest: int | None = None) -> str:
    """The drawing.

    Args:
        drawn: the network.
        name: what to call it.
        widest: channels that fill the width; for drawings that are compared, the most of them all. None: of this one.
    """
    widest = max(widest or drawn.widest, drawn.widest)
    tops = _tops(drawn)
    height = HEAD + tops[-1] + FOOT * _legend_rows(drawn)
    most = max((unit.params for unit in drawn.units), default=0) or 1
    size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    facts = f"{si(drawn.params)} params, {si(drawn.macs)} macs, {show(drawn.input_shape)} in"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="network" role="img" {size}>',
        f"<title>{escape(name)}: {drawn.params:,} params, {drawn.macs:,} macs</title>",
        f"<style>{STYLE}</style>",
        f'<text x="0" y="13" font-size="13" font-weight="600">{escape(name)}</text>',
        f'<text x="0" y="30" class="soft">{facts}</text>',
        f'<g transform="translate(0 {HEAD})">',
        *_flow(drawn, tops),
        *(line for unit, top in zip(drawn.units, tops, strict=False) for line in _unit(unit, top, widest)),
        *(line for unit, top in zip(drawn.units, tops, strict=False) for line in _share(unit, top, drawn.params, most)),
        *(line for arc in drawn.arcs for line in _arc(arc, drawn, tops, widest)),
        "</g>",
        *_legend(drawn, HEAD + tops[-1]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def text(drawn: Chain) -> str:
    """The drawing for a terminal, less than 100 columns wide: a line a unit."""
    names = max([len(_short(unit.name)) for unit in drawn.units] + [5])
    shapes = max(len(show(unit.shape)) for unit in drawn.units) if drawn.units else 0
    around = {i: arc for arc in drawn.arcs for i in range(arc.first, arc.last + 1)}
    lines = [f"{'input':<{names}}  {show(drawn.input_shape)}"]
    for i, unit in enumerate(drawn.units):
        arc = around.get(i)
        note = _note(arc, i) if arc else ""
        share = f"{100 * unit.params / drawn.params:5.1f} %" if unit.params else ""
        widths = " > ".join("+".join(str(piece.channels) for piece in stage) for stage in _layers(unit))
        place = f"{_short(unit.name):<{names}}  {show(unit.shape):<{shapes}}"
        lines.append(f"{place}  {_bar(unit, drawn.widest):<{COLUMNS}} {share:>7}  {widths} {note}".rstrip())
    kinds = {piece.kind for unit in drawn.units for piece in unit.stages[-1]}
    legend = "  ".join(f"{LETTERS[kind]} {words}" for kind, (_, words) in COLOURS.items() if kind in kinds)
    return "\n".join([*lines, "", f"{legend}{'  ↷ bypass' * bool(drawn.arcs)}  (length: channels; %: of the params)"])


def _note(arc: Arc, place: int) -> str:
    """What runs around a unit; a bracket where it runs around several."""
    mark = "↷" if arc.first == arc.last else {arc.first: "╮", arc.last: "╯"}.get(place, "│")
    return f"{mark} {arc.label or 'identity'}" if place == arc.last else mark


def _bar(unit: Unit, widest: int) -> str:
    """The last stage, as long as its channels."""
    bar, total = "", 0
    for piece in unit.stages[-1]:
        total += piece.channels
        length = max(round(COLUMNS * total / widest), len(bar) + 1)
        bar += LETTERS[piece.kind] * (length - len(bar))
    return bar[:COLUMNS]


def _layers(unit: Unit) -> list[tuple[Piece, ...]]:
    """Stages with filters of their own."""
    return [stage for stage in unit.stages if any(piece.kind not in ("pool", "gate", "pass") for piece in stage)]


def _height(unit: Unit) -> float:
    return max(STAGE * len(unit.stages), 26)


def _tops(drawn: Chain) -> list[float]:
    """Upper edge of each unit, and the lower edge of all."""
    tops: list[float] = [0.0]
    for unit in drawn.units:
        tops.append(tops[-1] + _height(unit) + GAP)
    return tops


def _flow(drawn: Chain, tops: list[float]) -> Iterator[str]:
    """What the data runs along: between the boxes."""
    middle = LEFT + BODY / 2
    for (unit, following), (top, below) in zip(pairwise(drawn.units), pairwise(tops), strict=False):
        yield f'<path class="flow" d="M{middle:g} {_bottom(unit, top):g}V{_start(following, below):g}"/>'


def _start(unit: Unit, top: float) -> float:
    return top + (_height(unit) - STAGE * len(unit.stages)) / 2


def _bottom(unit: Unit, top: float) -> float:
    return top + (_height(unit) + STAGE * len(unit.stages)) / 2


def _unit(unit: Unit, top: float, widest: int) -> Iterator[str]:
    middle = top + _height(unit) / 2
    yield f'<text x="0" y="{middle - 2:g}" font-weight="600">{escape(_short(unit.name))}</text>'
    yield f'<text x="0" y="{middle + 11:g}" class="soft">{show(unit.shape)}</text>'
    y = middle - STAGE * len(unit.stages) / 2
    for stage in unit.stages:
        x = LEFT + (BODY - _breadth(stage, widest)) / 2
        for piece in stage:
            width = _breadth((piece,), widest)
            colour = COLOURS[piece.kind][0]
            yield (
                f'<g><title>{escape(unit.name)}: {piece.label}, {piece.channels:,} channels</title><rect x="{x:.1f}" '
                f'y="{y + 1:g}" width="{max(width - 1, 1.5):.1f}" height="{STAGE - 2}" rx="1.5" fill="{colour}"/>'
            )
            label = _fitting(piece, width)
            if label:
                place = f'x="{x + width / 2:.1f}" y="{y + 11:g}"'
                yield f'<text class="on" {place} text-anchor="middle" font-size="9.5">{label}</text>'
            yield "</g>"
            x += width
        y += STAGE


def _breadth(stage: tuple[Piece, ...], widest: int) -> float:
    """Px of a stage; a single channel can still be seen."""
    return sum(max(BODY * piece.channels / widest, 2.5) for piece in stage)


def _fitting(piece: Piece, width: float) -> str:
    """As much of a piece's words as it has room for."""
    words = (f"{piece.label}, {piece.channels:,}", f"{piece.channels:,}")
    return next((text for text in words if 5.2 * len(text) + 4 <= width), "")


def _share(unit: Unit, top: float, params: int, most: int) -> Iterator[str]:
    """How much of the parameters a unit holds."""
    if not unit.params:
        return
    x, y = LEFT + BODY + ARCS, top + _height(unit) / 2
    yield f"<g><title>{escape(unit.name)}: {unit.params:,} params</title>"
    yield f'<rect class="share" x="{x}" y="{y + 3:g}" width="{max(RIGHT * unit.params / most, 1):.1f}" height="4"/>'
    yield f'<text x="{x}" y="{y - 1:g}">{100 * unit.params / params:.1f} %</text></g>'


def _arc(arc: Arc, drawn: Chain, tops: list[float], widest: int) -> Iterator[str]:
    """From above the first unit around it to below the last; dashed where the way holds a layer."""
    units = drawn.units[arc.first : arc.last + 1]
    first, last = tops[arc.first], tops[arc.last]
    y0 = _start(units[0], first) - 4
    y1 = _bottom(units[-1], last) + 4
    middle = LEFT + BODY / 2
    edge = middle + max(_breadth(stage, widest) for unit in units for stage in unit.stages) / 2
    bulge = min(edge + 12 + (6 if len(units) > 1 else 0), LEFT + BODY + ARCS - 8)
    dash = ' stroke-dasharray="4 3"' if arc.label else ""
    what = arc.label or "identity"
    yield (
        f'<g><title>bypass: {escape(what)}</title><path class="arc"{dash} d="M{middle:g} {y0:g}H{bulge - 8:.1f}'
        f"Q{bulge:.1f} {y0:g} {bulge:.1f} {y0 + 8:g}V{y1 - 8:g}Q{bulge:.1f} {y1:g} {bulge - 8:.1f} {y1:g}"
        f'H{middle:g}"/><circle cx="{middle:g}" cy="{y1:g}" r="3" fill="var(--ink)"/></g>'
    )


def _kinds(drawn: Chain) -> list[Kind]:
    found = {piece.kind for unit in drawn.units for stage in unit.stages for piece in stage}
    return [kind for kind in COLOURS if kind in found]


def _legend_rows(drawn: Chain) -> int:
    return 1 + (len(_kinds(drawn)) > 4)


def _legend(drawn: Chain, top: float) -> Iterator[str]:
    """What the colours mean; the arcs explain themselves by their place."""
    x, y = 0.0, top + 8
    for kind in _kinds(drawn):
        colour, words = COLOURS[kind]
        width = 22 + 6 * len(words)
        if x + width > WIDTH:
            x, y = 0.0, y + FOOT - 6
        yield f'<rect x="{x:g}" y="{y:g}" width="11" height="11" rx="1.5" fill="{colour}"/>'
        yield f'<text x="{x + 15:g}" y="{y + 10:g}" class="soft">{words}</text>'
        x += width


def _short(name: str) -> str:
    """A path that fits the column: its end says most."""
    return name if len(name) <= 16 else f"..{name[-14:]}"
