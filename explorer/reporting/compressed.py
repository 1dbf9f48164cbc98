"""A study's compressed networks, as a section of its report."""

from __future__ import annotations

from explorer.plots import compressed
from explorer.plots.scatter import on_page
from explorer.reporting.document import Section
from explorer.results.compressed import Compressed
from explorer.results.record import StudyRecord


def section(record: StudyRecord, found: list[Compressed]) -> Section:
    """Accuracy over bytes, and each result in words.

    Args:
        record: the study.
        found: one result at least.
    """
    info = compressed.info(record, found)
    lines = (f"trial {one.trial}, {one.plan}: {one.words()}" for one in found)
    return Section(
        "compressed",
        "Compressed: accuracy over bytes",
        (*compressed.verdict(info)[-1:], *lines),
        figures=(on_page(compressed.figure(info)),),
        width=900,
    )
