"""A growing study's trials by what became of them, kept up from one record to the next.

A record of 10,000 trials differs from the one before in a few. Only those are looked at.
"""

from __future__ import annotations

from bisect import insort
from itertools import compress
from operator import is_not

from explorer.results.archive import ParetoArchive
from explorer.results.pareto import point
from explorer.results.record import StudyRecord, TrialRecord


def changed(trials: tuple[TrialRecord, ...], before: tuple[TrialRecord, ...]) -> tuple[TrialRecord, ...]:
    """Trials whose records are new since `before`, which holds the first trials of a study that has grown."""
    return (*compress(trials, map(is_not, trials, before)), *trials[len(before) :])


class TrialIndex:
    """Trials of a study by what became of them.

    Args:
        record: the study; None: none yet.

    Attributes:
        measured: trials with an accuracy, by number.
        running: trials that have not ended, by number.
        published: numbers of published networks with an accuracy.
        dominated: numbers of the other finished ones that are not on the front, rising.
        stopped: numbers of the other ones that were stopped early, rising.
        failed: how many ended without an accuracy.
        latest: when a trial last started or ended, seconds since 1970.
    """

    def __init__(self, record: StudyRecord | None = None) -> None:
        self._begin()
        if record is not None:
            self.update(record)

    def _begin(self) -> None:
        self._trials: tuple[TrialRecord, ...] = ()
        self._ended: set[int] = set()
        self._archive = ParetoArchive[TrialRecord]()
        self.measured: dict[int, TrialRecord] = {}
        self.running: dict[int, TrialRecord] = {}
        self.published: list[int] = []
        self.dominated: list[int] = []
        self.stopped: list[int] = []
        self.failed, self.latest = 0, 0.0

    @property
    def front(self) -> list[TrialRecord]:
        """The finished trials on the front, by rising size; see `explorer.results.pareto.front_trials`."""
        return self._archive.members

    def update(self, record: StudyRecord) -> tuple[TrialRecord, ...]:
        """Takes over what is new in a later record of the study.

        Returns:
            The trials that have changed since the last call.

        Raises:
            FrontError: if a trial has a size or an accuracy that is no number.
        """
        new = changed(record.trials, self._trials)
        if len(record.trials) < len(self._trials) or any(trial.number in self._ended for trial in new):
            self._begin()
            new = record.trials
        self._trials = record.trials
        for trial in new:
            self._take(trial, record)
        return new

    def _take(self, trial: TrialRecord, record: StudyRecord) -> None:
        self.latest = max(self.latest, trial.started, trial.ended)
        self.running.pop(trial.number, None)
        self.failed += trial.state == "FAIL"
        if trial.state == "RUNNING":
            self.running[trial.number] = trial
        else:
            self._ended.add(trial.number)
        if trial.state == "COMPLETE" or trial.accuracy is not None:
            self.measured[trial.number] = trial
            dominated = self._dominated_by(trial, record) if trial.state == "COMPLETE" else []
            if trial.anchor:
                insort(self.published, trial.number)
            elif trial.state != "COMPLETE":
                insort(self.stopped, trial.number)
            for each in dominated:
                if not each.anchor:
                    insort(self.dominated, each.number)

    def _dominated_by(self, trial: TrialRecord, record: StudyRecord) -> list[TrialRecord]:
        """Adds a trial to the front; returns those that leave it, or the trial itself."""
        if not record.within_limits(trial):
            return [trial]
        dominated = self._archive.add(point(trial), trial, trial.number)
        return [trial] if dominated is None else dominated
