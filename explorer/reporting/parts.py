"""The parts of a study's report, as HTML: what was found, and how it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from explorer.arch import Architecture, architecture
from explorer.arch.chain import chain
from explorer.arch.layer_table import times_smaller_than_alexnet
from explorer.plots import front, network
from explorer.plots.labels import published_name, shorthand, si
from explorer.plots.markers import of_study
from explorer.plots.scatter import on_page
from explorer.reporting import baseline
from explorer.reporting.commands import Commands
from explorer.reporting.details import title
from explorer.results.pareto import front_trials, study_hypervolume
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.selection import CANONICAL
from explorer.results.spent import duration, spent

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FEW = 6
"""Networks below the axis up to which their accuracy stands beside them."""
BARS = (
    "Bars: ± 1 standard error of val_acc, over the seeds, or over the images where there is one; networks whose bars "
    "overlap are not told apart. Networks stopped early are on no front."
)


def tiles(record: StudyRecord) -> str:
    """The study in a few numbers."""
    took, front = spent(record), front_trials(record)
    shown = [(f"{len(record.trials):,}", "trials"), (f"{len(front):,}", "networks on the front")]
    if front:
        best = front[-1]
        shown.append(
            (f"{100 * (best.accuracy or 0):.1f} %", f"best val_acc (trial {best.number}, {si(best.params)} params)")
        )
    found = [one for one in baseline.advantages(record) if one.gain >= -one.error]
    if found:
        one = found[0]
        sign = "within the error" if one.same else "and better"
        shown.append(
            (
                one.size,
                f"the params of {baseline.name()} at its accuracy, {sign} (trial {one.trial.number})",
            )
        )
    shown.append((f"{took.epochs:,}", f"epochs, {took.saved:,} saved by stopping"))
    if front:
        shown.append((f"{study_hypervolume(record):.3f}", "hypervolume"))
    cells = "".join(f"<div><b>{escape(number)}</b><span>{escape(words)}</span></div>" for number, words in shown)
    return f'<div class="tiles">{cells}</div>'


def front_figure(record: StudyRecord, place: int) -> Figure:
    """The Pareto figure of the study at a place of the page."""
    info = front.info(record)
    figure = on_page(front.figure(replace(info, markers=of_study(info.markers, place))))
    for trace in figure.select_traces({"mode": "markers+text"}):
        if len(trace.x) > FEW:
            trace.update(mode="markers", text=None)  # how far below the axis: the pointer says so
    return figure


def front_table(record: StudyRecord, place: int) -> str:
    """The front and canonical SqueezeNet as a table; its trials can be clicked."""
    front = front_trials(record)
    other = baseline.canonical(record)
    shown = {trial.number: trial for trial in [*front, *([other] if other else [])]}
    heads = ["trial", "network", "val_acc", "params", f"/ {baseline.name()}", "/ AlexNet"]
    classes = ["word", "word", "", "", "", ""]
    rows = []
    for trial in sorted(shown.values(), key=lambda trial: (trial.params, trial.number)):
        name = published_name(trial.anchor) if trial.anchor else shorthand(trial.metaparameters)
        name += "" if trial in front else " (dominated)"
        button = f'<button class="trial" data-study="{place}" data-trial="{trial.number}">{trial.number}</button>'
        smaller = f"{trial.params / other.params:.3f}x" if other else ""
        alexnet = f"1/{times_smaller_than_alexnet(Architecture.from_json(trial.architecture)):,.0f}"
        score = f"{100 * (trial.accuracy or 0):.1f} ± {100 * trial.error(record.val_images):.1f} %"
        cells = [button, escape(name), score, f"{trial.params:,}", smaller, alexnet]
        row = "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(classes, cells, strict=True))
        rows.append(f"<tr{' class=canonical' if trial.anchor == CANONICAL else ''}>{row}</tr>")
    head = "".join(f'<th class="{kind}">{text}</th>' for kind, text in zip(classes, heads, strict=True))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def against_canonical(record: StudyRecord) -> list[str]:
    """The best trade-offs in words."""
    if baseline.canonical(record) is None:
        return [f"{baseline.name()} was not trained in this study, so nothing is said against it."]
    found = baseline.advantages(record)
    if not found:
        size = f"{baseline.NOTABLE} times the params of {baseline.name()}"
        return [f"No network below {size} reaches its accuracy within the error."]
    head = f"Against {baseline.name()}, trained the same way: "
    return [head + "; ".join(f"trial {one.trial.number}: {one.words()}" for one in found) + "."]


def pictures(record: StudyRecord, trials: list[TrialRecord]) -> dict[int, str]:
    """Drawings of networks, all at one scale with canonical SqueezeNet's."""
    drawn = {trial.number: (trial, chain(Architecture.from_json(trial.architecture))) for trial in trials}
    widest = max([one.widest for _, one in drawn.values()] + [chain(canonical(record)).widest])
    return {number: network.svg(one, title(trial), widest) for number, (trial, one) in drawn.items()}


