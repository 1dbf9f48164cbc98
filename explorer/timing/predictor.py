"""The latency of a network that was never run, from others that were measured on the device.

Of each kind of operator a sum of amounts of work is fitted, and extremely randomised trees (Geurts et al. 2006) say by
what factor an operator of these shapes, between these neighbours, is off it. A network's latency is the sum over its
operators and a constant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite, isinf
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture
from explorer.timing import npu_features
from explorer.timing.conditions import VELA
from explorer.timing.features import Described, describe
from explorer.timing.measure import Measured
from explorer.timing.operators import operators, readers

if TYPE_CHECKING:
    import numpy as np

TREES = 100
FOLDS = 5
SHORTEST = 0.2
"""Microseconds: below it a time is the clock's."""
CLEAR = 20.0
"""Microseconds from which a time counts in full; shorter ones hold more of the clock's error."""
USUAL = 0.1
"""Median error that no measured space has come near, with a machine to itself."""
BUSY = "; that is much: something else kept the machine busy while they were timed"
FEW = 3
"""Operators of a kind without which nothing is said of the kind."""


@dataclass(frozen=True)
class Error:
    """How far predictions are from what was measured, on networks that were left out.

    Attributes:
        median, p90: of the relative error.
        rank: Spearman's correlation.
        networks: their number.
    """

    median: float
    p90: float
    rank: float
    networks: int

    @property
    def words(self) -> str:
        """Off by 3.5% (median), 11% (90th percentile), rank correlation 0.997."""
        return (
            f"off by {self.median:.1%} (median) and {self.p90:.0%} (90th percentile), rank correlation {self.rank:.3f}"
            + BUSY * (self.median > USUAL)
        )


class Predictor:
    """Predicts latencies, or cycles.

    Args:
        measured: networks, at least two.
        runtime: under which they were.
    """

    def __init__(self, measured: Sequence[Measured], runtime: str) -> None:
        self.cost = "cycles" if runtime == VELA else "latency"
        self._described = npu_features.described if runtime == VELA else _described
        self.overhead, self.constant = (0.0, 0.0) if runtime == VELA else _overhead(measured)
        self._measured = measured
        self._known: dict[Described, float] = {}

    @cached_property
    def _kinds(self) -> dict[str, _Kind]:
        """Fitted when something is predicted: a study that is only shown needs none, and it takes seconds."""
        rows: dict[str, list[tuple[Described, float]]] = defaultdict(list)
        for network in self._measured:
            for each, spent, nodes in zip(
                self._described(network.architecture), network.operators, network.nodes, strict=True
            ):
                rows[each.kind].append((each, max(spent - self.overhead * nodes, SHORTEST)))
        return {kind: _Kind(each) for kind, each in rows.items() if len(each) >= FEW}

    def __call__(self, architecture: Architecture) -> float:
        """Microseconds, or cycles, for one image."""
        operators = self._described(architecture)
        self._look_up({each for each in operators if each not in self._known})
        return rounded(self.constant + sum(self._known[each] for each in operators))

    def _look_up(self, unknown: set[Described]) -> None:
        by: dict[str, list[Described]] = defaultdict(list)
        for each in unknown:
            by[each.kind].append(each)
        for kind, alike in by.items():
            fitted = self._kinds.get(kind)
            times = fitted.microseconds(alike) if fitted else [SHORTEST] * len(alike)
            self._known.update(zip(alike, times, strict=True))


def rounded(microseconds: float) -> float:
    """As it is shown and compared: to the microsecond, below 100 to a tenth."""
    return round(microseconds, 1) if microseconds < 100 or isinf(microseconds) else float(round(microseconds))


def error(measured: Sequence[Measured], runtime: str) -> Error:
    """The error of predictions for networks that are left out, a fifth of them at a time."""
    import numpy as np
    from scipy.stats import spearmanr

    measured = [each for each in measured if isfinite(each.took)]
    predicted = np.zeros(len(measured))
    for fold in range(FOLDS):
        predict = Predictor([each for i, each in enumerate(measured) if i % FOLDS != fold], runtime)
        for i in range(fold, len(measured), FOLDS):
            predicted[i] = predict(measured[i].architecture)
    truth = np.array([each.took for each in measured])
    off = abs(predicted / truth - 1)
    rank = float(spearmanr(predicted, truth).statistic)
    return Error(float(np.median(off)), float(np.quantile(off, 0.9)), rank, len(measured))


def _described(architecture: Architecture) -> list[Described]:
    found = operators(architecture)
    by = readers(found)
    return [describe(number, found, by) for number in range(len(found))]


def _overhead(measured: Sequence[Measured]) -> tuple[float, float]:
    """What timing a step costs, and what a call takes beside its steps, in microseconds."""
    import numpy as np

    whole = np.array([each.took for each in measured])
    steps = np.array([sum(each.nodes) for each in measured])
    beyond = np.array([sum(each.operators) for each in measured]) - whole
    columns = np.stack([steps, -np.ones(len(whole))], axis=1)
    (each_step, constant), *_ = np.linalg.lstsq(columns / whole[:, None], beyond / whole, rcond=None)
    return max(float(each_step), 0.0), float(constant)


class _Kind:
    """Operators of one kind."""

    def __init__(self, rows: Sequence[tuple[Described, float]]) -> None:
        import numpy as np
        from scipy.optimize import nnls
        from sklearn.ensemble import ExtraTreesRegressor

        times = np.array([spent for _, spent in rows])
        self.left = bool(np.isinf(times).any())
        if self.left:
            return
        work = np.array([described.work for described, _ in rows])
        self.scale = work.max(axis=0) + 1e-9
        self.rates, _ = nnls(work / self.scale / times[:, None], np.ones(len(rows)))
        about, traits = self._about([described for described, _ in rows])
        trees = ExtraTreesRegressor(TREES, max_features=0.5, random_state=0)
        trees.fit(traits, np.log(times / about), sample_weight=np.minimum(times, CLEAR))
        self.trees = [each.tree_ for each in trees.estimators_]

    def _about(self, operators: Sequence[Described]) -> tuple[np.ndarray, np.ndarray]:
        """The sum of amounts of work, and what the trees look at."""
        import numpy as np

        work = np.array([each.work for each in operators])
        about = np.maximum(work / self.scale @ self.rates, SHORTEST / 2)
        return about, np.array([(*each.traits, np.log(one)) for each, one in zip(operators, about, strict=True)], "f4")

    def microseconds(self, operators: Sequence[Described]) -> Any:
        """Of each."""
        import numpy as np

        if self.left:  # one was left to the processor
            return [inf] * len(operators)
        about, traits = self._about(operators)
        factor = np.mean([tree.predict(traits)[:, 0] for tree in self.trees], axis=0)
        return (about * np.exp(factor)).tolist()
