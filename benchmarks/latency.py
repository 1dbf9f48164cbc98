"""Latencies predicted before training, against what the networks take.

    python -m benchmarks.latency [--space all] [--input 3 32 32] [--networks 120] [--judged 100]
                                 [--runtime onnxruntime] [--precision fp32] [--figure docs/latency.png]
    python -m benchmarks.latency --npu ethos-u55-256

Random networks of a space are timed, one thread, with nothing beside. From the first ones the others are
predicted: by the operators, by a line over MACs and over parameters, and by MACs and the number of operators. The
relative errors of the judged ones, and Spearman's rank correlation; what the device itself repeats is the first line.
Of an NPU it is cycles, as Vela says; networks of which it leaves operators to the processor are left out.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from benchmarks.picture import png
from benchmarks.row import Row, versus, within
from explorer import load_space
from explorer.arch import Architecture, totals
from explorer.int8.vela import NPUS
from explorer.study.latencies import UNITS, drawn
from explorer.timing.conditions import PRECISIONS, RUNTIMES, Conditions, here, npu
from explorer.timing.measure import Measured, measure
from explorer.timing.operators import operators
from explorer.timing.predictor import Predictor
from explorer.timing.table import Table

CLASSES, SHAPE = 10, (3, 32, 32)
COMMAND = "python -m benchmarks.latency"
AGAIN, OURS, MACS = "timed again", "its operators", "MACs"


@dataclass(frozen=True)
class Found:
    """Relative errors of predictions and their rank correlation, by what is predicted from.

    Attributes:
        conditions: of the measurements, in words.
        truth: microseconds of the judged networks.
        predictions: for each of them.
    """

    conditions: str
    truth: Any
    predictions: dict[str, Any]

    def errors(self, name: str) -> tuple[float, float, float]:
        """Median and 90th percentile of the relative error, rank correlation."""
        off = abs(self.predictions[name] / self.truth - 1)
        rank = spearmanr(self.predictions[name], self.truth).statistic
        return float(np.median(off)), float(np.quantile(off, 0.9)), float(rank)


def compare(
    networks: Sequence[Architecture],
    learnt: int,
    conditions: Conditions,
    path: Path | None = None,
) -> Found:
    """Times networks; predicts those after the first `learnt` from these.

    Args:
        networks: of which all are timed that the table lacks.
        learnt: number of them that predictions are made from.
        conditions: under which.
        path: of the table; None: none is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        table = Table(path or Path(folder, "latency.db"))
        known = {each.architecture.identity: each for each in table.networks(conditions)}
        for i, network in enumerate(networks):
            if network.identity not in known:
                known[network.identity] = measure(network, conditions)
                table.add(conditions, known[network.identity])
            if sys.stderr.isatty():
                print(f"\r{i + 1}/{len(networks)}", end="", file=sys.stderr)
    measured = [known[network.identity] for network in networks if isfinite(known[network.identity].took)]
    first, judged = measured[:learnt], measured[learnt:]
    predict = Predictor(first, conditions.runtime)
    predictions = {
        AGAIN: np.array([measure(each.architecture, conditions).took for each in judged]),
        OURS: np.array([predict(each.architecture) for each in judged]),
        **{name: line(first, judged, columns) for name, columns in LINES.items()},
    }
    return Found(conditions.words, np.array([each.took for each in judged]), predictions)


