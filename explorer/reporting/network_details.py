"""What a click on a network shows: plain data for the page's script."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from explorer.arch import Architecture
from explorer.arch.layer_table import rows
from explorer.arch.size import SIZES, shown
from explorer.plots.labels import published_name, shorthand
from explorer.reporting.commands import own_code
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord, TrialRecord

ROOM = 2_400_000
"""Bytes that the details of all studies of a page may take, so that it stays below 8 MB with plotly's 4.7 MB."""


def details(record: StudyRecord, options: str, room: int = ROOM) -> dict[str, Any]:
    """By trial number what there is to show, as much as there is room for: the front and the published first.

    Args:
        record: the study.
        options: of a command that finds the study, such as study=NAME.
        room: bytes of JSON.
    """
    found: dict[str, Any] = {}
    for trial in important_first(record):
        one = detail(record, trial, options)
        room -= len(json.dumps(one))
        if room < 0:
            break
        found[str(trial.number)] = one
    return found


def important_first(record: StudyRecord) -> Iterable[TrialRecord]:
    """Every trial with a result: the front, published networks, what finished, what was stopped."""
    front = front_trials(record)
    others = [trial for trial in record.trials if trial.accuracy is not None]
    others.sort(key=lambda trial: (not trial.anchor, trial.state != "COMPLETE", trial.number))
    return {trial.number: trial for trial in [*front, *others]}.values()


def title(trial: TrialRecord) -> str:
    """trial 17: e=64+32/2 p3=.5"""
    name = published_name(trial.anchor) if trial.anchor else shorthand(trial.metaparameters)
    return f"trial {trial.number}: {name}"


def detail(record: StudyRecord, trial: TrialRecord, options: str) -> dict[str, Any]:
    """One network: what it is and scored, its layers, its curve, and the command that trains it again."""
    whole = trial.state == "COMPLETE"
    command = [f"python -m explorer.retrain {trial.number}", options, *own_code(record)]
    score = f"{100 * (trial.accuracy or 0):.2f} ± {100 * trial.error(record.val_images):.2f} %"
    facts = [
        [trial.metric, score + ("" if whole else f" when it stopped, {trial.reason or trial.state}")],
        *([name, shown(size)] for name, size in trial.named_sizes.items() if name not in SIZES),
        ["params", f"{trial.params:,}"],
        ["bytes", f"{trial.bytes:,} in fp32"],
        ["macs", f"{trial.macs:,}"],
        [
            "epochs",
            f"{trial.epochs} of {record.config['epochs']}, {trial.seconds:.1f} s on {trial.device or 'unknown'}",
        ],
        ["seeds", " ".join(map(str, trial.seeds))],
        ["identity", trial.identity],
    ]
    facts += [[name, f"{value:.4g}" if isinstance(value, float) else str(value)]
              for name, value in trial.metaparameters.items()]  # fmt: skip
    facts += [[f"changed: {name}", str(value)] for name, value in trial.adjusted.items()]
    return {
        "title": title(trial),
        "facts": facts,
        "layers": layers(trial),
        "metric": trial.metric,
        "curves": [[round(epoch[trial.metric], 4) for epoch in curve] for curve in trial.curves],
        "stopped": not whole,
        "command": " ".join(filter(None, command)) if whole else "",
    }


def layers(trial: TrialRecord) -> list[list[str]]:
    """Layer, output, filters, params: the paper's Table 1."""
    table = []
    for row in rows(Architecture.from_json(trial.architecture)):
        fire = "s{} e{}+{}".format(*row.fire) if len(row.fire) == 3 else ""
        table.append([row.layer, row.output, " ".join(filter(None, (row.filter, fire))), f"{row.params:,}"])
    return table
