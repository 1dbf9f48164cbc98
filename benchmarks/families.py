"""Which family at which size: the figure and the numbers of a study of `+space=all`.

    python -m explorer.search +space=all n_trials=80
    python -m benchmarks.families --figure docs/families.png

Prints, for sizes a factor of ten apart, the most accurate network of each family that is no larger, with its standard
error, and how many networks of each family the study trained to the end.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.picture import png
from explorer.plots.labels import published_name
from explorer.plots.style import AXIS, BLUE, FONT, GREEN, GREY, INK, VERMILLION
from explorer.results.pareto import pareto_front, point
from explorer.results.record import StudyRecord, TrialRecord
from explorer.storage.stored import load

SIZES = (2_000, 5_000, 20_000, 100_000, 1_500_000)
COLORS = {"fire": VERMILLION, "residual": BLUE, "regnet": "#8c6bb1", "inverted_residual": GREEN, "shuffle": "#E69F00"}


def main() -> None:
    """Prints the table, draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", default="sqlite:///study.db")
    parser.add_argument("--study", default="all")
    parser.add_argument("--figure", type=Path, help="a .png")
    arguments = parser.parse_args()
    record = load(arguments.storage, arguments.study)
    found = by_family(record)
    print(table(record, found))
    if arguments.figure:
        draw(record, found, arguments.figure)


def by_family(record: StudyRecord) -> dict[str, list[TrialRecord]]:
    """The candidates that trained to the end; published networks, which no limit binds, are left out."""
    found: dict[str, list[TrialRecord]] = {}
    for trial in record.finished:
        if "family" in trial.metaparameters and not trial.anchor:
            found.setdefault(str(trial.metaparameters["family"]), []).append(trial)
    return dict(sorted(found.items()))


def table(record: StudyRecord, found: Mapping[str, Sequence[TrialRecord]]) -> str:
    """Markdown."""
    tried = Counter(str(trial.metaparameters["family"]) for trial in record.trials if trial.metaparameters)
    lines = ["| family | tried, to the end | " + " | ".join(f"up to {size:,}" for size in SIZES) + " |"]
    lines.append("|---|---:|" + "---:|" * len(SIZES))
    for family, trials in found.items():
        cells = []
        for size in SIZES:
            best = max(
                (trial for trial in trials if trial.params <= size), key=lambda trial: trial.accuracy or 0, default=None
            )
            error = 100 * best.error(record.val_images) if best else 0.0
            cells.append(f"{100 * (best.accuracy or 0):.1f} ± {error:.1f} %" if best else "none")
        lines.append(f"| {family} | {tried[family]}, {len(trials)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(record: StudyRecord, found: Mapping[str, Sequence[TrialRecord]], path: Path) -> None:
    """Every network that trained to the end, and each family's own front; far failures lie below the axis."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for family, trials in found.items():
        color = COLORS.get(family, GREY)
        front = [trials[index] for index in pareto_front([point(trial) for trial in trials])]
        figure.add_scatter(
            x=[trial.params for trial in front],
            y=[trial.accuracy for trial in front],
            mode="lines",
            line={"shape": "hv", "color": color, "width": 2},
            showlegend=False,
        )
        figure.add_scatter(
            x=[trial.params for trial in trials],
            y=[trial.accuracy for trial in trials],
            error_y={"array": [trial.error(record.val_images) for trial in trials], "thickness": 1, "width": 2},
            mode="markers",
            marker={"color": color, "size": 9},
            name=family,
        )
    anchors = sorted((trial for trial in record.finished if trial.anchor), key=lambda trial: trial.params)
    figure.add_scatter(
        x=[trial.params for trial in anchors],
        y=[trial.accuracy for trial in anchors],
        mode="markers+text",
        text=[published_name(trial.anchor or "") for trial in anchors],
        textposition=[("bottom center", "top center")[i % 2] for i in range(len(anchors))],
        textfont={"size": 12},
        marker={"symbol": "star", "size": 15, "color": INK},
        name="published",
    )
    figure.update_xaxes(**AXIS, type="log", title_text="parameters (log scale)", dtick=1)
    title = f"validation accuracy ({record.val_images} images), ± 1 standard error"
    figure.update_yaxes(**AXIS, title_text=title, tickformat=".0%", range=[0.74, 1.005])
    figure.update_layout(
        font={"family": FONT, "size": 14, "color": INK},
        plot_bgcolor="#fff",
        width=1100,
        height=620,
        margin={"l": 80, "r": 20, "t": 20, "b": 110},
        legend={"orientation": "h", "y": -0.16},
    )
    png(figure, path)


if __name__ == "__main__":
    main()
