"""A study in characters: its front as a table and as a plot, the hypervolume as a sparkline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from explorer.arch import Architecture
from explorer.arch.layer_table import times_smaller_than_alexnet
from explorer.arch.size import shown as shown_size
from explorer.plots.labels import published_name, shorthand, si
from explorer.plots.markers import Marker, accuracy_range, markers
from explorer.reporting.front_section import against_canonical
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.selection import CANONICAL
from explorer.results.spent import spent

if TYPE_CHECKING:
    from rich.table import Table

LEVELS = "▁▂▃▄▅▆▇█"
SIGNS = "·●★◆"
"""Of a dominated network, one on the front, canonical SqueezeNet, other published ones; rising in importance."""
SQUEEZENET_FROM, ALEXNET_FROM = 76, 100
"""Columns from which on there is room for a comparison with that network."""
WIDTH = 100
"""Columns of a plot at most, and of a line where the output is no terminal."""
LABEL = 8
"""Columns of the plot's labels."""


def show(record: StudyRecord, console: Console) -> None:
    """The front as a plot and as a table, and what it took."""
    console.print(f"\nstudy {record.name}: {len(record.trials):,} trials", style="bold", highlight=False)
    for axis in range(len(record.sizes)):
        console.print(plot(record, min(console.width, WIDTH), axis=axis), highlight=False, markup=False)
    if record.finished:
        console.print(front_table(record, None, console.width))
    for line in [*(against_canonical(record) if record.finished else []), *spent(record).words()]:
        console.print(line, highlight=False, markup=False, style="dim")


def front_table(record: StudyRecord, rows: int | None = None, width: int = 160) -> Table:
    """The front by rising size, canonical SqueezeNet in it wherever it stands.

    Where there is room, and one size, columns say how many times smaller than SqueezeNet v1.0 and than AlexNet (for
    this input) a network is.

    Args:
        record: the study.
        rows: show only the largest so many.
        width: columns that it may take, 50 at least.
    """
    from rich.table import Table

    front = front_trials(record)
    canonical = next((trial for trial in record.finished if trial.anchor == CANONICAL), None)
    both = {trial.number: trial for trial in [*front, *([canonical] if canonical else [])]}
    shown = sorted(both.values(), key=lambda trial: trial.size)
    columns = [
        ("trial", 5),
        (record.metric, max(7, len(record.metric))),
        ("±", 6),
        *((size.name, max(9, len(size.name))) for size in record.sizes),
    ]
    times_smaller = width >= SQUEEZENET_FROM and len(record.sizes) == 1
    columns += [("/SqueezeNet", 11)] if times_smaller else []
    alexnet = width >= ALEXNET_FROM and record.size_name == "params"
    columns += [("/AlexNet", 8)] if alexnet else []
    room = width - sum(wide + 2 for _, wide in columns) - 1  # where only ASCII is to be had, ± takes two
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for heading, wide in columns:
        table.add_column(heading, justify="right", no_wrap=True, min_width=wide)
    table.add_column("network", no_wrap=True)
    for trial in shown[-(rows or len(shown)) :]:
        star = trial is canonical
        name = f"{SIGNS[2]} {point_name(trial)}" if star else point_name(trial)
        cells = [
            str(trial.number),
            f"{trial.accuracy:.4f}",
            f"{trial.error(record.val_images):.4f}",
            *map(shown_size, trial.sizes),
        ]
        if times_smaller:
            cells.append(f"{canonical.size / trial.size:.2f}x" if canonical else "")
        if alexnet:
            cells.append(f"{times_smaller_than_alexnet(Architecture.from_json(trial.architecture)):,.0f}x")
        name = cut(name + ("" if trial in front else " (dominated)"), room)
        table.add_row(*cells, name, style="yellow" if star else "")
    return table


def plot(record: StudyRecord, width: int = 80, height: int = 16, axis: int = 0) -> str:
    """Accuracy over size (log scale) in characters, no line longer than `width`.

    Args:
        record: the study.
        width: columns, 40 at least.
        height: lines of the plot itself; axis and legend take three more.
        axis: which of the study's sizes is drawn.
    """
    every = [marker for marker in markers(record, axis=axis) if not marker.stopped]
    if not every:
        return "no trial has finished yet"
    floor, ceiling = accuracy_range(every)
    ceiling = min(ceiling, 1.0)
    shown = [marker for marker in every if marker.accuracy >= floor]
    low, high = (math.log10(edge(marker.x for marker in shown)) for edge in (min, max))
    columns = width - LABEL - 1
    canvas = [[" "] * columns for _ in range(height)]
    for marker in sorted(shown, key=_importance):
        share = (math.log10(marker.x) - low) / (high - low) if high > low else 0.5
        line = round((ceiling - marker.accuracy) / (ceiling - floor) * (height - 1))
        canvas[line][round(share * (columns - 1))] = SIGNS[_importance(marker)]
    step = max(1, (height - 1) // 4)
    lines = []
    for i, row in enumerate(canvas):
        value = ceiling - (ceiling - floor) * i / (height - 1)
        label = f"{100 * value:.1f} %" if i % step == 0 else ""
        lines.append(f"{label:>{LABEL}}│{''.join(row)}".rstrip())
    lines.append(" " * LABEL + "└" + "─" * (columns - 1))
    ends = [si(10**low), f"{record.sizes[axis].name}, log scale", si(10**high)]
    space = columns - sum(map(len, ends))
    lines.append(f"{' ' * (LABEL + 1)}{ends[0]}{' ' * (space // 2)}{ends[1]}{' ' * (space - space // 2)}{ends[2]}")
    names = ("dominated", "front", published_name(CANONICAL), "published")
    used = sorted({_importance(marker) for marker in shown}, reverse=True)
    legend = "  ".join(f"{SIGNS[i]} {names[i]}" for i in used)
    below = len(every) - len(shown)
    lines.append(cut(" " * (LABEL + 1) + legend + (f"  ({below} below)" if below else ""), width))
    return "\n".join(lines)


def sparkline(values: Sequence[float], width: int) -> str:
    """Values, evenly thinned to `width` at most, as bars from the least to the greatest."""
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    picked = [values[(i + 1) * len(values) // count - 1] for i in range(count)]
    least, most = min(picked), max(picked)
    span = most - least or 1.0
    return "".join(LEVELS[round((value - least) / span * (len(LEVELS) - 1))] for value in picked)


def point_name(trial: TrialRecord) -> str:
    """What a trial is, in short."""
    return published_name(trial.anchor) if trial.anchor else shorthand(trial.metaparameters)


def cut(text: str, width: int) -> str:
    """Text that is no longer than `width`."""
    if len(text) <= width:
        return text
    return text[: max(width - 1, 0)] + "…"[: max(width, 0)]


def clock(seconds: float) -> str:
    """75 -> 1:15; 3675 -> 1:01:15."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _importance(marker: Marker) -> int:
    """Place in SIGNS."""
    if marker.anchor:
        return 2 if marker.anchor == CANONICAL else 3
    return 1 if marker.on_front else 0
