"""python -m explorer.latency TARGET: how long a network takes on this machine, and what each millisecond buys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.results.latency import Timed
    from explorer.results.record import StudyRecord
    from explorer.training.latency import Subject

TABLE = "table"
"""The target that times networks of a space, for searches by latency."""


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.console import open_console, tell
    from explorer.cli.latency import conditions, subjects, table
    from explorer.cli.options import flag
    from explorer.cli.output import check_file
    from explorer.storage import attributes

    if config.target == TABLE:
        return _table(config)
    _check(config)
    record, networks = subjects(config)
    if config.output is not None:
        file = Path(str(config.output)) / _name(config, record, networks[0].trial)
        for ending in (".json", ".html"):
            check_file(file.with_name(file.name + ending), overwrite=flag(config, "overwrite"))
    found = _measured(config, networks)
    console = open_console(stderr=config.format == "json")
    if config.format == "json":
        print(json.dumps([one.plain() for one in found], indent=1))
    else:
        console.print(table(found))
        for line in conditions(found):
            console.print(line, style="dim", highlight=False)
    page = _write(config, record, found, console)
    if record:
        attributes.keep_latencies(str(config.storage), record.name, found)
        if config.tracking is not None:
            from explorer.tracking import try_log_latencies

            tell(console, *try_log_latencies(record, found, page, str(config.tracking)))
    return 0


def _table(config: DictConfig) -> int:
    from explorer.cli.config import space_choice, space_of
    from explorer.cli.latency_table import fill

    fill(space_of(config, space_choice()), config)
    return 0


def _check(config: DictConfig) -> None:
    import joblib

    from explorer.cli.options import ConfigError, choice, whole, within
    from explorer.results.latency import RUNTIMES

    choice(config, "format", "table", "json")
    choice(config, "precision", *RUNTIMES)
    for key in ("threads", "batch_size", "rounds"):
        whole(config, key, 1)
    within(config)
    cores = joblib.cpu_count()
    if config.threads > cores:
        raise ConfigError(f"threads is {config.threads}, this machine lends {cores}")


def _measured(config: DictConfig, subjects: Sequence[Subject]) -> list[Timed]:
    from explorer.cli.progress import steps
    from explorer.training.latency import measure, prepare

    with steps("networks to ONNX", len(subjects)) as done:
        ready = prepare(subjects, config.threads, config.batch_size, done, str(config.precision))
    with steps("rounds", config.rounds) as done:
        return measure(ready, config.rounds, done)


def _name(config: DictConfig, record: StudyRecord | None, trial: int | None) -> str:
    """Of the files, without their endings."""
    from explorer.cli.latency import MANY

    target = str(config.target)
    if record:
        return record.name if target in MANY else f"{record.name}-{trial}"
    return target.strip("/").replace("/", "-")


def _write(config: DictConfig, record: StudyRecord | None, found: Sequence[Timed], console: Console) -> str | None:
    """Writes the JSON and, of several networks of a study, the page, which it returns."""
    from explorer.cli.latency import MANY
    from explorer.cli.output import write
    from explorer.plots import latency

    page, folder, name = None, Path(str(config.output)), _name(config, record, found[0].trial)
    if record and str(config.target) in MANY:
        info = latency.info(record, found)
        page = latency.html(latency.figure(info))
        for line in latency.verdict(info):
            console.print(line, highlight=False)
    if config.output is None:
        return page
    write(folder / f"{name}.json", json.dumps([one.plain() for one in found], indent=1))
    if page:
        write(folder / f"{name}.html", page)
    console.print(f"{folder / name}.{'html shows them' if page else 'json has them'}", highlight=False)
    return page


if __name__ == "__main__":
    from explorer.cli.config import command

    command("latency", main, bare="target", added=("space",))
