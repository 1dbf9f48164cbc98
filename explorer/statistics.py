"""python -m explorer.statistics [STUDY]: what a study says of its space, beside the one network that it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from explorer.results.record import StudyRecord

PAGE, DATA = "statistics.html", "statistics.json"


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.console import open_console, tell
    from explorer.cli.options import choice, flag
    from explorer.cli.output import check_file, write
    from explorer.cli.target import compared, looked_at
    from explorer.storage import stored

    choice(config, "format", "table", "json")
    if config.output is not None:
        check_file(Path(str(config.output)), overwrite=flag(config, "overwrite"))
    console = open_console(stderr=config.format == "json")
    record = looked_at(stored.load(str(config.storage), config.study), config)
    other = compared(config, "against", record)
    from explorer.analysis.statistics import space_statistics
    from explorer.cli.progress import working
    from explorer.cli.sections import show
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
    if config.tracking is not None and config.size is None:
        from explorer.tracking import try_add_files

        tell(console, *try_add_files(record, {PAGE: text, DATA: data}, str(config.tracking)))
    return 0


def _heading(record: StudyRecord, other: StudyRecord | None) -> tuple[str, str]:
    """Title of the page, and what it is about."""
    against = f" against {other.name}" if other else ""
    data = record.config.get("data")
    images = data.get("name") if isinstance(data, dict) else data
    about = f"{len(record.finished):,} networks trained on {images}, {record.val_images:,} validation images"
    return f"{record.name}{against}: statistics of the space", about


if __name__ == "__main__":
    from explorer.cli.config import command

    command("statistics", main, bare="study")
