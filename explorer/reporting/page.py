"""The report: one page that needs nothing else, of one study or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape

from explorer.analysis.statistics import space_statistics
from explorer.plots import fronts, history
from explorer.plots.front import room
from explorer.reporting import document, network_details, search_page, statistics, summary
from explorer.reporting.commands import Commands
from explorer.reporting.document import Section
from explorer.reporting.front_section import BARS, front_section
from explorer.results.record import ACCURACY, StudyRecord
from explorer.results.spent import spent, within
from explorer.space import SpaceError


@dataclass(frozen=True)
class Subject:
    """A study of the page.

    Attributes:
        record: the study.
        options: of a command that finds it, such as study=NAME.
        commands: how it is made again.
        more: sections to add, such as its compressed networks.
    """

    record: StudyRecord
    options: str
    commands: Commands
    more: tuple[Section, ...] = field(default=(), compare=False)


def html(subjects: Sequence[Subject], versions: dict[str, str]) -> str:
    """The page. Equal subjects give equal pages.

    Args:
        subjects: one study, or two to be compared.
        versions: of the packages that write the page.
    """
    names = " and ".join(subject.record.name for subject in subjects)
    room = network_details.ROOM // len(subjects)
    data = {str(i): network_details.details(one.record, one.options, room) for i, one in enumerate(subjects)}
    body = "\n".join(_study(i, subject, subjects, versions) for i, subject in enumerate(subjects))
    both = _comparison(subjects) if len(subjects) > 1 else ""
    narrow, draw, page = map(document.asset, ("narrow.js", "draw.js", "page.js"))
    script = f"const details = {document.as_json(data)};\n\n{narrow}\n{draw}\n\n{page}\n"
    foot = "<noscript>The figures and the details of a network need JavaScript, which the page brings along.</noscript>"
    return document.assemble(f"{names}: report", f"{both}\n{body}", document.asset("page.css"), script, foot)


def _study(place: int, subject: Subject, subjects: Sequence[Subject], versions: dict[str, str]) -> str:
    """A whole study; the first of two says how it differs from the second."""
    record = subject.record
    data = record.config["data"]
    images = data.get("name") if isinstance(data, dict) else data
    other = subjects[1].record if len(subjects) > 1 and place == 0 else None
    sections = [*search_page.sections(record, spent(record).words()), *subject.more, *_statistics(record, other)]
    sections = [replace(section, key=f"{section.key}{place}") for section in sections]
    links = [(f"pareto{place}", "front"), *((s.key, s.title.lower()) for s in sections), (f"made{place}", "again")]
    nav = " ".join(f'<a href="#{escape(key)}">{escape(words)}</a>' for key, words in links)
    counted = " and by ".join(
        "their number of parameters" if size.name == "params" else size.words for size in record.sizes
    )
    if made_for := record.facts.get("made_for"):
        counted += f" (the search went by {made_for})"
    judged = "accuracy" if record.metric == ACCURACY else record.metric
    about = (
        f"A search among networks for {images}, judged by {judged} on {record.val_images:,} validation images and by "
        f"{counted}."
    )
    if (board := record.board) is not None:
        about += f" For a board: {room(board)}."
    return "\n".join(
        [
            f"<h1>{escape(record.name)}</h1>",
            f'<p class="about">{escape(about)}</p>',
            summary.tiles(record),
            f"<nav>{nav}</nav>",
            front_section(place, record),
            *(document.section_html(section) for section in sections),
            f'<section id="made{place}" class="long"><h2>How it was made, and how to make it again</h2>',
            summary.made(record, subject.commands, versions),
            "</section>",
        ]
    )


def _statistics(record: StudyRecord, other: StudyRecord | None) -> tuple[Section, ...]:
    try:
        return statistics.sections(space_statistics(record, other))
    except SpaceError as error:  # of a family that is not installed here
        return (Section("statistics", "Statistics of the space", (str(error),)),)


def _comparison(subjects: Sequence[Subject]) -> str:
    """Both fronts in one figure, and the studies in numbers, after as many epochs of the one as of the other."""
    whole = [subject.record for subject in subjects]
    epochs = min(spent(record).epochs for record in whole)
    records = [within(record, epochs) for record in whole]
    one, other = records
    unlike = [key for key in ("data", "recipe", "epochs", "seeds") if one.config.get(key) != other.config.get(key)]
    warning = ""
    if unlike:
        words = f"The two were trained differently ({', '.join(unlike)}), which may be all of a difference."
        warning = f'<p class="warn">{escape(words)}</p>'
    longer = [record.name for record in whole if spent(record).epochs > epochs]
    about = f"Both after {epochs:,} epochs" + (f"; what {longer[0]} found later is below." if longer else ".")
    drawn = history.histories(records)
    finished = [i for i, record in enumerate(records) if record.finished]
    rows = summary.comparison(records, {i: line.volumes[-1] for i, line in zip(finished, drawn, strict=True)})
    return "\n".join(
        [
            f"<h1>{escape(one.name)} and {escape(other.name)}</h1>{warning}",
            f'<section id="both"><h2>Both fronts</h2><p>{escape(about)}</p>',
            *(
                f'<div class="picks">{document.figure_html("both" + "_2" * axis, fronts.figure(records, axis))}</div>'
                for axis in range(len(one.sizes))
            ),
            f'<p class="note">{escape(BARS)}</p>',
            document.table(Section("both", "", heads=("", one.name, other.name), rows=rows)),
            document.figure_html("both_history", history.figure(drawn)) if drawn else "",
            "</section>",
        ]
    )
