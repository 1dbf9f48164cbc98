"""The front over bytes: networks as trained and as compressed, each compressed one tied to the one it came from."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from explorer.plots.labels import published_name
from explorer.plots.markers import Marker, front_of, with_front
from explorer.plots.scatter import BYTES, Heading, Series, Step, validation
from explorer.plots.scatter import figure as scatter
from explorer.plots.style import BLUE, GREEN, INK, SLATE, VERMILLION, faded
from explorer.plots.style import html as html
from explorer.results.compressed import Compressed
from explorer.results.record import StudyRecord, TrialRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class CompressedInfo:
    """What the figure shows.

    Attributes:
        study: its name.
        images: size of the validation split.
        dense: the finished networks, over the bytes of their parameters in fp32.
        compressed: a network as trained and as compressed, the latter over the bytes of its file.
        run: of the latter, those that TFLite Micro runs as they are.
    """

    study: str
    images: int
    metric: str
    dense: tuple[Marker, ...]
    compressed: tuple[tuple[Marker, Marker], ...]
    run: tuple[Marker, ...]

    @property
    def front(self) -> list[Marker]:
        """What nothing dominates, by rising bytes."""
        return front_of([*self.dense, *(small for _, small in self.compressed)])


def info(record: StudyRecord, found: list[Compressed]) -> CompressedInfo:
    """Every finished network of a study, dense, and those that were compressed."""
    trials = [trial for trial in record.finished if trial.accuracy is not None]
    results = [one for one in found if one.trial in {trial.number for trial in trials}]
    dense = [_dense(trial, trial.accuracy or 0.0, record.val_images) for trial in trials]
    every = with_front([*dense, *map(_compressed, results)])
    by_trial = {marker.trial: marker for marker in every[: len(dense)]}
    small = every[len(dense) :]
    pairs = tuple((by_trial[one.trial], one) for one in small)
    run = tuple(one for one, result in zip(small, results, strict=True) if result.format == "tflite")
    return CompressedInfo(record.name, record.val_images, record.metric, tuple(every[: len(dense)]), pairs, run)


def _dense(trial: TrialRecord, accuracy: float, images: int) -> Marker:
    name = f", {published_name(trial.anchor)}" if trial.anchor else ""
    text = f"<b>trial {trial.number}{name}</b>, fp32<br>{trial.bytes:,} bytes<br>{trial.metric} {accuracy:.2%}"
    return Marker(trial.number, trial.bytes, accuracy, trial.error(images), text)


def _compressed(one: Compressed) -> Marker:
    text = (
        f"<b>trial {one.trial}</b>, {escape(one.plan)}<br>{one.size:,.0f} bytes, {one.ratio:.1f} times smaller<br>"
        f"{one.metric} {one.accuracy:.2%} ({len(one.seeds)} seeds)"
    )
    return Marker(one.trial, one.size, one.accuracy, one.error, text)


def verdict(info: CompressedInfo) -> list[str]:
    """Whether a larger network compressed beats a smaller one dense, in words: a line for each dense one, then all."""
    lines, beaten = [], 0
    front = front_of(with_front(info.dense))
    for one in front:
        better = [
            small for large, small in info.compressed if large.x > one.x >= small.x and small.accuracy >= one.accuracy
        ]
        if better:
            best = min(better, key=lambda small: (small.x, -small.accuracy))
            beaten += 1
            lines.append(
                f"trial {one.trial} dense ({one.x:,} bytes, {one.accuracy:.2%}) is beaten by the larger trial "
                f"{best.trial} compressed ({best.x:,.0f} bytes, {best.accuracy:.2%})"
            )
        else:
            lines.append(f"trial {one.trial} dense ({one.x:,} bytes) is beaten by no larger network compressed")
    return [*lines, f"{beaten} of {len(front)} networks on the dense front are beaten by a larger one compressed"]


def figure(info: CompressedInfo) -> Figure:
    """Draws it."""
    small = [small for _, small in info.compressed]
    tied = {marker.trial for marker in small}
    largest = max((marker.x for marker in info.dense), default=1)
    lines = [f"{len(info.dense)} networks in fp32, {len(small)} compressed", *verdict(info)[-1:]]
    drawn: list[Series | Step] = [
        Step(info.front, largest, INK, 1.8, name="front over bytes"),
        Series("fp32", [one for one in info.dense if one.trial not in tied], SLATE, 8, opacity=0.7, bars=0.3),
        Series("fp32, compressed below", [one for one in info.dense if one.trial in tied], BLUE),
        Series("compressed", [one for one in small if one not in info.run], VERMILLION, 11, "diamond"),
    ]
    if info.run:
        drawn.append(Series("compressed, runs in TFLite Micro", info.run, GREEN, 11, "star-diamond"))
    heading = Heading(info.study, tuple(lines[: 1 + bool(small)]), "bars: ± 1 standard error")
    figure = scatter(BYTES, drawn, heading, validation(info.metric, info.images))
    _tie(figure, info)
    return figure


def _tie(figure: Figure, info: CompressedInfo) -> None:
    """Draws a line from each network to what it became, below everything else."""
    from plotly import graph_objects as go

    x = [end for large, small in info.compressed for end in (large.x, small.x, None)]
    y = [end for large, small in info.compressed for end in (large.accuracy, small.accuracy, None)]
    line = {"color": faded(SLATE, 0.6), "width": 1.2, "dash": "dot"}
    ties = go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False, visible=bool(x))
    figure.add_trace(ties)
    figure.data = (figure.data[-1], *figure.data[:-1])
