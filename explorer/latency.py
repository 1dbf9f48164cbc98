"""python -m explorer.latency TARGET: how long a network takes on this machine, and what each millisecond buys."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.results.latency import RUNTIMES, Timed

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console
    from rich.table import Table

    from explorer.results.record import StudyRecord, TrialRecord
    from explorer.training.latency import Subject

MANY = ("front", "all")


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer.storage import attributes

    _check(config)
    record, subjects = _subjects(config)
    found = _measured(config, subjects)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    if config.format == "json":
        print(json.dumps([one.plain() for one in found], indent=1))
        console = Console(stderr=True, width=160)
    else:
        console.print(table(found))
        calls = sorted({latency.calls for one in found for latency in one.latencies.values()})
        versions = ", ".join(f"{name} {found[0].versions[name]}" for name in RUNTIMES)
        conditions = f"{found[0].conditions}, {versions}; {calls[0]} to {calls[-1]} calls each"
        console.print(conditions, style="dim", highlight=False)
        load = f"load average {found[0].load:.1f} when it began: other work shows in p90 first"
        console.print(load, style="dim", highlight=False)
    many = str(config.target) in MANY
    name = str(config.target).strip("/").replace("/", "-") if record is None else record.name
    if record and not many:
        name += f"-{found[0].trial}"
    page = _write(config, record, found, name, console)
    if record:
        attributes.keep_latencies(str(config.storage), record.name, found)
        if config.tracking is not None:
            _log(record, found, page, str(config.tracking), console)
    return 0


def table(found: Sequence[Timed]) -> Table:
    """The networks by rising median of the last runtime, in milliseconds."""
    from rich.table import Table

    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    shown.add_column("network", overflow="ellipsis", no_wrap=True, max_width=24)
    for head in ("params", "macs", *(f"{name} ms" for runtime in RUNTIMES for name in (runtime, "p90"))):
        shown.add_column(head, justify="right", no_wrap=True)
    for one in sorted(found, key=lambda one: one.latencies[RUNTIMES[-1]].median):
        times = (one.latencies[runtime] for runtime in RUNTIMES)
        cells = (f"{value:.3g}" for latency in times for value in (latency.median, latency.p90))
        shown.add_row(one.network, f"{one.params:,}", f"{one.macs:,}", *cells)
    return shown


def _check(config: DictConfig) -> None:
    from explorer.cli.config import ConfigError, whole

    if config.format not in ("table", "json"):
        raise ConfigError(f"format is {config.format!r}, expected table or json")
    for key in ("threads", "batch_size", "rounds"):
        whole(config, key, 1)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if config.threads > cores:
        raise ConfigError(f"threads is {config.threads}, this machine lends {cores}")
    if not isinstance(config.within, int | float) or not 0 <= config.within < 1:
        raise ConfigError(f"within is {config.within!r}, expected val_acc to give up, from 0 to 1")


def _subjects(config: DictConfig) -> tuple[StudyRecord | None, list[Subject]]:
    """The networks that are meant, and the study that they are of."""
    from explorer.arch.families import named
    from explorer.cli.config import ConfigError, plain
    from explorer.cli.target import resolve
    from explorer.results import selection
    from explorer.results.pareto import front_trials
    from explorer.storage import study_store
    from explorer.training.latency import Subject

    target = str(config.target)
    if Path(target).is_dir():
        return None, [_retrained(Path(target))]
    if target in named() or target.endswith(".json"):
        network = resolve(target, plain(config.input), config.classes, config.storage, config.study)
        return None, [Subject(target, network)]
    if not re.fullmatch(r"\d+|[0-9a-f]{6,16}", target) and target not in (*MANY, *selection.WORDS):
        words = ", ".join((*selection.WORDS, *MANY))
        what = "a trial number, an identity, a published network, an architecture.json or a folder that retrain wrote"
        raise ConfigError(f"target is {target!r}, expected {words}, {what}")
    record = study_store.load(str(config.storage), config.study)
    if target not in MANY:
        return record, [_trial(selection.find(record, target, config.within))]
    selection.find(record, "best")  # says what is missing where nothing has finished
    chosen = list(record.finished) if target == "all" else front_trials(record)
    chosen += [trial for trial in record.finished if trial.anchor == selection.CANONICAL and trial not in chosen]
    return record, [_trial(trial) for trial in chosen]


def _trial(trial: TrialRecord) -> Subject:
    from explorer.arch import Architecture
    from explorer.plots.labels import published_name
    from explorer.training.latency import Subject

    name = f"trial {trial.number}" + (f", {published_name(trial.anchor)}" if trial.anchor else "")
    return Subject(name, Architecture.from_json(trial.architecture), trial.number)


def _retrained(folder: Path) -> Subject:
    """The network of a folder that retrain wrote, with its weights."""
    from explorer.arch import Architecture
    from explorer.training.latency import Subject
    from explorer.training.weights import WeightsError, read

    network, file = Architecture.read(folder / "architecture.json"), folder / "weights.safetensors"
    try:
        return Subject(str(folder), network, weights=read(file))
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from None


def _measured(config: DictConfig, subjects: Sequence[Subject]) -> list[Timed]:
    from explorer.cli.progress import steps
    from explorer.training.latency import measure, prepare

    with steps("networks to ONNX", len(subjects)) as advance:
        ready = prepare(subjects, config.threads, config.batch_size, advance)
    with steps("rounds", config.rounds) as advance:
        return measure(ready, config.rounds, advance)


def _write(
    config: DictConfig, record: StudyRecord | None, found: Sequence[Timed], name: str, console: Console
) -> str | None:
    """Writes the JSON and, of several networks of a study, the page, which it returns."""
    from explorer.cli.config import ConfigError
    from explorer.plots import latency

    page = None
    if record and str(config.target) in MANY:
        info = latency.info(record, found)
        page = latency.html(latency.figure(info))
        for line in latency.verdict(info):
            console.print(line, highlight=False)
    if config.output is None:
        return page
    folder = Path(str(config.output))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps([one.plain() for one in found], indent=1), encoding="utf-8")
        if page:
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"output {folder}: {error.strerror}, expected a folder that can be written") from None
    console.print(f"{folder / name}.{'html shows them' if page else 'json has them'}", highlight=False)
    return page


def _log(record: StudyRecord, found: Sequence[Timed], page: str | None, uri: str, console: Console) -> None:
    """Metrics of the trials' runs and the page in MLflow; a server that is away costs a line."""
    from explorer.tracking import TrackingError, add_files, redact
    from explorer.tracking.latencies import log_latencies

    try:
        there = log_latencies(record, found, uri) and (page is None or add_files(record, {"latency.html": page}, uri))
    except TrackingError as error:
        console.print(f"not logged to MLflow: {error}", style="yellow", highlight=False, markup=False)
        return
    line = f"in MLflow: latency_*_ms of the trials' runs{', latency.html of the run ' + record.name if page else ''}"
    if not there:
        line = f"study {record.name} is not in MLflow at {redact(uri)}; python -m explorer.track puts it there"
    console.print(line, highlight=False, markup=False)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("latency", main, bare="target")
