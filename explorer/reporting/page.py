"""The report: one page that needs nothing else, of one study or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape

from explorer.plots import fronts, history
from explorer.reporting import baseline, course, details, document, parts, statistics
from explorer.reporting.commands import Commands
from explorer.reporting.document import Section
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord
from explorer.results.spent import spent, within
from explorer.space import SpaceError

CHOICE = '<p class="screen"><label>network <select aria-label="network"></select></label></p>'


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
    room = details.ROOM // len(subjects)
    data = {str(i): details.details(one.record, one.options, room) for i, one in enumerate(subjects)}
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
    sections = [*course.sections(record, spent(record).words()), *subject.more, *_statistics(record, other)]
    sections = [replace(section, key=f"{section.key}{place}") for section in sections]
    links = [(f"pareto{place}", "front"), *((s.key, s.title.lower()) for s in sections), (f"made{place}", "again")]
    nav = " ".join(f'<a href="#{escape(key)}">{escape(words)}</a>' for key, words in links)
    about = (
        f"A search among networks for {images}, judged by accuracy on {record.val_images:,} validation images and by "
        "their number of parameters."
    )
    return "\n".join(
        [
            f"<h1>{escape(record.name)}</h1>",
            f'<p class="about">{escape(about)}</p>',
            parts.tiles(record),
            f"<nav>{nav}</nav>",
            _front(place, record),
            *(document.section_html(section) for section in sections),
            f'<section id="made{place}" class="long"><h2>How it was made, and how to make it again</h2>',
            parts.made(record, subject.commands, versions),
            "</section>",
        ]
    )


def _front(place: int, record: StudyRecord) -> str:
    """The figure, the network that was clicked, the table, the drawings."""
    front = front_trials(record)
    shown = [*front, *(trial for trial in record.finished if trial.anchor and trial not in front)]
    drawn = parts.pictures(record, shown) if shown else {}
    templates = [f'<template id="picture_{place}_{number}">{svg}</template>' for number, svg in drawn.items()]
    other = baseline.canonical(record)
    beside = [drawn[trial.number] for trial in ([front[-1]] if front else []) + ([other] if other else [])]
    words = "".join(f"<p>{escape(line)}</p>" for line in parts.against_canonical(record)) if front else ""
    first = front[-1].number if front else ""
    return "\n".join(
        [
            f'<section id="pareto{place}" class="long"><h2>The front: accuracy over size</h2>{words}',
            f'<div class="picks">{document.figure_html(f"pareto{place}", parts.front_figure(record, place))}</div>',
            f'<p class="note">{escape(parts.BARS)} A click on a network shows it below.</p>',
            f'<div class="panel" id="panel_{place}" data-first="{first}">{CHOICE}<div class="body"></div></div>',
            parts.front_table(record, place) if front else "<p>No trial has finished yet.</p>",
            *templates,
            "<h3>The most accurate network beside canonical SqueezeNet, at one scale</h3>" if len(beside) > 1 else "",
            f'<div class="pictures">{"".join(beside)}</div>' if len(set(beside)) > 1 else "",
            "</section>",
        ]
    )


def _statistics(record: StudyRecord, other: StudyRecord | None) -> tuple[Section, ...]:
    try:
        return statistics.sections(statistics.find(record, other))
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
    drawn = history.lines(records)
    finished = [i for i, record in enumerate(records) if record.finished]
    rows = parts.comparison(records, {i: line.volumes[-1] for i, line in zip(finished, drawn, strict=True)})
    return "\n".join(
        [
            f"<h1>{escape(one.name)} and {escape(other.name)}</h1>{warning}",
            f'<section id="both"><h2>Both fronts</h2><p>{escape(about)}</p>',
            f'<div class="picks">{document.figure_html("both", fronts.figure(records))}</div>',
            f'<p class="note">{escape(parts.BARS)}</p>',
            document.table(Section("both", "", heads=("", one.name, other.name), rows=rows)),
            document.figure_html("both_history", history.figure(drawn)) if drawn else "",
            "</section>",
        ]
    )
