"""Search by two sizes at once (params and macs): the volume that each sampler has found on a learning-curve table.

    python -m benchmarks.two_sizes [--seeds 10] [--tables fire_digits fire_small_digits]

The share of the best volume after 25, 50 and 100 whole trainings, none stopped: the mean and its 95 % interval over
the seeds. The corner is the table's largest sizes and its lowest accuracy; the accuracy is that of one training.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy

from benchmarks.search_quality_report import interval
from explorer import tables
from explorer.results.pareto import hypervolume, pareto_front
from explorer.samplers import Candidate, Proposer, TrialResult
from explorer.space.domain import key

SAMPLERS: dict[str, dict[str, Any]] = {
    "front": {"name": "front"},
    "tpe, multivariate": {"name": "tpe"},
    "nsga2": {"name": "nsga2", "population_size": 20},
    "random": {"name": "random"},
}
COUNTS = (25, 50, 100)


class TwoSizes:
    """A table searched by params and macs.

    Args:
        name: of the table.
    """

    def __init__(self, name: str) -> None:
        self.table = tables.load(name)
        points = [
            (float(own.params), float(own.macs), own.val_acc[-1]) for own in self.table.trainings if own.seed == 0
        ]
        *sizes, accuracies = zip(*points, strict=True)
        self.corner = (*map(max, sizes), min(accuracies))
        self.points = points

    @cached_property
    def best(self) -> float:
        """The volume of all networks of the table."""
        return hypervolume([self.points[index] for index in pareto_front(self.points)], self.corner)

    def candidate(self, params: Mapping[str, Any]) -> Candidate:
        """A point with its sizes."""
        own = self.table.at(params)
        return Candidate(params, (float(own.params), float(own.macs)))

    def shares(self, sampler: Mapping[str, Any], seed: int) -> list[float]:
        """Of the best volume, after each of COUNTS."""
        proposer, found, tried, points = Proposer(self.table.space, sampler, seed, sizes=2), [], set[Any](), []
        for number in range(max(COUNTS)):
            chosen = proposer.propose(number, self.candidate, lambda candidate: key(candidate.params) in tried)
            if chosen is None:
                break
            params, sizes = chosen[1].params, chosen[1].sizes
            tried.add(key(params))
            accuracy = self.table.accuracy(params)
            proposer.tell(number, TrialResult("COMPLETE", sizes, (accuracy,)))
            points.append((*sizes, accuracy))
            if number + 1 in COUNTS:
                found.append(hypervolume(points, self.corner) / self.best)
        return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--tables", nargs="+", default=["fire_digits", "fire_small_digits"])
    given = parser.parse_args(arguments)
    for name in given.tables:
        bench = TwoSizes(name)
        print(f"{name}: {len(pareto_front(bench.points))} of {len(bench.points)} networks on the front", flush=True)
        print(f"{'sampler':20}" + "".join(f"{f'after {count}':>20}" for count in COUNTS))
        for label, sampler in SAMPLERS.items():
            shares = [bench.shares(sampler, seed) for seed in range(given.seeds)]
            found = (interval(list(after)) for after in zip(*shares, strict=True))
            cells = (f"{mean:.4f} +- {high - mean:.4f}" for mean, _, high in found)
            print(f"{label:20}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
