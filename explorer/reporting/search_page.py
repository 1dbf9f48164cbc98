"""How a search went, as sections of a page: curves, the hypervolume, metaparameters and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.plots import curves, history, parallel
from explorer.reporting import document
from explorer.reporting.document import Section
from explorer.results.record import StudyRecord

WIDTH = 900  # px of a figure


def sections(record: StudyRecord, words: Sequence[str] = ()) -> list[Section]:
    """What there is to see.

    Args:
        record: the study.
        words: lines above the curves.
    """
    drawn, lines, axes = curves.info(record), history.histories([record]), parallel.info(record)
    note = "Dotted, with an x at the end: stopped early."
    if drawn.left_out:
        note += f" {drawn.left_out:,} curves of dominated networks are left out."
    found = [
        Section("curves", "Learning curves", tuple(words), figures=(curves.figure(drawn),), width=WIDTH, note=note)
    ]
    if lines:
        name = record.size_name
        note = (
            f"From ten times the {name} of the largest published network and accuracy 0; a decade of {name} counts 1."
        )
        figures = (history.figure(lines),)
        found.append(Section("history", "The search's progress", figures=figures, width=WIDTH, note=note))
    if axes.axes:
        note = "A line a network. A click in the legend hides or shows a share of them."
        figures = (parallel.figure(axes),)
        found.append(Section("parallel", "Metaparameters and accuracy", figures=figures, width=WIDTH, note=note))
    return found


def html(record: StudyRecord, more: Sequence[Section] = ()) -> str:
    """The sections as a page of their own, the search's progress first. Equal studies give equal pages.

    Args:
        record: the study.
        more: sections that follow.
    """
    order = [*sorted(sections(record), key=lambda section: section.key != "history"), *more]
    about = f"{len(record.trials):,} trials, {len(record.finished):,} finished"
    return document.html(f"{record.name}: how the search went", about, order)