def rows(quick: bool) -> list[Row]:
    """For the table of `make bench`: random networks of every family."""
    networks = drawn(load_space("all"), SHAPE, CLASSES, 25 if quick else 220)
    found = compare(networks, len(networks) - (5 if quick else 100), here(RUNTIMES[0], PRECISIONS[0], 1))
    (median, p90, rank), (by_macs, *_) = found.errors(OURS), found.errors(MACS)
    return [
        within("predicted latency: median error", [100 * median], 5, "%", found.conditions, COMMAND),
        within("predicted latency: 90th percentile", [100 * p90], 10, "%", found.conditions, COMMAND),
        within("predicted latency: rank correlation", [rank], 0.98, "", found.conditions, COMMAND, less=False),
        versus(
            "predicted latency: median error",
            "by MACs",
            [100 * median],
            [100 * by_macs],
            "%",
            found.conditions,
            COMMAND,
        ),
    ]


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="all")
    parser.add_argument("--input", type=int, nargs=3, default=SHAPE)
    parser.add_argument("--networks", type=int, default=120)
    parser.add_argument("--judged", type=int, default=100)
    parser.add_argument("--runtime", choices=RUNTIMES, default=RUNTIMES[0])
    parser.add_argument("--precision", choices=PRECISIONS, default=PRECISIONS[0])
    parser.add_argument("--npu", choices=NPUS, help="instead of a runtime")
    parser.add_argument("--table", type=Path, help="keeps what was timed")
    parser.add_argument("--figure", type=Path, help="a .png")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)  # onnxruntime's quantization recommends a step that changes nothing here
    networks = drawn(load_space(asked.space), tuple(asked.input), CLASSES, asked.networks + asked.judged)
    conditions = npu(asked.npu) if asked.npu else here(asked.runtime, asked.precision, 1)
    found = compare(networks, asked.networks, conditions, asked.table)
    print(f"{asked.space} on {'x'.join(map(str, asked.input))}, {found.conditions}: {len(found.truth)} networks,")
    ends, counted = f"{found.truth.min():,.0f} to {found.truth.max():,.0f}", UNITS[conditions.cost]
    print(f"{ends} {counted}, predicted from {asked.networks} others")
    print(f"{'':28s} median    p90   rank correlation")
    for name in found.predictions:
        median, p90, rank = found.errors(name)
        print(f"{name:28s} {median:6.1%} {p90:6.1%}   {rank:.4f}")
    if asked.figure:
        draw(asked.figure, found.truth, {name: found.predictions[name] for name in (MACS, OURS)})
    return 0


def line(learnt: Sequence[Measured], judged: Sequence[Measured], columns: Callable[[Architecture], list[float]]) -> Any:
    """Predictions by a sum of amounts and a constant, none of them negative, fitted for the least relative error."""
    rows, others = (np.array([[1, *columns(each.architecture)] for each in some], float) for some in (learnt, judged))
    times = np.array([each.took for each in learnt])
    scale = rows.max(axis=0)
    rates, _ = nnls(rows / scale / times[:, None], np.ones(len(times)))
    return others / scale @ rates


LINES: dict[str, Callable[[Architecture], list[float]]] = {
    MACS: lambda network: [totals(network).macs],
    "parameters": lambda network: [totals(network).params],
    "MACs and operators": lambda network: [totals(network).macs, len(operators(network))],
}


def draw(path: Path, truth: Any, predictions: dict[str, Any]) -> None:
    """Predicted over measured, both in microseconds."""
    from plotly import graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(
        1, len(predictions), shared_yaxes=True, subplot_titles=[f"by {name}" for name in predictions]
    )
    ends = [truth.min() / 1.5, truth.max() * 1.5]
    for column, found in enumerate(predictions.values(), 1):
        figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line={"color": "#999999", "width": 1}), 1, column)
        figure.add_trace(
            go.Scatter(x=truth, y=found, mode="markers", marker={"color": "#0072B2", "size": 6}), 1, column
        )
        figure.update_xaxes(type="log", title="measured, microseconds", dtick=1, row=1, col=column)
    figure.update_yaxes(type="log", dtick=1, title="predicted, microseconds", col=1, row=1)
    figure.update_yaxes(type="log", dtick=1, col=2, row=1)
    figure.update_layout(template="plotly_white", showlegend=False, width=900, height=430, margin={"t": 40, "b": 50})
    png(figure, path)


if __name__ == "__main__":
    sys.exit(main())
