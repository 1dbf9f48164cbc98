"""Latency in the terminal: the networks that a command line names, and a table of what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import Architecture
from explorer.cli.config import plain
from explorer.cli.options import ConfigError, Options
from explorer.cli.target import resolve
from explorer.plots.labels import published_name
from explorer.results.latency import Timed

if TYPE_CHECKING:
    from rich.table import Table

    from explorer.results.record import StudyRecord, TrialRecord
    from explorer.training.latency import Subject

MANY = ("front", "all")


def subjects(config: Options) -> tuple[StudyRecord | None, list[Subject]]:
    """The networks that the target names, and their study, if they are of one."""
    from explorer.arch.families import named
    from explorer.results import selection
    from explorer.results.pareto import front_trials
    from explorer.storage import stored
    from explorer.training.latency import Subject

    target = str(config["target"])
    if Path(target).is_dir():
        return None, [_retrained(Path(target))]
    if target in named() or target.endswith(".json"):
        network = resolve(target, plain(config["input"]), config["classes"], config["storage"], config["study"])
        return None, [Subject(target, network)]
    if not re.fullmatch(r"\d+|[0-9a-f]{6,16}", target) and target not in (*MANY, *selection.WORDS):
        words = ", ".join((*selection.WORDS, *MANY))
        what = "a trial number, an identity, a published network, an architecture.json or a folder that retrain wrote"
        raise ConfigError(f"target is {target!r}, expected {words}, {what}")
    record = stored.load(str(config["storage"]), config["study"])
    if target not in MANY:
        return record, [_trial(selection.find(record, target, config["within"]))]
    selection.find(record, "best")  # says what is missing where nothing has finished
    chosen = list(record.finished) if target == "all" else front_trials(record)
    chosen += [trial for trial in record.finished if trial.anchor == selection.CANONICAL and trial not in chosen]
    return record, [_trial(trial) for trial in chosen]


def _trial(trial: TrialRecord) -> Subject:
    from explorer.training.latency import Subject

    name = f"trial {trial.number}" + (f", {published_name(trial.anchor)}" if trial.anchor else "")
    return Subject(name, Architecture.from_json(trial.architecture), trial.number)


def _retrained(folder: Path) -> Subject:
    """The network of a folder that retrain wrote, with its weights."""
    from explorer.training.latency import Subject
    from explorer.training.weights import WeightsError, read

    network, file = Architecture.read(folder / "architecture.json"), folder / "weights.safetensors"
    try:
        return Subject(str(folder), network, weights=read(file))
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from None


def table(found: Sequence[Timed]) -> Table:
    """The networks by rising median of the last runtime, in milliseconds."""
    from rich.table import Table

    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    shown.add_column("network", overflow="ellipsis", no_wrap=True, max_width=24)
    for head in ("params", "macs", *(f"{name} ms" for runtime in found[0].runtimes for name in (runtime, "p90"))):
        shown.add_column(head, justify="right", no_wrap=True)
    for one in sorted(found, key=lambda one: one.latencies[one.runtimes[-1]].median):
        cells = (f"{value:.3g}" for latency in one.latencies.values() for value in (latency.median, latency.p90))
        shown.add_row(one.network, f"{one.params:,}", f"{one.macs:,}", *cells)
    return shown


def conditions(found: Sequence[Timed]) -> Iterator[str]:
    """What was measured, how often, and what else the machine did, in words."""
    calls = sorted({latency.calls for one in found for latency in one.latencies.values()})
    versions = ", ".join(f"{name} {found[0].versions[name]}" for name in found[0].runtimes)
    yield f"{found[0].conditions}, {versions}; {calls[0]} to {calls[-1]} calls each"
    yield f"load average {found[0].load:.1f} when it began: other work shows in p90 first"
