"""The loop of every search: ask for a point, train it to a rung, let it go on or stop it, tell.

It knows accuracies and sizes, not what a trial is or where it trains: `explorer.study` drives it with trainings on
workers, `explorer.objective` with any objective.
"""

from __future__ import annotations

from collections.abc import Sequence

from explorer.front import Point
from explorer.samplers import Outcome, Proposal, Proposer, Size, Taken
from explorer.stopping import Stopping


class Loop:
    """Asks and decides.

    Args:
        proposer: where points come from.
        stopping: the rule at the rungs.
        epochs: full length of a trial.
    """

    def __init__(self, proposer: Proposer, stopping: Stopping, epochs: int) -> None:
        self.proposer, self.stopping, self.epochs = proposer, stopping, epochs
        self._rungs: dict[int, dict[int, Point]] = {}  # epoch -> trial -> (size, accuracy)
        self._complete: dict[int, tuple[float, tuple[float, ...]]] = {}  # trial -> size, curve
        self._spared: set[int] = set()

    def ready(self, number: int) -> bool:
        """Whether trial `number` may be asked for yet; see `Proposer`."""
        return self.proposer.ready(number)

    def ask(self, number: int, size: Size, taken: Taken) -> Proposal | None:
        """A point for trial `number` within the limits and not taken, or None if there is none left."""
        proposal = self.proposer.propose(number, size, taken)
        if proposal is not None and proposal.uniform:
            self._spared.add(number)
        return proposal

    def add(
        self, number: int, proposal: Proposal | None, size: float, curve: Sequence[float], spared: bool = False
    ) -> None:
        """A trial that was not asked for here, with what is known of it: an anchor, or one of an earlier process.

        Args:
            number: of the trial.
            proposal: its point; None for an anchor from outside the space.
            size: of its network.
            curve: its accuracy after each epoch so far.
            spared: whether it is never stopped; uniform draws never are.
        """
        self.proposer.add(number, proposal, size)
        if spared or (proposal is not None and proposal.uniform):
            self._spared.add(number)
        epoch = 0
        while (epoch := self.next_rung(epoch)) <= min(len(curve), self.epochs - 1):
            self._rungs.setdefault(epoch, {})[number] = (size, curve[epoch - 1])

    def next_rung(self, epoch: int) -> int:
        """The epoch up to which a trial that has reached `epoch` trains before it is looked at again."""
        return self.stopping.next_rung(epoch, self.epochs)

    def settle(self, number: int, size: float, curve: Sequence[float]) -> str:
        """What becomes of a trial that has reached a rung: RUNNING (it goes on), PRUNED or COMPLETE.

        Args:
            number: of the trial.
            size: of its network.
            curve: its accuracy after each epoch so far.
        """
        epoch = len(curve)
        if epoch >= self.epochs:
            return self.end(number, "COMPLETE", size, curve)
        reached, own = self._rungs.setdefault(epoch, {}), (size, curve[-1])
        reached.pop(number, None)
        others = self.proposer.counting(number, reached)
        reached[number] = own
        if number in self._spared:
            return "RUNNING"
        ended = self.proposer.counting(number, self._complete)
        if self.stopping.goes_on(own, others, [(s, whole[epoch - 1], whole[-1]) for s, whole in ended]):
            return "RUNNING"
        return self.end(number, "PRUNED", size, curve)

    def end(self, number: int, state: str, size: float, curve: Sequence[float] = ()) -> str:
        """A trial has ended in the given state, which is returned."""
        if state == "COMPLETE":
            self._complete[number] = (size, tuple(curve))
        self.proposer.tell(number, Outcome(state, size, tuple(curve)))
        return state
