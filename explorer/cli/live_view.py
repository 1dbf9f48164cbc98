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

from explorer.arch.size import shown as shown_size
from explorer.cli.terminal import clock, cut, front_table, point_name, sparkline
from explorer.results.pareto import by_end, hypervolume_history, point, reference_point
from explorer.results.record import StudyRecord, TrialRecord
from explorer.training import files

if TYPE_CHECKING:
    from explorer.study.controller import Controller

SLOTS = 6
"""Slots that are shown one by one."""
BAR = 16
"""Columns of a training's bar."""


class LiveView:
    """Shows a controller at work; use it as a context and as the controller's `changed`."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        self.started = time.monotonic()
        self._finished_before: int | None = None
        self._reported: set[int] = set()
        self._volumes: list[float] = []
        self._height = 0

    def __enter__(self) -> LiveView:
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
            self.live.update(self.screen(controller, record, ended))
            return
        for trial in ended:
            if trial.number not in self._reported:
                self._reported.add(trial.number)
                self.console.print(
                    f"{len(ended)}/{controller.budget.n_trials} {line(trial)}", highlight=False, soft_wrap=True
                )

    def screen(self, controller: Controller, record: StudyRecord, ended: list[TrialRecord]) -> RenderableType:
        """What fits into the terminal: no line too long, one line fewer than it has, never lower than before."""
        width, height = self.console.size
        head = self._head(controller, record, ended, width)
        slots = self._slots(controller, record, width)
        lines: list[RenderableType] = [*head, Text(""), slots, *_others(controller), Text("")]
        count = len(lines) - 1 + slots.row_count
        room = height - 3 - count  # the table's heading, the last line, and one of the terminal's own
        if record.finished and room > 0:
            table = front_table(record, room, width)
            lines.append(table)
            count += table.row_count + 1
        self._height = min(max(self._height, count), height - 2)
        lines += [Text("")] * (self._height - count)
        words = Text(cut("Ctrl-C stops; the same command goes on", width), style="dim", no_wrap=True)
        return Group(*lines, words)

    def _head(self, controller: Controller, record: StudyRecord, ended: list[TrialRecord], width: int) -> list[Text]:
        """How far the search is, and the hypervolume over its finished trials."""
        elapsed = time.monotonic() - self.started
        new = len(ended) - (self._finished_before or 0)
        left = max(0, controller.budget.n_trials - len(ended))
        failed = sum(trial.state == "FAIL" for trial in ended)
        words = f"  {len(ended)}/{controller.budget.n_trials} trials" + (f", {failed} failed" if failed else "")
        words += f"  {clock(elapsed)}" + (f", about {clock(elapsed / new * left)} left" if new and left else "")
        first = Text(cut(record.name, width - len(words)) + words, style="bold", no_wrap=True)
        volumes = self._history(record)
        if not volumes:
            return [first]
        words = f"hypervolume {volumes[-1]:.3f}  "
        drawn = sparkline(volumes, min(width - len(words), 60))
        return [first, Text(words, no_wrap=True) + Text(drawn, style="cyan")]

    def _history(self, record: StudyRecord) -> list[float]:
        """The hypervolume after each finished trial, counted anew when another has finished."""
        finished = record.finished
        if len(finished) != len(self._volumes):
            points = [point(trial) for trial in by_end(finished)]
            self._volumes = list(hypervolume_history(points, reference_point(record)))
        return self._volumes

    def _slots(self, controller: Controller, record: StudyRecord, width: int) -> Table:
        """A line a slot: its trial, how far it is, its accuracy and size."""
        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
        busy = {flight.slot: flight for flight in controller.in_flight.values()}
        names = controller.launcher.slots
        shown = names[: SLOTS if len(names) <= SLOTS else SLOTS - 1]
        for i, slot in enumerate(shown):
            name = Text(cut(slot, max(width - 62, 8)), no_wrap=True)
            if i not in busy:
                table.add_row(name, Text("freed" if i in controller.launcher.freed else "idle", style="dim"))
                continue
            flight = busy[i]
            epoch, accuracy = _progress(Path(flight.job.folder), flight.job.first_epoch, record.metric)
            done = min(round(BAR * epoch / controller.epochs), BAR)
            bar = Text("━" * done, style="green") + Text("┄" * (BAR - done), style="dim")
            table.add_row(
                name,
                f"trial {flight.trial}",
                bar,
                f"{epoch}/{controller.epochs}",
                f"{accuracy:>5}",
                f"{shown_size(controller.store.trials[flight.trial].size):>11}",
            )
        return table


def _others(controller: Controller) -> list[Text]:
    """A line on the slots that are not shown one by one."""
    count = len(controller.launcher.slots)
    if count <= SLOTS:
        return []
    at_work = sum(flight.slot >= SLOTS - 1 for flight in controller.in_flight.values())
    return [Text(f"{count - SLOTS + 1} more slots, {at_work} at work", style="dim", no_wrap=True)]


def line(trial: TrialRecord) -> str:
    """A trial in one line."""
    result = f"{trial.metric} {trial.accuracy:.4f}" if trial.accuracy is not None else trial.reason
    spent = f"{trial.sizes_in_words:>16}  {trial.seconds:5.1f} s"
    return f"trial {trial.number:>3} {trial.state:<8} {result}  {spent}  {point_name(trial)}"


def _progress(folder: Path, first_epoch: int, metric: str) -> tuple[int, str]:
    """(epoch, metric) of a training under way, from the lines its worker writes."""
    last: dict[str, float] = {}
    for epoch in _lines(folder / files.PROGRESS):
        last = epoch
    return int(last.get("epoch", first_epoch)), f"{last[metric]:.3f}" if metric in last else ""


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
