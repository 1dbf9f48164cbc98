"""The front of a study as a part of its page: the figure, the network that was clicked, a table, drawings."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from explorer.arch import Architecture, architecture
from explorer.arch.chain import chain
from explorer.arch.layer_table import times_smaller_than_alexnet
from explorer.arch.size import shown as shown_size
from explorer.plots import front, network
from explorer.plots.labels import published_name, shorthand
from explorer.plots.markers import of_study
from explorer.plots.scatter import on_page
from explorer.reporting import baseline, document
from explorer.reporting.network_details import title
from explorer.results.pareto import front_trials, most_accurate
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.selection import CANONICAL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FEW = 6
"""Networks below the axis up to which their accuracy stands beside them."""
BARS = (
    "Bars: ± 1 standard error of {metric}, over the seeds, or over the images where there is one; networks whose bars "
    "overlap are not told apart. Networks stopped early are on no front."
)
TWO = " A member of the front that lies off the line has its place there by the other size."
CHOICE = '<p class="screen"><label>network <select aria-label="network"></select></label></p>'


def front_section(place: int, record: StudyRecord) -> str:
    """The figure, the network that was clicked, the table, the drawings."""
    front = front_trials(record)
    shown = [*front, *(trial for trial in record.finished if trial.anchor and trial not in front)]
    drawn = _pictures(record, shown) if shown else {}
    templates = [f'<template id="picture_{place}_{number}">{svg}</template>' for number, svg in drawn.items()]
    other = baseline.canonical(record)
    beside = [drawn[trial.number] for trial in ([most_accurate(front)] if front else []) + ([other] if other else [])]
    figures = [
        f'<div class="picks">{document.figure_html(f"pareto{place}" + "_2" * axis, _figure(record, place, axis))}</div>'
        for axis in range(len(record.sizes))
    ]
    note = BARS.format(metric=record.metric) + TWO * (len(record.sizes) > 1)
    words = "".join(f"<p>{escape(line)}</p>" for line in against_canonical(record)) if front else ""
    first = most_accurate(front).number if front else ""
    return "\n".join(
        [
            f'<section id="pareto{place}" class="long"><h2>The front: accuracy over size</h2>{words}',
            *figures,
            f'<p class="note">{escape(note)} A click on a network shows it below.</p>',
            f'<div class="panel" id="panel_{place}" data-first="{first}">{CHOICE}<div class="body"></div></div>',
            _table(record, place) if front else "<p>No trial has finished yet.</p>",
            *templates,
            "<h3>The most accurate network beside canonical SqueezeNet, at one scale</h3>" if len(beside) > 1 else "",
            f'<div class="pictures">{"".join(beside)}</div>' if len(set(beside)) > 1 else "",
            "</section>",
        ]
    )


def _figure(record: StudyRecord, place: int, axis: int) -> Figure:
    """The Pareto figure of the study at a place of the page, over one of its sizes."""
    info = front.info(record, axis=axis)
    figure = on_page(front.figure(replace(info, markers=of_study(info.markers, place))))
    for trace in figure.select_traces({"mode": "markers+text"}):
        if len(trace.x) > FEW:
            trace.update(mode="markers", text=None)  # how far below the axis: the pointer says so
    return figure


def _table(record: StudyRecord, place: int) -> str:
    """The front and canonical SqueezeNet as a table; its trials can be clicked."""
    front = front_trials(record)
    other = baseline.canonical(record)
    shown = {trial.number: trial for trial in [*front, *([other] if other else [])]}
    heads = ["trial", "network", record.metric]
    for size in record.sizes:
        heads += [size.name, f"/ {baseline.name()}"]
    heads += ["/ AlexNet"] if record.size_name == "params" else []
    classes = ["word", "word", *[""] * len(heads)]
    rows = []
    for trial in sorted(shown.values(), key=lambda trial: (trial.size, trial.number)):
        name = published_name(trial.anchor) if trial.anchor else shorthand(trial.metaparameters)
        name += "" if trial in front else " (dominated)"
        button = f'<button class="trial" data-study="{place}" data-trial="{trial.number}">{trial.number}</button>'
        alexnet = f"1/{times_smaller_than_alexnet(Architecture.from_json(trial.architecture)):,.0f}"
        score = f"{100 * (trial.accuracy or 0):.1f} ± {100 * trial.error(record.val_images):.1f} %"
        cells = [button, escape(name), score]
        for axis, own in enumerate(trial.sizes):
            cells += [shown_size(own), f"{own / other.sizes[axis]:.3f}x" if other else ""]
        cells = [*cells, alexnet][: len(heads)]
        row = "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(classes, cells, strict=False))
        rows.append(f"<tr{' class=canonical' if trial.anchor == CANONICAL else ''}>{row}</tr>")
    head = "".join(f'<th class="{kind}">{text}</th>' for kind, text in zip(classes, heads, strict=False))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def against_canonical(record: StudyRecord) -> list[str]:
    """The best trade-offs in words."""
    if baseline.canonical(record) is None:
        return [f"{baseline.name()} was not trained in this study, so nothing is said against it."]
    found = baseline.best_trade_offs(record)
    if not found:
        size = f"{baseline.NOTABLE} times the {record.size_name} of {baseline.name()}"
        return [f"No network below {size} reaches its accuracy within the error."]
    head = f"Against {baseline.name()}, trained the same way: "
    return [head + "; ".join(f"trial {one.trial.number}: {one.words()}" for one in found) + "."]


def _pictures(record: StudyRecord, trials: list[TrialRecord]) -> dict[int, str]:
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
