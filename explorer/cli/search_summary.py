"""What a search prints at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from explorer.cli.terminal import front_table

if TYPE_CHECKING:
    from rich.console import Console

    from explorer.results.record import StudyRecord


def show(console: Console, record: StudyRecord, ending: str, look: str) -> None:
    """How many trials there are, the front, where MLflow shows it, and the command that comes next.

    Args:
        console: to print on.
        record: the study.
        ending: why the search ended, in words.
        look: how to see the study in MLflow.
    """
    done = sum(trial.state != "RUNNING" for trial in record.trials)
    failed = sum(trial.state == "FAIL" for trial in record.trials)
    failures = f", {failed} failed" if failed else ""
    console.print(f"\nstudy {record.name}: {done} trials{failures}, {ending}", highlight=False)
    console.print(front_table(record, None, console.width))
    notes = (
        f"± standard error of val_acc ({record.val_images} validation images); /NAME: times smaller than that network"
    )
    console.print(notes, style="dim", highlight=False)
    console.print(f"\n{look}", highlight=False, soft_wrap=True)
    console.print("python -m explorer.retrain best", highlight=False)
