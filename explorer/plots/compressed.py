"""The front over bytes: networks as trained and as compressed, each compressed one tied to the one it came from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from explorer.plots.labels import published_name
from explorer.plots.marks import scatter
from explorer.plots.style import AXIS, BLUE, FONT, GREY, INK, SLATE, VERMILLION, faded, size_ticks
from explorer.plots.style import html as html
from explorer.results.compressed import Compressed
from explorer.results.pareto import pareto_front
from explorer.results.record import StudyRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Mark:
    """A network in the figure.

    Attributes:
        trial: its number.
        bytes: of its parameters in fp32, or of its file.
        accuracy, error: val_acc in [0, 1] and its standard error.
        text: what the pointer shows, lines separated by <br>.
        parent: of a compressed network the one it came from.
    """

    trial: int
    bytes: float
    accuracy: float
    error: float
    text: str
    parent: Mark | None = None


@dataclass(frozen=True)
class CompressedInfo:
    """What the figure shows; `front` holds the places, dense marks first, of what nothing dominates."""

    study: str
    images: int
    dense: tuple[Mark, ...]
    compressed: tuple[Mark, ...]

    @property
    def front(self) -> list[Mark]:
        """What nothing dominates, by rising bytes."""
        marks = [*self.dense, *self.compressed]
        return [marks[i] for i in pareto_front([(mark.bytes, mark.accuracy) for mark in marks])]


def info(record: StudyRecord, found: list[Compressed]) -> CompressedInfo:
    """Every finished network of a study, dense, and those that were compressed."""
    dense = {
        trial.number: Mark(
            trial.number,
            trial.bytes,
            trial.accuracy,
            trial.error(record.val_images),
            f"<b>trial {trial.number}{f', {published_name(trial.anchor)}' if trial.anchor else ''}</b>, fp32<br>"
            f"{trial.bytes:,} bytes<br>val_acc {trial.accuracy:.2%}",
        )
        for trial in record.finished
        if trial.accuracy is not None
    }
    compressed = [
        Mark(
            one.trial,
            one.size,
            one.accuracy,
            one.error,
            f"<b>trial {one.trial}</b>, {escape(one.plan)}<br>{one.size:,.0f} bytes, {one.ratio:.1f} times smaller<br>"
            f"val_acc {one.accuracy:.2%} ({len(one.seeds)} seeds)",
            dense[one.trial],
        )
        for one in found
        if one.trial in dense
    ]
    return CompressedInfo(record.name, record.val_images, tuple(dense.values()), tuple(compressed))


def verdict(info: CompressedInfo) -> list[str]:
    """Whether a larger network compressed beats a smaller one dense, in words: a line for each dense one, then all."""
    lines, beaten = [], 0
    fronts = pareto_front([(mark.bytes, mark.accuracy) for mark in info.dense])
    for mark in (info.dense[i] for i in fronts):
        better = [
            one
            for one in info.compressed
            if one.parent and one.parent.bytes > mark.bytes >= one.bytes and one.accuracy >= mark.accuracy
        ]
        if better:
            best = min(better, key=lambda one: (one.bytes, -one.accuracy))
            beaten += 1
            lines.append(
                f"trial {mark.trial} dense ({mark.bytes:,} bytes, {mark.accuracy:.2%}) is beaten by the larger trial "
                f"{best.trial} compressed ({best.bytes:,.0f} bytes, {best.accuracy:.2%})"
            )
        else:
            lines.append(f"trial {mark.trial} dense ({mark.bytes:,} bytes) is beaten by no larger network compressed")
    return [*lines, f"{beaten} of {len(fronts)} networks on the dense front are beaten by a larger one compressed"]


def figure(info: CompressedInfo) -> Figure:
    """Draws it."""
    from plotly import graph_objects as go

    figure = go.Figure()
    ties_x, ties_y = [], []
    for mark in info.compressed:
        assert mark.parent is not None
        ties_x += [mark.parent.bytes, mark.bytes, None]
        ties_y += [mark.parent.accuracy, mark.accuracy, None]
    line = {"color": faded(SLATE, 0.6), "width": 1.2, "dash": "dot"}
    figure.add_trace(go.Scatter(x=ties_x, y=ties_y, mode="lines", line=line, hoverinfo="skip", showlegend=False))
    front = info.front
    x, y = [mark.bytes for mark in front], [mark.accuracy for mark in front]
    if front:
        x.append(max(mark.bytes for mark in info.dense))
        y.append(y[-1])
    step = {"color": INK, "width": 1.8, "shape": "hv"}
    figure.add_trace(go.Scatter(name="front over bytes", x=x, y=y, mode="lines", line=step, hoverinfo="skip"))
    tied = {mark.trial for mark in info.compressed}
    others = [mark for mark in info.dense if mark.trial not in tied]
    figure.add_trace(_scatter("fp32", others, GREY, 8, "circle", 0.2))
    figure.add_trace(
        _scatter("fp32, compressed below", [m for m in info.dense if m.trial in tied], BLUE, 10, "circle", 0.7)
    )
    figure.add_trace(_scatter("compressed", list(info.compressed), VERMILLION, 11, "diamond", 0.7))
    figure.update_traces(selector=lambda trace: not trace.x, visible=False)
    figure.update_layout(_layout(info))
    return figure


def _scatter(name: str, marks: list[Mark], color: str, size: int, symbol: str, bars: float) -> Any:
    return scatter(name, [mark.bytes for mark in marks], marks, color, size, symbol, bars=bars)


def _layout(info: CompressedInfo) -> dict[str, Any]:
    sizes = [mark.bytes for mark in (*info.dense, *info.compressed)] or [1_000.0, 1_000_000.0]
    low, high = math.log10(min(sizes)), math.log10(max(sizes))
    margin = max(0.06 * (high - low), 0.05)
    shown = [*info.front, *info.compressed, *(mark.parent for mark in info.compressed if mark.parent)]
    bottom = min((mark.accuracy - mark.error for mark in shown), default=0.0)
    top = max((min(1.0, mark.accuracy + mark.error) for mark in shown), default=1.0)
    room = max(0.06 * (top - bottom), 0.004)
    counts = f"{len(info.dense)} networks in fp32, {len(info.compressed)} compressed; bars: ± 1 standard error"
    if info.compressed:
        counts += f"<br>{verdict(info)[-1]}"
    return {
        "template": "plotly_white",
        "font": {"family": FONT, "size": 14, "color": INK},
        "title": {
            "text": f"<b>{escape(info.study)}</b><br><span style='font-size:13px;color:{SLATE}'>{counts}</span>",
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 0.965,
            "yanchor": "top",
        },
        "legend": {"orientation": "h", "x": 0, "y": 1.01, "xanchor": "left", "yanchor": "bottom"},
        "margin": {"l": 84, "r": 32, "t": 132, "b": 76},
        "hoverlabel": {"align": "left", "bgcolor": "#fff", "bordercolor": GREY, "font": {"family": FONT, "size": 13}},
        "xaxis": AXIS
        | {
            "type": "log",
            "title": {"text": "bytes: fp32 parameters, or the compressed file (log scale)", "standoff": 14},
        }
        | size_ticks(low - margin, high + margin),
        "yaxis": AXIS
        | {"title": {"text": f"validation accuracy ({info.images:,} images)", "standoff": 14}}
        | {"range": [max(bottom - room, 0.0), top + room], "tickformat": ".1%"},
    }
