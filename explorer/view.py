"""The live view of a search: slots, counts, the front, time left. Plain lines where the output is no terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from explorer.arch import Architecture
from explorer.front import front_trials
from explorer.layer_table import times_smaller_than_alexnet
from explorer.plots.labels import published_name, shorthand
from explorer.record import StudyRecord, TrialRecord
from explorer.targets import CANONICAL

if TYPE_CHECKING:
    from explorer.study import Controller


class View:
    """Shows a controller at work; use it as a context and as the controller's `changed`."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self.started = time.monotonic()
        self._finished_before: int | None = None
        self._reported: set[int] = set()

    def __enter__(self) -> View:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def __call__(self, controller: Controller) -> None:
        """Draws the controller's state, or prints a line for each trial that has ended since the last call."""
        record = controller.record
        ended = [trial for trial in record.trials if trial.state != "RUNNING"]
        if self._finished_before is None:
            self._finished_before = len(ended)
            self._reported = {trial.number for trial in ended}
        if self.live:
            self.live.update(self._screen(controller, record, ended))
            return
        for trial in ended:
            if trial.number not in self._reported:
                self._reported.add(trial.number)
                self.console.print(
                    f"{len(ended)}/{controller.budget.n_trials} {line(trial)}", highlight=False, soft_wrap=True
                )

    def _screen(self, controller: Controller, record: StudyRecord, ended: list[TrialRecord]) -> RenderableType:
        elapsed = time.monotonic() - self.started
        new = len(ended) - (self._finished_before or 0)
        left = max(0, controller.budget.n_trials - len(ended))
        eta = f", about {clock(elapsed / new * left)} left" if new else ""
        failed = sum(trial.state == "FAIL" for trial in ended)
        head = Text(f"{record.name}  {len(ended)}/{controller.budget.n_trials} trials", style="bold")
        head.append(f"  {failed} failed" if failed else "", style="red")
        head.append(f"  {clock(elapsed)}{eta}  Ctrl-C stops, the same command goes on", style="dim")
        slots = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        busy = {flight.slot: flight for flight in controller.in_flight.values()}
        for i, slot in enumerate(controller.launcher.slots[:8]):
            if i not in busy:
                slots.add_row(slot, Text("idle", style="dim"))
                continue
            flight = busy[i]
            epoch, accuracy = _progress(flight.folder, flight.first_epoch)
            done = round(20 * epoch / controller.epochs)
            bar = Text("━" * done, style="green") + Text("┄" * (20 - done), style="dim")
            slots.add_row(
                slot,
                f"trial {flight.trial.number}",
                bar,
                f"epoch {epoch}/{controller.epochs}",
                accuracy,
                f"{flight.trial.params:,} params",
            )
        return Group(head, slots, front_table(record, rows=8))


def line(trial: TrialRecord) -> str:
    """A trial in one line."""
    result = f"val_acc {trial.accuracy:.4f}" if trial.accuracy is not None else trial.reason
    spent = f"{trial.params:>9,} params  {trial.seconds:5.1f} s"
    return f"trial {trial.number:>3} {trial.state:<8} {result}  {spent}  {_point(trial)}"


def front_table(record: StudyRecord, rows: int | None = None) -> Table:
    """The front by rising size, canonical SqueezeNet in it wherever it stands.

    Two columns say how many times smaller than SqueezeNet v1.0 and than AlexNet (for this input) a network is.

    Args:
        record: the study.
        rows: show only the largest so many.
    """
    front = front_trials(record)
    canonical = next((trial for trial in record.finished if trial.anchor == CANONICAL), None)
    shown = sorted(
        {trial.number: trial for trial in [*front, *filter(None, [canonical])]}.values(), key=lambda t: t.params
    )
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading, width in (("trial", 5), ("val_acc", 7), ("±", 6), ("params", 9), ("/SqueezeNet", 11), ("/AlexNet", 8)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    table.add_column("network", no_wrap=True, overflow="ellipsis")
    for trial in shown[-(rows or len(shown)) :]:
        star = trial is canonical
        name = f"★ {_point(trial)}" + ("" if trial in front else " (dominated)") if star else _point(trial)
        smaller = f"{canonical.params / trial.params:.2f}x" if canonical else ""
        table.add_row(
            str(trial.number),
            f"{trial.accuracy:.4f}",
            f"{trial.error(record.val_images):.4f}",
            f"{trial.params:,}",
            smaller,
            f"{times_smaller_than_alexnet(Architecture.from_json(trial.architecture)):,.0f}x",
            name,
            style="yellow" if star else "",
        )
    return table


def clock(seconds: float) -> str:
    """75 -> 1:15."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _point(trial: TrialRecord) -> str:
    return published_name(trial.anchor) if trial.anchor else shorthand(trial.metaparameters)


def _progress(folder: Path, first_epoch: int) -> tuple[int, str]:
    """(epoch, val_acc) of a training under way, from the lines its worker writes."""
    last: dict[str, float] = {}
    for epoch in _lines(folder / "progress.jsonl"):
        last = epoch
    return int(last.get("epoch", first_epoch)), f"{last['val_acc']:.3f}" if "val_acc" in last else ""


def _lines(path: Path) -> Iterator[dict[str, float]]:
    try:
        text = path.read_text()
    except OSError:
        return
    for row in text.splitlines():
        try:
            yield json.loads(row)
        except ValueError:
            return  # a line that is being written
