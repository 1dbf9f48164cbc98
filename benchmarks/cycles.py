"""What the front over MACs is worth on an NPU, and how well cycles are predicted.

    python -m benchmarks.cycles [--npu ethos-u55-256] [--table fire_digits] [--figure docs/cycles.png]
    python -m benchmarks.cycles --study NAME [--storage sqlite:///study.db]

Vela is asked for every trained network of a table, or of a study. A member of the front over MACs is dominated
over cycles if another network is at least as accurate in at most as many cycles. The last lines predict the
cycles of half of the networks from the other half, by their operators and by MACs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.latency import LINES, MACS, OURS, Found, line
from benchmarks.picture import png
from explorer import tables
from explorer.arch import Architecture, totals
from explorer.cli.progress import steps
from explorer.results.archive import ParetoArchive
from explorer.results.record import StudyRecord
from explorer.storage.stored import load
from explorer.timing.conditions import Conditions, npu
from explorer.timing.measure import Measured, measure
from explorer.timing.predictor import Predictor


@dataclass(frozen=True)
class Trained:
    """A network, how accurate it is, and what it takes."""

    accuracy: float
    macs: int
    measured: Measured


def front(networks: Sequence[Trained], sizes: Sequence[float]) -> list[int]:
    """Numbers of the networks that no other dominates."""
    archive = ParetoArchive[int]()
    for number, (network, size) in enumerate(zip(networks, sizes, strict=True)):
        archive.add((size, network.accuracy), number)
    return archive.members


def of_table(name: str) -> list[tuple[Architecture, float]]:
    """Networks of a table and their mean accuracy over seeds."""
    table = tables.load(name)
    by: dict[str, tuple[Architecture, list[float]]] = {}
    shape = tuple(table.facts["input_shape"])
    for each in table.trainings:
        if each.points and each.identity not in by:
            by[each.identity] = (table.space.architecture(each.points[0], shape, table.facts["classes"]), [])
        if each.points:
            by[each.identity][1].append(each.val_acc[-1])
    return [(network, float(np.mean(accuracies))) for network, accuracies in by.values()]


def of_study(record: StudyRecord) -> list[tuple[Architecture, float]]:
    """Networks that a study has trained to the end."""
    return [(Architecture.from_json(trial.architecture), trial.accuracy or 0.0) for trial in record.finished]


def asked(networks: Sequence[tuple[Architecture, float]], conditions: Conditions) -> list[Trained]:
    """What Vela says of each; those of which it leaves operators to the processor are not there."""
    found = []
    with steps("networks asked for", len(networks)) as done:
        for network, accuracy in networks:
            measured = measure(network, conditions)
            if np.isfinite(measured.took):
                found.append(Trained(accuracy, totals(network).macs, measured))
            done(1)
    return found


def draw(path: Path, networks: Sequence[Trained], by_macs: Sequence[int]) -> None:
    """The front over MACs, over MACs and over cycles."""
    from plotly import graph_objects as go
    from plotly.subplots import make_subplots

    axes = {
        "multiply-accumulates": [each.macs for each in networks],
        "cycles": [each.measured.took for each in networks],
    }
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04)
    accuracies = [100 * each.accuracy for each in networks]
    for column, (name, sizes) in enumerate(axes.items(), 1):
        members = front(networks, sizes)
        for numbers, words, style in (
            (range(len(networks)), "a network", {"mode": "markers", "marker": {"color": "#BBBBBB", "size": 4}}),
            (members, "front of this axis", {"mode": "lines", "line": {"color": "#0072B2", "shape": "hv"}}),
            (by_macs, "on the front over MACs", {"mode": "markers", "marker": {"color": "#D55E00", "size": 8}}),
        ):
            x, y = [sizes[i] for i in numbers], [accuracies[i] for i in numbers]
            figure.add_trace(go.Scatter(x=x, y=y, name=words, showlegend=column == 1, **style), 1, column)
        figure.update_xaxes(type="log", title=name, dtick=1, row=1, col=column)
    figure.update_yaxes(title="accuracy, %", range=[60, 100], col=1, row=1)
    figure.update_layout(
        template="plotly_white",
        width=900,
        height=430,
        margin={"t": 40, "b": 50},
        legend={"orientation": "h", "y": 1.12},
    )
    png(figure, path)


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--npu", default="ethos-u55-256")
    parser.add_argument("--table", default="fire_digits")
    parser.add_argument("--study")
    parser.add_argument("--storage", default="sqlite:///study.db")
    parser.add_argument("--figure", type=Path, help="a .png")
    given = parser.parse_args()
    conditions = npu(given.npu)
    networks = of_study(load(given.storage, given.study)) if given.study else of_table(given.table)
    trained = asked(networks, conditions)
    print(f"{given.study or given.table}, {conditions.words}: {len(trained)} of {len(networks)} networks")
    by_macs = front(trained, [each.macs for each in trained])
    by_cycles = set(front(trained, [each.measured.took for each in trained]))
    dominated = [number for number in by_macs if number not in by_cycles]
    print(f"front over MACs: {len(by_macs)} networks, {len(dominated)} of them dominated over cycles")
    for number in dominated:
        own = trained[number]
        better = [each for each in trained if each.accuracy >= own.accuracy]
        least = min(each.measured.took for each in better)
        print(f"  {own.accuracy:.4f}, {own.macs:,} MACs: {own.measured.took:,.0f} cycles, another {least:,.0f}")
    if given.figure:
        draw(given.figure, trained, by_macs)
    measured = [each.measured for each in trained]
    learnt, judged = measured[::2], measured[1::2]
    predict = Predictor(learnt, conditions.runtime)
    guesses = {
        OURS: np.array([predict(each.architecture) for each in judged]),
        MACS: line(learnt, judged, LINES[MACS]),
    }
    found = Found(conditions.words, np.array([each.took for each in judged]), guesses)
    for name in guesses:
        median, p90, rank = found.errors(name)
        print(f"{name:16s} off by {median:.1%} (median), {p90:.1%} (90th percentile), rank correlation {rank:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
