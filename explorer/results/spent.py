"""Trials, epochs and time that a study took, and the epochs that stopping saved."""

from __future__ import annotations

from dataclasses import dataclass, replace

from explorer.results.pareto import by_end
from explorer.results.record import StudyRecord


@dataclass(frozen=True)
class Spent:
    """Sums over a study's trials and their seeds.

    Attributes:
        states: number of trials by state.
        epochs: epochs that were trained.
        saved: epochs that stopped trials would have gone on to train.
        lost: epochs of trials that failed.
        seconds: of training, summed over the slots.
        wall: seconds from the first trial's start to the last one's end, pauses between two starts of the search
            included.
    """

    states: dict[str, int]
    epochs: int
    saved: int
    lost: int
    seconds: float
    wall: float

    def words(self) -> list[str]:
        """One line of text each."""
        total = self.epochs + self.saved
        lines = [
            f"{self.epochs:,} epochs trained in {duration(self.seconds)} of training, {duration(self.wall)} in all"
        ]
        stopped = self.states.get("PRUNED", 0)
        if stopped:
            share = 100 * self.saved / total
            trials = f"{stopped:,} trial{'s' * (stopped != 1)}"
            of = f"{share:.0f} % of the {total:,} that full length would have taken"
            lines.append(f"{self.saved:,} epochs saved by stopping {trials} early: {of}")
        else:
            lines.append("no trial was stopped early, so no epoch was saved")
        if self.states.get("FAIL"):
            failed = self.states["FAIL"]
            lines.append(f"{failed:,} trial{'s' * (failed != 1)} failed, {self.lost:,} epochs with them")
        return lines


def spent(record: StudyRecord) -> Spent:
    """Sums up a study; full length is its `epochs`."""
    length = int(record.config["epochs"])
    states: dict[str, int] = {}
    epochs = saved = lost = 0
    for trial in record.trials:
        states[trial.state] = states.get(trial.state, 0) + 1
        trained = [len(curve) for curve in trial.curves]
        epochs += sum(trained)
        if trial.state == "PRUNED":
            saved += sum(max(length - reached, 0) for reached in trained)
        elif trial.state == "FAIL":
            lost += sum(trained)
    starts = [trial.started for trial in record.trials]
    ends = [trial.ended for trial in record.trials if trial.ended]
    wall = max(ends) - min(starts) if ends else 0.0
    return Spent(states, epochs, saved, lost, sum(trial.seconds for trial in record.trials), wall)


def within(record: StudyRecord, epochs: int) -> StudyRecord:
    """The study with only the trials that had ended when so many epochs had been trained."""
    left, kept = epochs, set[int]()
    for trial in by_end(trial for trial in record.trials if trial.ended):
        left -= sum(map(len, trial.curves))
        if left < 0:
            break
        kept.add(trial.number)
    return replace(record, trials=tuple(trial for trial in record.trials if trial.number in kept))


def duration(seconds: float) -> str:
    """45 s, 12 min, 3.4 h"""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
