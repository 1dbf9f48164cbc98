"""The comparison of search methods (`benchmarks.search_quality`) as a page and a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.picture import png
from benchmarks.table_objective import OTHERS, Bench, Objective, Run
from explorer.plots.style import AXIS, FONT, INK, faded

LONG = 1000
"""Trials of the long random search."""
RANDOM, TPE, OURS, STOPPED = (
    "random",
    "TPE multivariate (Optuna)",
    "front (ours)",
    "front + pareto stopping (ours)",
)
"""The methods that the page speaks of, by their names in `benchmarks.search_quality.METHODS`."""
COLORS = ("#8A9099", "#CC79A7", "#E69F00", "#D55E00", "#A6761D", "#56B4E9", "#0072B2", "#009E73", "#332288", "#882255")
_OURS = """\
Made by `python -m benchmarks.search_quality`; the tables by `python -m benchmarks.table` (see fire_small_digits.md and
fire_digits.md). What was chosen on a table of ours, the stopping rule and the scale on which the sampler models
accuracy, was chosen on the half of fire_digits with downsampling 0.25 and other seeds; the rule's slack also on four
tasks of LCBench's surrogate (YAHPO Gym), and the number of start-up draws on those, on NAS-Bench-Macro and on
NAS-Bench-Graph's proteins, which are not in this repository. The larger table fire_small_digits, the other half of
fire_digits and the tables of other people, [eight of networks](search_quality_graph.md) and [twelve of
curves](search_quality_lcbench.md), had no part in any choice.

*Mean of the seeds*: a network's accuracy is the mean of its three trainings, after every epoch, as a search with
`seeds=3` has it. Without, it is that of one training, and the front's best members are those that were lucky: the noise
of a training (see the datasheets) is larger than most differences between them, and luck is not to be modelled."""
_VALUES = """\
The value is the hypervolume as a share of what the whole table covers, over log10(size) and val_acc, from the corner of
the table's largest size and lowest val_acc, after the epochs of 50, 100 and {trials} trials at full length: mean over
the seeds. *Behind ours* is paired by seed, with its 95 % interval; above 0 ours is ahead. What stopping saves goes into
more trials. The figure leaves out what ran with fewer seeds than the others."""
COLUMNS = 4
"""Panels of a figure beside each other, at most."""
Runs = Mapping[tuple[str, Bench, int], Run]


def write(
    folder: Path,
    searched: Mapping[Bench, Objective],
    runs: Runs,
    seconds: Mapping[tuple[str, Bench, int], float],
    trials: int,
) -> None:
    """Writes FOLDER/search_quality.md, of other people's tables search_quality_THEIRS.md, prints it, and draws it.

    Methods are listed in the order of `runs`.
    """
    outside = next(iter(searched)).outside
    epochs = {bench: own.epochs for bench, own in searched.items()}
    name = f"search_quality_{outside}" if outside else "search_quality"
    title, about = (f": {OTHERS[outside].TITLE}", OTHERS[outside].ABOUT) if outside else ("", _OURS)
    seeds = 1 + max(seed for *_, seed in runs)
    text = [f"# How much of the front each search finds{title}", "", about.format(seeds=seeds), ""]
    text += [_VALUES.format(trials=trials), ""]
    if outside:
        text += [*_summary(epochs, runs, trials), ""]
    for bench, length in epochs.items():
        networks = searched[bench].networks
        text += [f"## {bench}: {networks:,} networks", "", *_table(bench, length, runs, seconds, trials), ""]
        text += [*_long(bench, length, runs, trials, networks), *_equal(bench, length, runs, trials), ""]
    page = "\n".join(text).rstrip() + "\n"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.md").write_text(page + f"\n![share of the hypervolume over epochs]({name}.png)\n")
    print(page)
    _draw(folder / f"{name}.png", runs, trials, epochs)


def _summary(benches: Mapping[Bench, int], runs: Runs, trials: int) -> list[str]:
    """On how many tables each method is behind ours, for certain or not, at three lengths.

    Args:
        benches: with the epochs of a trial.
    """
    lengths = (50, 100, trials)
    head = " | ".join(f"{count} trials: ahead of ours, neither, behind" for count in lengths)
    rows = [f"| method | {head} | missing at {trials} (mean of the tables) |", "|---" * (len(lengths) + 2) + "|"]
    for method in _methods(runs, next(iter(benches))):
        cells = []
        for count in lengths:
            signs = []
            for bench, length in benches.items():
                own, other = (shares(runs, each, bench, count * length) for each in (OURS, method))
                if other:
                    _, low, high = interval([own[seed] - share for seed, share in other.items()])
                    signs.append((high < 0, low <= 0 <= high, low > 0))
            cells.append("-" if method == OURS else ", ".join(str(sum(kind)) for kind in zip(*signs, strict=True)))
        every = [shares(runs, method, bench, trials * length) for bench, length in benches.items()]
        found = [mean(own.values()) for own in every if own]
        rows.append(f"| {method} | {' | '.join(cells)} | {100 * (1 - mean(found)):.2f} % |")
    rows += ["", "*Ahead* and *behind*: tables on which the 95 % interval of the paired difference leaves 0 out.", ""]
    for method in _measured(runs, next(iter(benches))):
        parts = [_mean_reaches(runs, method, bench, trials * length) for bench, length in benches.items()]
        rows.append(
            f"{method}: its mean reaches what multivariate TPE's has after {trials} trials with {median(parts):.3f} of "
            f"its epochs (median of the tables; {min(parts):.3f} to {max(parts):.3f}), with at most a quarter on "
            f"{sum(part <= 0.25 for part in parts)} of {len(parts)}."
        )
    return rows


def _measured(runs: Runs, bench: Bench) -> list[str]:
    """Our searches of a bench that are held against multivariate TPE."""
    return [method for method in (OURS, STOPPED) if method in _methods(runs, bench)]


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


def _methods(runs: Runs, bench: Bench | None = None) -> list[str]:
    """Of a bench, or of all, in the order of the runs."""
    return list(dict.fromkeys(method for method, own, _ in runs if bench in (own, None)))


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


def _long(bench: Bench, length: int, runs: Runs, trials: int, networks: int) -> list[str]:
    """Ours after so many trials against a long random search."""
    longest = max(len(run) for (method, own, _), run in runs.items() if (method, own) == (RANDOM, bench))
    if longest < LONG:
        return []
    random, best = shares(runs, RANDOM, bench, LONG * length), shares(runs, OURS, bench, trials * length)
    centre, low, high = interval([best[seed] - random[seed] for seed in best])
    words = f"Random after {LONG} trials ({min(1, LONG / networks):.0%} of the networks): "
    words += f"{100 * mean(random.values()):.2f} %; ours after {trials} is"
    return [f"{words} {100 * centre:+.2f} points from it (95 % {100 * low:+.2f} to {100 * high:+.2f})."]


def _equal(bench: Bench, length: int, runs: Runs, trials: int) -> list[str]:
    """Epochs that the stopped search needs for what multivariate TPE has after all its trials."""
    if not bench.apart:
        return []
    whole = trials * length
    target = shares(runs, TPE, bench, whole)
    lines = []
    for method in _measured(runs, bench):
        needed = []
        for seed, share in target.items():
            run = runs[method, bench, seed]
            needed.append(next((spent for spent, own in run if own >= share), float("inf")) / whole)
        never = sum(map(np.isinf, needed))
        low, high = np.quantile(needed, 0.25, method="lower"), np.quantile(needed, 0.75, method="lower")
        lines.append(
            f"{method}: reaches what multivariate TPE has after {trials} trials with {median(needed):.3f} of its "
            f"epochs (median; quartiles {low:.3f} to {high:.3f}; {never} of {len(needed)} seeds did not reach it); "
            f"its mean reaches TPE's mean with {_mean_reaches(runs, method, bench, whole):.3f}."
        )
    return lines


def _mean_reaches(runs: Runs, method: str, bench: Bench, whole: int) -> float:
    """After which part of all epochs the mean of the seeds has what multivariate TPE's has at the end; never: inf."""
    goal = mean(shares(runs, TPE, bench, whole).values())
    grid = np.linspace(0, whole, 201)[1:]
    reached = (spent for spent in grid if mean(shares(runs, method, bench, spent).values()) >= goal)
    return float(next(reached, np.inf)) / whole


