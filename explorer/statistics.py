"""python -m explorer.statistics [STUDY]: what a study says of its space, beside the one network that it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.reporting.document import Section
    from explorer.results.record import StudyRecord

PAGE, DATA = "statistics.html", "statistics.json"


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer.cli.config import ConfigError, write
    from explorer.storage import study_store

    if config.format not in ("table", "json"):
        raise ConfigError(f"format is {config.format!r}, expected table or json")
    console = Console(stderr=config.format == "json")
    if not console.is_terminal:
        console = Console(stderr=config.format == "json", width=160)
    record = study_store.load(str(config.storage), config.study)
    other = _other(config, record)
    from explorer.analysis.statistics import space_statistics
    from explorer.cli.progress import working
    from explorer.reporting import document, statistics

    with working(f"study {record.name}: {len(record.trials)} trials"):
        found = space_statistics(record, other)
        sections = statistics.sections(found)
        text = document.html(*_heading(record, other), sections)
    data = json.dumps(statistics.as_data(record, other, found), indent=1)
    if config.format == "json":
        print(data)
    else:
        show(sections, console)
    if config.output is not None:
        write(Path(str(config.output)), text)
        console.print(f"\n{config.output} shows all of this with the figures", highlight=False)
    if config.tracking is not None:
        from explorer.tracking import try_add_files

        words, asked = try_add_files(record, {PAGE: text, DATA: data}, str(config.tracking))
        console.print(words, style="" if asked else "yellow", highlight=False, markup=False)
    return 0


def show(sections: tuple[Section, ...], console: Console) -> None:
    """The sections without their figures, as tables."""
    from rich.table import Table
    from rich.text import Text

    for section in sections:
        console.print(Text(f"\n{section.title}", style="bold"))
        for line in section.lines:
            console.print(line, highlight=False, markup=False)
        if section.heads:
            table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
            for i, head in enumerate(section.heads):
                table.add_column(head, justify="left" if i in section.words else "right")
            for row in section.rows:
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)
        if section.note:
            console.print(section.note, style="dim", highlight=False, markup=False)


def _heading(record: StudyRecord, other: StudyRecord | None) -> tuple[str, str]:
    """Title of the page, and what it is about."""
    against = f" against {other.name}" if other else ""
    data = record.config.get("data")
    images = data.get("name") if isinstance(data, dict) else data
    about = f"{len(record.finished):,} networks trained on {images}, {record.val_images:,} validation images"
    return f"{record.name}{against}: statistics of the space", about


def _other(config: DictConfig, record: StudyRecord) -> StudyRecord | None:
    """The study to compare with."""
    from explorer.cli.config import ConfigError
    from explorer.storage import study_store

    if config.against is None:
        if config.against_storage is not None:
            raise ConfigError("against_storage is given, but no study: against=NAME")
        return None
    storage = str(config.against_storage or config.storage)
    if str(config.against) == record.name and storage == str(config.storage):
        raise ConfigError(
            f"against is {record.name}, the study itself; expected another one, or another against_storage"
        )
    return study_store.load(storage, str(config.against))


if __name__ == "__main__":
    from explorer.cli.config import command

    command("statistics", main, bare="study")
