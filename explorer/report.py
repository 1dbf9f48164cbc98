"""python -m explorer.report [STUDY] [OTHER]: a study as one page, or its front in the terminal."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from explorer.reporting.page import Subject
    from explorer.results.record import StudyRecord

PAGE = "report.html"
STORAGE = "sqlite:///study.db"


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.console import open_console, tell
    from explorer.cli.options import flag
    from explorer.cli.output import check_file, write
    from explorer.cli.progress import working
    from explorer.cli.target import compared, looked_at
    from explorer.cli.terminal import WIDTH, show
    from explorer.storage import stored

    if not flag(config, "text") and config.output is not None:
        check_file(Path(str(config.output)), overwrite=flag(config, "overwrite"))
    storages = [str(config.storage), str(config.other_storage or config.storage)]
    record = looked_at(stored.load(storages[0], config.study), config)
    other = compared(config, "other", record)
    records = [record, other] if other else [record]
    console = open_console(WIDTH)
    if config.text or config.output is None:
        for record in records:
            show(record, console)
        return 0
    from explorer.reporting import page
    from explorer.study.provenance import versions

    with working("drawing the page"):
        subjects = [subject(record, url) for record, url in zip(records, storages, strict=False)]
        text = page.html(subjects, versions())
    write(Path(str(config.output)), text)
    for record in records:
        show(record, console)
    console.print(f"\n{config.output} shows all of this, and opens without a network", highlight=False)
    if config.tracking is not None and config.size is None:
        from explorer.tracking import try_add_files

        tell(console, *try_add_files(record, {PAGE: text}, str(config.tracking)))
    return 0


def subject(record: StudyRecord, storage: str) -> Subject:
    """A study with what the page says beside its trials."""
    from explorer.cli.config import folder, space_files
    from explorer.redaction import redact
    from explorer.reporting import compressed, latency, presets, quoting
    from explorer.reporting.commands import GROUPS, commands
    from explorer.reporting.page import Subject
    from explorer.results.latency import latest
    from explorer.storage import attributes

    options = quoting.word("study", record.name)
    if storage != STORAGE:
        options += f" {quoting.word('storage', redact(storage))}"
    options_of = {group: presets.options(folder("conf") / group) for group in GROUPS}
    how = commands(record, options, options_of, presets.spaces(space_files()))
    smaller = attributes.compressed(storage, record.name)
    timed = latest(attributes.latencies(storage, record.name))
    more = [compressed.section(record, smaller)] if smaller else []
    more += [latency.section(record, timed)] if timed else []
    return Subject(record, options, how, tuple(more))


def name_the_other(words: list[str]) -> list[str]:
    """The command line with its second bare word, the study to compare with, as other=NAME."""
    from explorer.cli.config import of_option

    bare = [i for i, word in enumerate(words) if re.fullmatch(r"[\w.][\w./-]*", word) and not of_option(words, i)]
    return [f"other={word}" if bare[1:] and i == bare[1] else word for i, word in enumerate(words)]


if __name__ == "__main__":
    from explorer.cli.config import command

    sys.argv[1:] = name_the_other(sys.argv[1:])
    command("report", main, bare="study")