def _draw(path: Path, runs: Runs, trials: int, epochs: Mapping[Bench, int]) -> None:
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    lines = -(-len(epochs) // COLUMNS)
    columns = -(-len(epochs) // lines)
    titles = [str(bench) for bench in epochs]
    every = _methods(runs)
    figure = make_subplots(lines, columns, subplot_titles=titles, horizontal_spacing=0.05, vertical_spacing=0.14)
    for index, (bench, length) in enumerate(epochs.items()):
        place = {"row": index // columns + 1, "col": index % columns + 1}
        grid = np.geomspace(5 * length, trials * length, 60)
        methods = _methods(runs, bench)
        named = {trace.name for trace in figure.data}
        seeds = max(len(shares(runs, method, bench, 1)) for method in methods)
        for method in methods:
            if len(shares(runs, method, bench, 1)) < seeds:
                continue  # too few for quartiles to stand beside the others'
            values = np.array([list(shares(runs, method, bench, spent).values()) for spent in grid])
            missing = np.maximum(1 - values, 1e-4)
            color = COLORS[every.index(method)]
            low, high = np.quantile(missing, (0.25, 0.75), axis=1)
            band = {"x": [*grid, *grid[::-1]], "y": [*high, *low[::-1]], "fill": "toself", "hoverinfo": "skip"}
            figure.add_scatter(**band, line={"width": 0}, fillcolor=faded(color, 0.12), showlegend=False, **place)
            figure.add_trace(
                go.Scatter(
                    x=grid,
                    y=np.median(missing, axis=1),
                    name=method,
                    legendgroup=method,
                    showlegend=method not in named,
                    line={"color": color, "width": 3 if "ours" in method else 1.8},
                ),
                **place,
            )
    figure.update_xaxes(**AXIS, type="log", dtick=1)
    figure.update_xaxes(title_text="epochs spent", row=lines)
    figure.update_yaxes(**AXIS, type="log", tickformat=".2~%", dtick=1)
    figure.update_yaxes(title_text="hypervolume missing (median, quartiles)", col=1)
    height = 90 + 550 * lines - 150 * (lines - 1)
    top, bottom = 50, 150
    figure.update_layout(
        font={"family": FONT, "size": 14, "color": INK},
        plot_bgcolor="#fff",
        width=1500,
        height=height,
        margin={"l": 80, "r": 20, "t": top, "b": bottom},
        legend={"orientation": "h", "y": -80 / (height - top - bottom)},
    )
    png(figure, path)