def canonical(record: StudyRecord) -> Architecture:
    """SqueezeNet v1.0 for the study's images: as trained, else as published."""
    trained = baseline.canonical(record)
    if trained:
        return Architecture.from_json(trained.architecture)
    shape = record.facts["input_shape"]
    return architecture(CANONICAL, (shape[0], shape[1], shape[2]), record.facts["classes"])


def made(record: StudyRecord, how: Commands, written_with: dict[str, str]) -> str:
    """Machine, versions and commands."""
    took = spent(record)
    devices = Counter(trial.device for trial in record.trials if trial.device)
    data = record.config["data"]
    images = record.facts["images"]
    facts = {
        "data": f"{data.get('name') if isinstance(data, dict) else data}: "
        + ", ".join(f"{count:,} {split}" for split, count in images.items() if isinstance(count, int)),
        "input": "x".join(map(str, record.facts["input_shape"])) + f", {record.facts['classes']} classes",
        "trials": ", ".join(f"{count:,} {state}" for state, count in sorted(took.states.items())),
        "trained on": "; ".join(f"{device} ({count:,} trials)" for device, count in devices.most_common()) or "unknown",
        "versions": ", ".join(f"{name} {version}" for name, version in record.facts.get("versions", {}).items()),
        "commit": str(record.facts.get("git_commit", "")) or "unknown",
        "this page": ", ".join(
            f"{name} {written_with[name]}" for name in ("explorer", "python") if name in written_with
        ),
    }
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    steps = "".join(f'<p class="note">{escape(what)}</p><pre>{escape(line)}</pre>' for what, line in how.steps)
    space = ""
    if how.space:
        name = f"{record.name}_space.yaml"
        space = f"<details><summary>{escape(name)}, the space, beside which the search is started</summary>"
        space += f"<pre>{escape(how.space)}</pre></details>"
    return f'<h3>Machine and versions</h3><dl class="facts">{listed}</dl><h3>Again</h3>{steps}{space}'


def comparison(records: Sequence[StudyRecord], volumes: dict[int, float]) -> tuple[tuple[str, ...], ...]:
    """Studies in numbers, a column each.

    Args:
        records: the studies.
        volumes: hypervolume by the study's place, all from one corner.
    """
    took = [spent(record) for record in records]
    bests = [front_trials(record)[-1] if record.finished else None for record in records]
    smaller = [next(iter(baseline.advantages(record)), None) for record in records]
    same = f"params at the accuracy of {baseline.name()}, within the error"
    rows: list[list[str]] = [
        ["trials", *(f"{len(record.trials):,}" for record in records)],
        ["epochs trained", *(f"{one.epochs:,}" for one in took)],
        ["epochs saved by stopping", *(f"{one.saved:,}" for one in took)],
        ["training time", *(duration(one.seconds) for one in took)],
        ["networks on the front", *(f"{len(front_trials(record)):,}" for record in records)],
        ["best val_acc", *(_score(record, best) for record, best in zip(records, bests, strict=True))],
        [same, *(f"{one.trial.params:,} ({one.size})" if one else "none" for one in smaller)],
        [
            "hypervolume, from one corner",
            *(f"{volumes[i]:.4f}" if i in volumes else "none" for i in range(len(records))),
        ],
    ]
    return tuple(tuple(row) for row in rows)


def _score(record: StudyRecord, trial: TrialRecord | None) -> str:
    if trial is None:
        return "none"
    return f"{100 * (trial.accuracy or 0):.1f} ± {100 * trial.error(record.val_images):.1f} %"
