"""A study in MLflow's words: parameters, metrics, tags and files of its runs, as plain values."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Any

from explorer.arch import Architecture, cost
from explorer.arch.size import shown as shown_size
from explorer.plots import front
from explorer.plots.labels import published_name, shorthand, si
from explorer.reporting import search_page
from explorer.reporting.baseline import best_trade_offs, name
from explorer.reporting.document import Section
from explorer.results.pareto import GrowingHypervolume, by_end, point, reference_point
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import TrialIndex
from explorer.space import SpaceError

# Optuna's state -> MLflow's status. A trial still RUNNING once the search has ended is KILLED.
STATUSES = {"COMPLETE": "FINISHED", "PRUNED": "FINISHED", "FAIL": "FAILED", "RUNNING": "RUNNING"}
FRONT_COLUMNS = ("trial", "anchor", "params", "bytes", "macs", "METRIC", "error", "epochs", "seconds", "identity")
"""METRIC: what the study maximises, by its name."""
FIGURES = (
    "The Pareto front as a figure: Artifacts > `pareto.html`{second}. Once the search has ended, how it went "
    "(hypervolume, learning curves, metaparameters and accuracy) and what it says of the space (spread of errors, "
    "importance): `search.html`."
)
GAP = "&ensp;"  # MLflow's page leaves none between the columns of a table
# MLflow's limits on the length of a parameter's and of a tag's value.
PARAM_LENGTH, TAG_LENGTH = 6_000, 8_000


def run_name(trial: TrialRecord) -> str:
    """17 e=64+32/2 p3=.5 sr=.25 91.2 % 48.2k"""
    accuracy = "" if trial.accuracy is None else f"{100 * trial.accuracy:.1f} %"
    what = published_name(trial.anchor) if trial.anchor else shorthand(trial.metaparameters)
    return " ".join(filter(None, (str(trial.number), what, accuracy, si(trial.size))))


def trial_params(trial: TrialRecord) -> dict[str, str]:
    """MLflow parameters of a trial's run: its metaparameters, and its name if it was published."""
    params = {_key(name): str(value)[:PARAM_LENGTH] for name, value in trial.metaparameters.items()}
    return params | ({"anchor": trial.anchor} if trial.anchor else {})


def trial_tags(trial: TrialRecord, on_front: bool) -> dict[str, str]:
    """MLflow tags of a trial's run."""
    return {
        "trial": str(trial.number),
        "identity": trial.identity,
        "anchor": trial.anchor or "",
        "on_front": str(on_front).lower(),
        "state": trial.state,
        "reason": trial.reason[:TAG_LENGTH],
        "device": trial.device,
        "seeds": " ".join(map(str, trial.seeds)),
    }


def curve(trial: TrialRecord) -> list[dict[str, float]]:
    """One row of metrics an epoch: means over the seeds; `seconds` is the time spent so far on all of them.

    While a trial runs, only epochs that every seed has finished; afterwards means over the seeds that came so far.
    """
    lengths = [len(one) for one in trial.curves]
    epochs = trial.epochs if trial.state == "RUNNING" else max(lengths, default=0)
    rows: list[dict[str, float]] = []
    seconds = 0.0
    for index in range(epochs):
        there = [one[index] for one in trial.curves if index < len(one)]
        seconds += sum(epoch.get("seconds", 0.0) for epoch in there)
        keys = [key for key in there[0] if key not in ("epoch", "seconds") and all(key in epoch for epoch in there)]
        means = {key: fmean(epoch[key] for epoch in there) for key in keys}
        rows.append({"epoch": float(index + 1), **means, "seconds": seconds})
    return rows


def trial_files(trial: TrialRecord) -> dict[str, str]:
    """Files of a trial's run: the architecture, and its layers as a table."""
    rows = cost(Architecture.from_json(trial.architecture)).layers
    fields = ("name", "type", "input_shape", "output_shape", "params", "macs")
    table = [
        {
            field: "x".join(map(str, value)) if isinstance(value := getattr(row, field), tuple) else value
            for field in fields
        }
        for row in rows
    ]
    return {"architecture.json": trial.architecture, "layers.csv": _csv(fields, table)}


def study_params(record: StudyRecord) -> dict[str, str]:
    """MLflow parameters of the study's run: all that defines it and the facts, nested names joined by dots."""
    leaves = dict(_leaves("", {**record.config, **record.facts}))
    return {_key(name): text[:PARAM_LENGTH] for name, text in leaves.items()}


class Progress:
    """Metrics of the study's run, a row for each finished trial in the order in which they ended."""

    def __init__(self, record: StudyRecord) -> None:
        """Of a study with one trial at least."""
        self._covered, self._count, self._best = GrowingHypervolume(reference_point(record)), 0, 0.0
        self._metric = record.metric

    def rows(self, ended: Iterable[TrialRecord]) -> list[tuple[TrialRecord, dict[str, float]]]:
        """The finished ones of trials that have ended since the last call, each with its row."""
        found: list[tuple[TrialRecord, dict[str, float]]] = []
        for trial in by_end(trial for trial in ended if trial.state == "COMPLETE"):
            self._count += 1
            self._best = max(self._best, trial.accuracy or 0.0)
            row = {"trials_finished": float(self._count), "hypervolume": self._covered.add(point(trial))}
            found.append((trial, row | {f"best_{self._metric}": self._best}))
        return found


