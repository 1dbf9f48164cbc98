"""A made-up study as the report takes it."""

from __future__ import annotations

from explorer.cli.config import folder, space_files
from explorer.reporting import presets
from explorer.reporting.commands import GROUPS, commands
from explorer.reporting.page import Subject
from explorer.results.record import StudyRecord

PRESETS = {group: presets.options(folder("conf") / group) for group in GROUPS}


def subject(record: StudyRecord) -> Subject:
    options = f"study={record.name}"
    return Subject(record, options, commands(record, options, PRESETS, presets.spaces(space_files())))
