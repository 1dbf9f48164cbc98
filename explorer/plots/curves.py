"""Learning curves of a study: its metric over the epochs, those stopped early shown as such."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from explorer.plots.labels import published_name
from explorer.plots.markers import spaced
from explorer.plots.style import AXIS, BLUE, GREEN, SLATE, VERMILLION, faded
from explorer.plots.sweep import layout
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.selection import CANONICAL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST = 400
"""LearningCurves of dominated networks that are drawn; of more, evenly spaced ones."""


@dataclass(frozen=True)
class LearningCurves:
    """Trials by how they are drawn, with the study's metric; `left_out` curves of dominated networks are not."""

    front: tuple[TrialRecord, ...]
    anchors: tuple[TrialRecord, ...]
    dominated: tuple[TrialRecord, ...]
    stopped: tuple[TrialRecord, ...]
    left_out: int
    metric: str


def info(record: StudyRecord) -> LearningCurves:
    """Sorts the trials that have a curve."""
    there = [trial for trial in record.trials if trial.mean_curve]
    front = {trial.number for trial in front_trials(record)}
    anchors = tuple(trial for trial in there if trial.anchor)
    on_front = tuple(trial for trial in there if trial.number in front and not trial.anchor)
    rest = [trial for trial in there if trial.number not in front and not trial.anchor]
    stopped = [trial for trial in rest if trial.state == "PRUNED"]
    dominated = [trial for trial in rest if trial.state == "COMPLETE"]
    kept = [spaced(each, MOST) for each in (dominated, stopped)]
    left_out = len(dominated) + len(stopped) - sum(map(len, kept))
    return LearningCurves(on_front, anchors, tuple(kept[0]), tuple(kept[1]), left_out, record.metric)


def figure(info: LearningCurves) -> Figure:
    """Draws them: a trace for each kind, the important ones on top."""
    from plotly import graph_objects as go

    ends = go.Scatter(
        x=[trial.epochs for trial in info.stopped],
        y=[trial.mean_curve[-1] for trial in info.stopped],
        mode="markers",
        marker={"symbol": "x-thin", "size": 7, "line": {"color": SLATE, "width": 1.5}},
        customdata=[f"trial {trial.number} {trial.reason}" for trial in info.stopped],
        hovertemplate=f"%{{customdata}}<br>{info.metric} %{{y:.1%}}<extra></extra>",
        showlegend=False,
    )
    canonical = [trial for trial in info.anchors if trial.anchor == CANONICAL]
    others = [trial for trial in info.anchors if trial.anchor != CANONICAL]
    traces = [
        _trace("dominated", info.dominated, faded(SLATE, 0.6), 1, "solid", named=False),
        _trace("stopped early (x)", info.stopped, faded(SLATE, 0.8), 1, "dot", named=False),
        ends,
        _trace("front", info.front, BLUE, 1.8, "solid", named=True),
        _trace("published", others, GREEN, 1.8, "dash", named=True),
        _trace(published_name(CANONICAL), canonical, VERMILLION, 2.6, "solid", named=True),
    ]
    figure = go.Figure([trace for trace in traces if trace.x], layout(f"{info.metric}, mean over the seeds", "epoch"))
    figure.update_yaxes(AXIS | {"tickformat": ".0%"})
    legend = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
    figure.update_layout(showlegend=True, legend=legend, height=430, margin={"l": 58, "r": 18, "t": 36, "b": 100})
    return figure


def _trace(name: str, trials: Sequence[TrialRecord], colour: str, width: float, dash: str, *, named: bool) -> Any:
    """All curves of a kind in one trace, gaps between them."""
    from plotly import graph_objects as go

    hover = (
        {"hoverinfo": "skip"}
        if not named
        else {"hovertemplate": "%{customdata}<br>epoch %{x}: %{y:.1%}<extra></extra>"}
    )
    labels = [_label(trial) for trial in trials]
    return go.Scatter(
        name=name,
        x=list(chain.from_iterable([*range(1, trial.epochs + 1), None] for trial in trials)),
        y=list(chain.from_iterable([*(round(y, 4) for y in trial.mean_curve), None] for trial in trials)),
        customdata=list(
            chain.from_iterable([text] * (trial.epochs + 1) for trial, text in zip(trials, labels, strict=True))
        )
        if named
        else None,
        mode="lines",
        line={"color": colour, "width": width, "dash": dash},
        connectgaps=False,
        **hover,
    )


def _label(trial: TrialRecord) -> str:
    name = f", {published_name(trial.anchor)}" if trial.anchor else ""
    return f"trial {trial.number}{name}, {trial.sizes_in_words}"