def front_pages(record: StudyRecord, index: TrialIndex) -> dict[str, str]:
    """pareto.html: the front as a figure; of two sizes the other one's is pareto_2.html."""
    names = ("pareto.html", "pareto_2.html")[: len(record.sizes)]
    return {name: front.html(front.figure(front.info(record, index, axis))) for axis, name in enumerate(names)}


def front_files(record: StudyRecord, index: TrialIndex) -> dict[str, str]:
    """front.csv and front.json: the front by rising params, with all metaparameters."""
    rows = [_front_row(trial, record.val_images) for trial in index.front]
    names = list(dict.fromkeys(name for row in rows for name in row)) or _columns(record.metric)
    return {"front.csv": _csv(names, rows), "front.json": _json(rows)}


def note(record: StudyRecord, index: TrialIndex, links: Mapping[int, str] | None = None) -> str:
    """The study's run described in Markdown: the best against canonical SqueezeNet, where the figures are, and a table
    of the front and the published networks.

    Args:
        record: the study.
        index: of the study.
        links: to the runs of trials, by number.
    """
    links = links or {}
    front = {trial.number: trial for trial in index.front}
    published = (index.measured[number] for number in index.published)
    shown = {trial.number: trial for trial in published if trial.state == "COMPLETE"} | front
    found = best_trade_offs(record, index)
    lines = [f"- **trial {_linked(one.trial, links)}: {one.words()}**" for one in found]
    if lines:
        lines = [f"Against canonical {name()}, trained the same way:", "", *lines, ""]
    lines += [
        FIGURES.format(second=f", over {record.sizes[1].name} `pareto_2.html`" if len(record.sizes) > 1 else ""),
        "",
        f"| trial | {' | '.join(size.name for size in record.sizes)} | {record.metric} | network |",
        f"| ---: |{' ---: |' * len(record.sizes)} ---: | :--- |",
    ]
    for trial in sorted(shown.values(), key=lambda trial: (trial.size, trial.number)):
        network = f"**{published_name(trial.anchor)}**" if trial.anchor else shorthand(trial.metaparameters)
        network += "" if trial.number in front else " (dominated)"
        error = 100 * trial.error(record.val_images)
        score = f"{100 * (trial.accuracy or 0):.1f} ± {error:.1f} %"
        sizes = " | ".join(f"{shown_size(size)}{GAP}" for size in trial.sizes)
        line = f"| {_linked(trial, links)} | {sizes} | {score}{GAP} | {network} |"
        if sum(map(len, lines)) + len(lines) + len(line) > TAG_LENGTH - 40:
            return "\n".join([*lines, f"| ... |{' |' * len(record.sizes)} | see front.csv |"])
        lines.append(line)
    return "\n".join(lines)


def search_html(record: StudyRecord) -> str:
    """How the search went, and what it says of its space, as one page. Equal studies give equal pages."""
    from explorer.analysis.statistics import space_statistics  # needs numpy
    from explorer.reporting import statistics

    try:
        more = statistics.sections(space_statistics(record))
    except SpaceError as error:  # of a family that is not installed here
        more = (Section("statistics", "Statistics of the space", (str(error),)),)
    return search_page.html(record, more)


def _linked(trial: TrialRecord, links: Mapping[int, str]) -> str:
    """A trial's number, a link where its run is known."""
    return f"[{trial.number}]({links[trial.number]})" if trial.number in links else str(trial.number)


def _front_row(trial: TrialRecord, images: int) -> dict[str, Any]:
    values = {trial.metric: trial.accuracy, "error": trial.error(images), "trial": trial.number}
    row = {name: values[name] if name in values else getattr(trial, name) for name in _columns(trial.metric)}
    return row | trial.metaparameters


def _columns(metric: str) -> list[str]:
    return [metric if name == "METRIC" else name for name in FRONT_COLUMNS]


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    """Dotted names and values as text. A searched range, {type, low, high, ...} or {type, choices}, is one value."""
    if isinstance(value, Mapping) and value and not ("type" in value and ("low" in value or "choices" in value)):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, Mapping) and value:
        yield name, _range(value)
    elif isinstance(value, str):
        yield name, value
    elif value is not None:
        yield name, json.dumps(value, default=str)


def _range(distribution: Mapping[str, Any]) -> str:
    """{type: int, low: 16, high: 128, step: 16} -> int 16..128 step=16"""
    left = dict(distribution)
    words = [str(left.pop("type"))]
    if "low" in left and "high" in left:
        words.append(f"{left.pop('low')}..{left.pop('high')}")
    return " ".join(words + [f"{name}={json.dumps(value, default=str)}" for name, value in left.items()])


def _key(name: str) -> str:
    """A name MLflow takes: letters, digits and _ - . space : /."""
    return re.sub(r"[^\w\-. :/]", "_", name)[:250]


def _json(rows: list[dict[str, Any]]) -> str:
    """A row a line: with `indent` Python would encode every value by itself, which takes ten times as long."""
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"


def _csv(fields: Any, rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
