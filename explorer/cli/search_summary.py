"""What a search prints at its end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from explorer.cli.terminal import front_table
from explorer.reporting.commands import own_code
from explorer.results.majority import WORSE, majority

if TYPE_CHECKING:
    from rich.console import Console

    from explorer.results.record import StudyRecord


def all_failed(record: StudyRecord) -> bool:
    """Whether every trial has failed."""
    return {trial.state for trial in record.trials} == {"FAIL"}


def show(console: Console, record: StudyRecord, ending: str, look: str) -> None:
    """How many trials there are, the front, where MLflow shows it, the command that comes next; of failed ones, why.

    Args:
        console: to print on.
        record: the study.
        ending: why the search ended, in words.
        look: how to see the study in MLflow.
    """
    done = sum(trial.state != "RUNNING" for trial in record.trials)
    failed = sum(trial.state == "FAIL" for trial in record.trials)
    failures = f", {failed} failed" if failed else ""
    line = f"\nstudy {record.name}: {done} trials{failures}, {ending}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)
    if not record.finished:
        reasons = Counter(trial.reason for trial in record.trials if trial.state == "FAIL")
        for reason, count in reasons.most_common():
            console.print(f"{count} failed: {reason}", highlight=False, markup=False, soft_wrap=True)
        return
    console.print(front_table(record, None, console.width))
    notes = f"± standard error of {record.metric} ({record.val_images} validation images)"
    notes += "; /NAME: times smaller than that network" if len(record.sizes) == 1 else ""
    console.print(notes, style="dim", highlight=False)
    if (always := majority(record)) is not None:
        words = f"always saying {always.name!r} would be {record.metric} {always.value:.4f}" + WORSE * (
            not always.beaten
        )
        style = "dim" if always.beaten else "yellow"
        console.print(words, style=style, highlight=False, markup=False, soft_wrap=True)
    console.print(f"\n{look}", highlight=False, soft_wrap=True)
    words = " ".join(["python -m explorer.retrain best", *own_code(record)])
    console.print(words, highlight=False, markup=False, soft_wrap=True)
