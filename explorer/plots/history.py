"""The optimization history: the hypervolume after each finished trial, over the epochs spent by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from explorer.plots.style import AXIS, BLUE
from explorer.plots.sweep import OCHRE, layout
from explorer.results.pareto import by_end, hypervolume_history, point, reference_point
from explorer.results.record import StudyRecord

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = ((BLUE, "solid"), (OCHRE, "dash"))


@dataclass(frozen=True)
class HypervolumeHistory:
    """The hypervolume of one study.

    Attributes:
        study: its name.
        epochs: trained by all trials when each finished one ended.
        volumes: the hypervolume then.
        metric, size: what the study maximises and minimises.
    """

    study: str
    epochs: tuple[int, ...]
    volumes: tuple[float, ...]
    metric: str
    size: str


def histories(records: Sequence[StudyRecord]) -> tuple[HypervolumeHistory, ...]:
    """One of each study that has a finished trial. All are measured from the farthest of their reference points."""
    corners = [reference_point(record) for record in records if record.finished]
    if not corners:
        return ()
    *sizes, accuracies = zip(*corners, strict=True)
    corner = (*map(max, sizes), min(accuracies))
    found: list[HypervolumeHistory] = []
    for record in records:
        ended = by_end(trial for trial in record.trials if trial.ended)
        spent, epochs, finished = 0, [], []
        for trial in ended:
            spent += sum(map(len, trial.curves))
            if trial.state == "COMPLETE":
                epochs.append(spent)
                finished.append(point(trial))
        if finished:
            volumes = tuple(hypervolume_history(finished, corner))
            found.append(HypervolumeHistory(record.name, tuple(epochs), volumes, record.metric, record.size_name))
    return tuple(found)


def figure(drawn: Sequence[HypervolumeHistory]) -> Figure:
    """Draws them."""
    from plotly import graph_objects as go

    traces = [
        go.Scatter(
            name=line.study,
            x=line.epochs,
            y=line.volumes,
            mode="lines",
            line={"color": colour, "width": 2, "dash": dash, "shape": "hv"},
            hovertemplate="%{y:.4f} after %{x:,} epochs<extra></extra>",
        )
        for line, (colour, dash) in zip(drawn, COLOURS, strict=False)
    ]
    title = f"hypervolume, decades of {drawn[0].size.replace(', ', ' times decades of ')} times {drawn[0].metric}"
    figure = go.Figure(traces, layout(title, "epochs trained, all trials"))
    figure.update_xaxes(AXIS | {"rangemode": "tozero"})
    if len(drawn) > 1:
        figure.update_layout(showlegend=True, legend={"x": 1, "xanchor": "right", "y": 0, "yanchor": "bottom"})
    return figure
