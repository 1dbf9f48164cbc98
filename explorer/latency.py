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


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.latency import conditions, subjects, table
    from explorer.cli.terminal import open_console, tell
    from explorer.storage import attributes

    _check(config)
    record, networks = subjects(config)
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


def _check(config: DictConfig) -> None:
    import joblib

    from explorer.cli.options import ConfigError, choice, whole, within

    choice(config, "format", "table", "json")
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
        ready = prepare(subjects, config.threads, config.batch_size, done)
    with steps("rounds", config.rounds) as done:
        return measure(ready, config.rounds, done)


def _write(config: DictConfig, record: StudyRecord | None, found: Sequence[Timed], console: Console) -> str | None:
    """Writes the JSON and, of several networks of a study, the page, which it returns."""
    from explorer.cli.latency import MANY
    from explorer.cli.options import ConfigError
    from explorer.plots import latency

    page, target, folder = None, str(config.target), Path(str(config.output))
    name = record.name if record else target.strip("/").replace("/", "-")
    if record and target not in MANY:
        name += f"-{found[0].trial}"
    elif record:
        info = latency.info(record, found)
        page = latency.html(latency.figure(info))
        for line in latency.verdict(info):
            console.print(line, highlight=False)
    if config.output is None:
        return page
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps([one.plain() for one in found], indent=1), encoding="utf-8")
        if page:
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"output {folder}: {error.strerror}, expected a folder that can be written") from None
    console.print(f"{folder / name}.{'html shows them' if page else 'json has them'}", highlight=False)
    return page


if __name__ == "__main__":
    from explorer.cli.config import command

    command("latency", main, bare="target")
