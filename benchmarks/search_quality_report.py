"""The comparison of search methods as a page and a figure; see `benchmarks.search_quality`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.picture import png
from benchmarks.search_quality import LONG, OURS, RANDOM, STOPPED, TPE, Bench, Run
from explorer.plots.style import AXIS, FONT, INK, faded

COLORS = ("#8A9099", "#CC79A7", "#E69F00", "#D55E00", "#A6761D", "#56B4E9", "#0072B2", "#009E73", "#332288", "#882255")
_INTRODUCTION = """\
Made by `python -m benchmarks.search_quality`; the table by `python -m benchmarks.table` (see fire_digits.md). The value
is the hypervolume as a share of what the whole table covers, over log10(size) and val_acc, from the corner of the
table's largest size and lowest val_acc, after the epochs of 50, 100 and {trials} trials at full length: mean over the
seeds. *Behind ours* is paired by seed, with its 95 % interval; above 0 ours is ahead. What stopping saves goes into
more trials. The figure leaves out what ran with fewer seeds than the others."""
Runs = Mapping[tuple[str, Bench, int], Run]


def write(
    folder: Path, runs: Runs, seconds: Mapping[tuple[str, Bench, int], float], trials: int, epochs: Mapping[Bench, int]
) -> None:
    """Writes FOLDER/search_quality.md, prints it, and draws FOLDER/search_quality.png."""
    text = [
        "# How much of the front each search finds",
        "",
        _INTRODUCTION.format(trials=trials),
        "",
    ]
    for bench, length in epochs.items():
        text += [f"## {bench}", "", *_table(bench, length, runs, seconds, trials), ""]
        text += [*_long(bench, length, runs, trials), *_equal(bench, length, runs, trials), ""]
    page = "\n".join(text).rstrip() + "\n"
    folder.mkdir(exist_ok=True)
    (folder / "search_quality.md").write_text(page + "\n![share of the hypervolume over epochs](search_quality.png)\n")
    print(page)
    _draw(folder / "search_quality.png", runs, trials, epochs)


def shares(runs: Runs, method: str, bench: Bench, epochs: float) -> dict[int, float]:
    """By seed the share when so many epochs are spent."""
    found = {}
    for (name, own, seed), run in runs.items():
        if (name, own) == (method, bench):
            found[seed] = max((share for spent, share in run if spent <= epochs), default=0.0)
    return found


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and its 95 % interval, of Student's t."""
    centre = mean(values)
    if len(values) < 2:
        return centre, float("-inf"), float("inf")
    half = float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1))
    return centre, centre - half, centre + half


def _methods(runs: Runs, bench: Bench) -> list[str]:
    return list(dict.fromkeys(method for method, own, _ in sorted(runs, key=lambda k: _order(k[0])) if own == bench))


def _order(method: str) -> int:
    from benchmarks.search_quality import METHODS

    return list(METHODS).index(method)


def _table(bench: Bench, length: int, runs: Runs, seconds: Mapping[Any, float], trials: int) -> list[str]:
    rows = [
        f"| method | seeds | 50 trials' epochs | 100 | {trials} | behind ours at {trials} | seconds a search |",
        "|---|---|---|---|---|---|---|",
    ]
    best = shares(runs, OURS, bench, trials * length)
    for method in _methods(runs, bench):
        columns = [shares(runs, method, bench, count * length) for count in (50, 100, trials)]
        last, behind = columns[-1], "-"
        if method != OURS:
            centre, low, high = interval([best[seed] - share for seed, share in last.items()])
            behind = f"{100 * centre:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"
        took = median(own for name, own in seconds.items() if name[:2] == (method, bench))
        values = " | ".join(f"{100 * mean(column.values()):.2f} %" for column in columns)
        rows.append(f"| {method} | {len(last)} | {values} | {behind} | {took:.1f} |")
    return rows


def _long(bench: Bench, length: int, runs: Runs, trials: int) -> list[str]:
    """Ours after so many trials against a long random search."""
    longest = max(len(run) for (method, own, _), run in runs.items() if (method, own) == (RANDOM, bench))
    if longest < LONG:
        return []
    random, best = shares(runs, RANDOM, bench, LONG * length), shares(runs, OURS, bench, trials * length)
    centre, low, high = interval([best[seed] - random[seed] for seed in best])
    words = f"Random after {LONG} trials: {100 * mean(random.values()):.2f} %; ours after {trials} is"
    return [f"{words} {100 * centre:+.2f} points from it (95 % {100 * low:+.2f} to {100 * high:+.2f})."]


def _equal(bench: Bench, length: int, runs: Runs, trials: int) -> list[str]:
    """Epochs that the stopped search needs for what multivariate TPE has after all its trials."""
    target = shares(runs, TPE, bench, trials * length)
    if bench.downsampling is None:
        return []
    lines = []
    for method in (OURS, STOPPED):
        needed = []
        for seed, share in target.items():
            run = runs[method, bench, seed]
            needed.append(next((spent for spent, own in run if own >= share), float("inf")) / (trials * length))
        never = sum(map(np.isinf, needed))
        low, high = np.quantile(needed, 0.25, method="lower"), np.quantile(needed, 0.75, method="lower")
        lines.append(
            f"{method}: reaches what multivariate TPE has after {trials} trials with {median(needed):.3f} of its "
            f"epochs (median; quartiles {low:.3f} to {high:.3f}; {never} of {len(needed)} seeds did not reach it)."
        )
    return lines


def _draw(path: Path, runs: Runs, trials: int, epochs: Mapping[Bench, int]) -> None:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=len(epochs), subplot_titles=[str(bench) for bench in epochs], horizontal_spacing=0.05)
    for column, (bench, length) in enumerate(epochs.items(), start=1):
        grid = np.geomspace(5 * length, trials * length, 60)
        methods = _methods(runs, bench)
        named = {trace.name for trace in figure.data}
        seeds = max(len(shares(runs, method, bench, 1)) for method in methods)
        for method in methods:
            if len(shares(runs, method, bench, 1)) < seeds:
                continue  # too few for quartiles to stand beside the others'
            values = np.array([list(shares(runs, method, bench, spent).values()) for spent in grid])
            missing = np.maximum(1 - values, 1e-4)
            color = COLORS[_order(method)]
            low, high = np.quantile(missing, (0.25, 0.75), axis=1)
            band = {"x": [*grid, *grid[::-1]], "y": [*high, *low[::-1]], "fill": "toself", "hoverinfo": "skip"}
            figure.add_scatter(
                **band, line={"width": 0}, fillcolor=faded(color, 0.12), showlegend=False, row=1, col=column
            )
            figure.add_trace(
                go.Scatter(
                    x=grid,
                    y=np.median(missing, axis=1),
                    name=method,
                    legendgroup=method,
                    showlegend=method not in named,
                    line={"color": color, "width": 3 if "ours" in method else 1.8},
                ),
                row=1,
                col=column,
            )
    figure.update_xaxes(**AXIS, type="log", title_text="epochs spent", dtick=1)
    figure.update_yaxes(**AXIS, type="log", tickformat=".1%", dtick=1)
    figure.update_yaxes(title_text="hypervolume missing (median, quartiles)", col=1)
    figure.update_layout(
        font={"family": FONT, "size": 14, "color": INK},
        plot_bgcolor="#fff",
        width=1500,
        height=640,
        margin={"l": 80, "r": 20, "t": 50, "b": 150},
        legend={"orientation": "h", "y": -0.18},
    )
    png(figure, path)
