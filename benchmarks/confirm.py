"""Does it pay to train front members again? On learning-curve tables with three trainings of each network.

    python -m benchmarks.confirm [--seeds 20] [--trainings 100] [--shares 0 0.1 0.2 0.3] [--tables fire_small_digits]

A search by the sampler `front` that may spend so many whole trainings, either all on new networks or a share of them
on further seeds of networks that are on the front or near it, those first whose place a further seed is most likely to
change. What counts is not what the search saw but the mean of all three trainings: of the network that it would call
`best`, and the hypervolume of the front that it would show. `best` and the front go by the mean of the trainings seen,
or (bound) by that mean less its standard error. Differences are to the search without further seeds, with their 95 %
intervals over the seeds of the search.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

import numpy as np
from scipy.special import ndtr

from benchmarks.search_quality_report import interval
from explorer import tables
from explorer.results.pareto import hypervolume, pareto_front
from explorer.samplers import Candidate, Proposer, TrialResult
from explorer.space.domain import key

SHARES = (0.0, 0.1, 0.2, 0.3)
FEW = 10
"""Trainings before any is spent on a further seed."""


@dataclass
class Network:
    """A network that was trained.

    Attributes:
        size: its parameters.
        trainings: accuracy at the end with each seed of the table.
        seen: how many of them the search has paid for.
    """

    size: float
    trainings: tuple[float, ...]
    seen: int = 1

    @property
    def mean(self) -> float:
        """Of the trainings seen."""
        return mean(self.trainings[: self.seen])

    @property
    def true(self) -> float:
        """Of all."""
        return mean(self.trainings)


@dataclass
class Search:
    """A search and what it has found.

    Args:
        table: of networks with several trainings.
        seed: of the sampler.
        share: of the trainings that go to further seeds.
    """

    table: tables.Table
    seed: int
    share: float
    found: list[Network] = field(default_factory=list)

    def run(self, trainings: int) -> None:
        """Spends so many trainings."""
        proposer, tried = Proposer(self.table.space, {"name": "front"}, self.seed), set[Any]()
        spent, further = 0, 0
        while spent < trainings:
            again = None
            if spent >= FEW and further < self.share * spent:
                again = self._doubtful()
            if again is not None:
                again.seen += 1
                further += 1
            else:
                chosen = proposer.propose(len(self.found), self._candidate, lambda one: key(one.params) in tried)
                if chosen is None:
                    return
                tried.add(key(chosen[1].params))
                own = self._trainings(chosen[1].params)
                proposer.tell(len(self.found), TrialResult("COMPLETE", chosen[1].sizes, own[:1]))
                self.found.append(Network(chosen[1].sizes[0], own))
            spent += 1

    def _trainings(self, params: Mapping[str, Any]) -> tuple[float, ...]:
        return tuple(self.table.accuracy(params, seed=seed) for seed in range(3))

    def _candidate(self, params: Mapping[str, Any]) -> Candidate:
        return Candidate(params, (self.table.size(params),))

    @property
    def spread(self) -> float:
        """Standard deviation of a training around its network's mean, pooled; before two are known, a guess."""
        squares = [(value - one.mean) ** 2 for one in self.found for value in one.trainings[: one.seen] if one.seen > 1]
        freedom = sum(one.seen - 1 for one in self.found)
        return float(np.sqrt((sum(squares) + 0.01**2) / (freedom + 1)))

    def _doubtful(self) -> Network | None:
        """The network whose place on the front, or beside it, a further training is most likely to change."""
        open_to = [one for one in self.found if one.seen < len(one.trainings)]
        if not open_to:
            return None

        def likely(one: Network) -> float:
            others = [other.mean for other in self.found if other is not one and other.size <= one.size]
            gap = abs(one.mean - max(others, default=0.0))
            return float(ndtr(-gap / (self.spread * np.sqrt(1 / one.seen - 1 / (one.seen + 1)))))

        return max(open_to, key=likely)

    def judged(self, bound: float, corner: tuple[float, float]) -> tuple[float, float]:
        """What is true of the network called best, and of the front shown: accuracy and hypervolume."""
        seen = [(one.size, one.mean - bound * self.spread / one.seen**0.5) for one in self.found]
        front = pareto_front(seen)
        return self.found[front[-1]].true, hypervolume([(seen[i][0], self.found[i].true) for i in front], corner)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trainings", type=int, default=100)
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    parser.add_argument("--tables", nargs="+", default=["fire_small_digits"])
    given = parser.parse_args(arguments)
    for name in given.tables:
        table = tables.load(name)
        means = table.mean()
        corner = (max(float(own.params) for own in table.trainings), min(own.val_acc[-1] for own in means.trainings))
        runs: dict[tuple[float, float], list[tuple[float, float]]] = {}
        for share in given.shares:
            for seed in range(given.seeds):
                search = Search(table, seed, share)
                search.run(given.trainings)
                for bound in (0.0, 1.0):
                    runs.setdefault((share, bound), []).append(search.judged(bound, corner))
        base = np.array(runs[0.0, 0.0])
        accuracy, volume = base.mean(axis=0)
        print(f"{name}, {given.trainings} trainings: without further seeds best {accuracy:.4f}, volume {volume:.4f}")
        print(f"{'share':>6} {'by':>6} {'best, points':>18} {'volume':>20}")
        for (share, bound), found in runs.items():
            cells = [_difference(np.array(found)[:, i] - base[:, i], factor) for i, factor in ((0, 100), (1, 1))]
            print(f"{share:>6} {'bound' if bound else 'mean':>6} {cells[0]:>18} {cells[1]:>20}", flush=True)


def _difference(values: Any, factor: float) -> str:
    centre, _, high = interval((factor * values).tolist())
    return f"{centre:+.4f} +- {high - centre:.4f}"


if __name__ == "__main__":
    main()
