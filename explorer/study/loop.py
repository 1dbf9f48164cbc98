"""The loop of every search: ask for a point, train it to a rung, let it go on or stop it, tell the sampler.

It knows accuracies and sizes alone: `explorer.study.controller` drives it with trainings on workers,
`explorer.study.optimize` with any objective.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from explorer.samplers import Proposal, Proposer, TrialResult
from explorer.samplers.proposal import C, Sizes
from explorer.study.stopping import Stopping

Array: TypeAlias = NDArray[np.float64]


class Rows:
    """A row of numbers for each of many trials, in an array that doubles when it is full.

    Args:
        columns: of a row.
    """

    def __init__(self, columns: int) -> None:
        self._values, self._numbers = np.empty((16, columns)), np.empty(16, dtype=np.int64)
        self._places: dict[int, int] = {}

    def put(self, number: int, row: Sequence[float]) -> None:
        """Sets the row of trial `number`."""
        place = self._places.setdefault(number, len(self._places))
        if place == len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
            self._numbers = np.concatenate([self._numbers, np.empty_like(self._numbers)])
        self._values[place], self._numbers[place] = row, number

    def of(self, last: int | None, without: int) -> Array:
        """The rows of the trials up to number `last`, or of all; the one of trial `without` left out."""
        numbers = self._numbers[: len(self._places)]
        chosen = numbers != without
        if last is not None:
            chosen &= numbers <= last
        rows: Array = self._values[: len(self._places)][chosen]
        return rows


class Loop:
    """Asks and decides.

    Args:
        proposer: where points come from.
        stopping: the rule at the rungs.
        epochs: full length of a trial.
    """

    def __init__(self, proposer: Proposer, stopping: Stopping, epochs: int) -> None:
        self.proposer, self.stopping, self.epochs = proposer, stopping, epochs
        self._rungs: dict[int, Rows] = {}  # after each rung's epochs: sizes, accuracy
        self._complete = Rows(proposer.sizes + epochs)  # sizes, accuracy after each epoch
        self._spared: set[int] = set()

    def ready(self, number: int) -> bool:
        """Whether trial `number` may be asked for yet; see `Proposer`."""
        return self.proposer.ready(number)

    def ask(
        self, number: int, candidate: Callable[[Mapping[str, Any]], C | None], taken: Callable[[C], bool]
    ) -> tuple[Proposal, C] | None:
        """The point of trial `number` and its candidate, or None if there is none left; see `Proposer.propose`."""
        chosen = self.proposer.propose(number, candidate, taken)
        if chosen is not None and chosen[0].uniform:
            self._spared.add(number)
        return chosen

    def add(
        self, number: int, proposal: Proposal | None, sizes: Sizes, curve: Sequence[float], spared: bool = False
    ) -> None:
        """Adds a trial that was not asked for here: an anchor, or one of an earlier process.

        Args:
            number: of the trial.
            proposal: its point; None for an anchor from outside the space.
            sizes: of its network.
            curve: its accuracy after each epoch so far.
            spared: whether it is never stopped; uniform draws never are.
        """
        self.proposer.add(number, proposal, sizes)
        if spared or (proposal is not None and proposal.uniform):
            self._spared.add(number)
        epoch = 0
        while (epoch := self.next_rung(epoch)) <= min(len(curve), self.epochs - 1):
            self._rung(epoch).put(number, (*sizes, curve[epoch - 1]))

    def next_rung(self, epoch: int) -> int:
        """The epoch to which a trial that has reached `epoch` trains before the next decision."""
        return self.stopping.next_rung(epoch, self.epochs)

    def settle(self, number: int, sizes: Sizes, curve: Sequence[float]) -> str:
        """Decides on a trial that has reached a rung: RUNNING (it goes on), PRUNED or COMPLETE.

        Args:
            number: of the trial.
            sizes: of its network.
            curve: its accuracy after each epoch so far.
        """
        epoch = len(curve)
        if epoch >= self.epochs:
            return self.end(number, "COMPLETE", sizes, curve)
        reached = self._rung(epoch)
        reached.put(number, (*sizes, curve[-1]))
        if number in self._spared:
            return "RUNNING"
        last = self.proposer.last(number)
        count = len(sizes)
        columns = [*range(count), count + epoch - 1, count + self.epochs - 1]
        complete = self._complete.of(last, without=number)[:, columns]
        if self.stopping.goes_on((*sizes, curve[-1]), reached.of(last, without=number), complete):
            return "RUNNING"
        return self.end(number, "PRUNED", sizes, curve)

    def _rung(self, epoch: int) -> Rows:
        return self._rungs.setdefault(epoch, Rows(self.proposer.sizes + 1))

    def end(self, number: int, state: str, sizes: Sizes, curve: Sequence[float] = ()) -> str:
        """Takes note that a trial has ended; returns its state."""
        if state == "COMPLETE":
            self._complete.put(number, (*sizes, *curve))
        self.proposer.tell(number, TrialResult(state, sizes, tuple(curve)))
        return state
