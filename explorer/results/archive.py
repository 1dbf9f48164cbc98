"""Where a study that grows stands: front, published and other networks, kept up from one record to the next.

A record of 10,000 trials differs from the one before in a few. Only those are looked at.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import compress
from operator import attrgetter, is_not

from explorer.results.pareto import point
from explorer.results.record import StudyRecord, TrialRecord

PARAMS = attrgetter("params")


def changed(trials: tuple[TrialRecord, ...], before: tuple[TrialRecord, ...]) -> tuple[TrialRecord, ...]:
    """Trials that are not the very records of before, which are the first ones of a study that has grown."""
    return (*compress(trials, map(is_not, trials, before)), *trials[len(before) :])


class Standing:
    """Where a study stands.

    Args:
        record: the study; None: none yet.

    Attributes:
        front: the finished trials on the front, by rising params; see `explorer.results.pareto.front_trials`.
        known: trials with an accuracy, by number.
        running: trials that have not ended, by number.
        published: numbers of published networks with an accuracy.
        dominated: numbers of the other finished ones that are not on the front, rising.
        stopped: numbers of the other ones that were stopped early, rising.
        failed: how many ended without an accuracy.
        end: when the last thing happened that is known of, seconds since 1970.
    """

    def __init__(self, record: StudyRecord | None = None) -> None:
        self._begin()
        if record is not None:
            self.update(record)

    def _begin(self) -> None:
        self._trials: tuple[TrialRecord, ...] = ()
        self._ended: set[int] = set()
        self.front: list[TrialRecord] = []
        self.known: dict[int, TrialRecord] = {}
        self.running: dict[int, TrialRecord] = {}
        self.published: list[int] = []
        self.dominated: list[int] = []
        self.stopped: list[int] = []
        self.failed, self.end = 0, 0.0

    def update(self, record: StudyRecord) -> tuple[TrialRecord, ...]:
        """Takes in how the study stands now.

        Returns:
            The trials that have changed since the last call.

        Raises:
            FrontError: if a trial has a size or an accuracy that is no number.
        """
        found = changed(record.trials, self._trials)
        if len(record.trials) < len(self._trials) or any(trial.number in self._ended for trial in found):
            self._begin()
            found = record.trials
        self._trials = record.trials
        for trial in found:
            self._take(trial)
        return found

    def _take(self, trial: TrialRecord) -> None:
        self.end = max(self.end, trial.started, trial.ended)
        self.running.pop(trial.number, None)
        self.failed += trial.state == "FAIL"
        if trial.state == "RUNNING":
            self.running[trial.number] = trial
        else:
            self._ended.add(trial.number)
        if trial.state == "COMPLETE" or trial.accuracy is not None:
            self.known[trial.number] = trial
            beaten = self._join(trial) if trial.state == "COMPLETE" else []
            if trial.anchor:
                insort(self.published, trial.number)
            elif trial.state != "COMPLETE":
                insort(self.stopped, trial.number)
            for each in beaten:
                if not each.anchor:
                    insort(self.dominated, each.number)

    def _join(self, new: TrialRecord) -> list[TrialRecord]:
        """Puts a trial on the front where it belongs there; returns whom it beats, or itself."""
        size, accuracy = point(new)
        place = bisect_left(self.front, size, key=PARAMS)
        smaller, rest = self.front[:place], self.front[place:]
        if smaller and point(smaller[-1])[1] >= accuracy:
            return [new]
        same = bool(rest) and rest[0].params == size
        if same and (point(rest[0])[1], -rest[0].number) > (accuracy, -new.number):
            return [new]  # of equal points the first stays
        beaten = [old for old in rest if point(old)[1] <= accuracy]
        self.front = [*smaller, new, *rest[len(beaten) :]]
        return beaten
