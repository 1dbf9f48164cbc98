"""The accuracy-versus-size front of a study: its members, its hypervolume, its knee.

A point is (size, accuracy): size in parameters (or any positive cost) to be minimised, accuracy to be maximised. Size
counts on a logarithmic axis wherever distances or areas are taken, so that halving a network is worth the same at
every size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import dist, inf, isfinite, log10

from explorer.results.archive import ParetoArchive, Point
from explorer.results.record import StudyRecord, TrialRecord


class FrontError(ValueError):
    """Points that no front can be taken of."""


def pareto_front(points: Sequence[Point]) -> list[int]:
    """Indices of the non-dominated points, by rising size (and so by rising accuracy).

    A point is dominated if another is no larger and no less accurate, and better in one of the two. Of equal points the
    first stays.

    Raises:
        FrontError: if a point is not finite or its size not positive.
    """
    _check(points)
    front: list[int] = []
    best = inf
    for _, negated, index in sorted((size, -accuracy, index) for index, (size, accuracy) in enumerate(points)):
        if negated < best:
            front.append(index)
            best = negated
    return front


def non_dominated_ranks(points: Sequence[Point]) -> list[int]:
    """Non-dominated rank of each point: 0 on the front, 1 on the front of what is left without it, and so on.

    Equal points have the same rank.

    Raises:
        FrontError: if a point is not finite or its size not positive.
    """
    _check(points)
    lowest: list[float] = []  # of each rank so far the highest accuracy, negated so that it rises from rank to rank
    ranks: dict[Point, int] = {}
    for size, negated in sorted({(size, -accuracy) for size, accuracy in points}):
        rank = bisect_right(lowest, negated)  # as many ranks as hold one no larger and no less accurate
        lowest[rank : rank + 1] = [negated]
        ranks[size, -negated] = rank
    return [ranks[point] for point in points]


def spread_order(points: Sequence[Point]) -> list[int]:
    """Indices of the points so that any number of the first ones cover the whole: an epsilon-net (Salinas 2021).

    The smallest comes first; then, each time, the one farthest from those before it, with log10(size) and accuracy
    scaled to the span of the points.

    Raises:
        FrontError: if a point is not finite or its size not positive.
    """
    _check(points)
    if not points:
        return []
    decades, accuracies = [log10(size) for size, _ in points], [accuracy for _, accuracy in points]
    width, height = max(decades) - min(decades) or 1.0, max(accuracies) - min(accuracies) or 1.0
    scaled = [(x / width, y / height) for x, y in zip(decades, accuracies, strict=True)]
    order = [min(range(len(points)), key=lambda i: (points[i], i))]
    gaps = [inf] * len(points)
    while len(order) < len(points):
        last = scaled[order[-1]]
        gaps = [min(gap, dist(last, point)) for gap, point in zip(gaps, scaled, strict=True)]
        for taken in order:
            gaps[taken] = -1.0
        order.append(max(range(len(points)), key=lambda i: (gaps[i], -i)))
    return order


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Area between the front and the reference corner, in decades of size times accuracy.

    Exact: the sum of the front's steps, from log10(size) of one member to that of the next, and of the last to the
    reference. One network ten times smaller than the reference and 0.9 more accurate covers 0.9.

    Args:
        points: (size, accuracy) pairs.
        reference: (size, accuracy) of the worst corner; points not strictly better in both contribute nothing.

    Raises:
        FrontError: if a point or the reference is not finite or its size not positive.
    """
    _check([reference])
    front = [points[index] for index in pareto_front(points)]
    inside = [point for point in front if point[0] < reference[0] and point[1] > reference[1]]
    edges = [log10(size) for size, _ in inside] + [log10(reference[0])]
    widths = (right - left for left, right in pairwise(edges))
    return sum(width * (accuracy - reference[1]) for width, (_, accuracy) in zip(widths, inside, strict=True))


def knee(points: Sequence[Point]) -> int:
    """Index of the front's knee: the member farthest above the straight line between the front's two ends.

    Both axes, log10(size) and accuracy, are scaled so that the front spans 0 to 1, which makes the line the diagonal.
    Ties, and fronts that bend only downwards, go to the smallest network.

    Raises:
        FrontError: if there is no point, or a point is not finite or its size not positive.
    """
    front = pareto_front(points)
    if not front:
        raise FrontError("no points, so no knee")
    low, high = points[front[0]], points[front[-1]]
    decades, gain = log10(high[0]) - log10(low[0]), high[1] - low[1]
    if decades <= 0 or gain <= 0:
        return front[0]

    def height(index: int) -> float:
        size, accuracy = points[index]
        return (accuracy - low[1]) / gain - (log10(size) - log10(low[0])) / decades

    return max(front, key=height)


def point(trial: TrialRecord) -> Point:
    """(size, metric) of a trial that has an accuracy."""
    if trial.accuracy is None:
        raise FrontError(f"trial {trial.number} has no accuracy: it is {trial.state}")
    return trial.size, trial.accuracy


def front_trials(record: StudyRecord) -> list[TrialRecord]:
    """The finished trials on the front, by rising size. Trials stopped early are on no front."""
    finished = record.finished
    return [finished[index] for index in pareto_front([point(trial) for trial in finished])]


def reference_point(record: StudyRecord) -> Point:
    """The corner from which a study's hypervolume is measured: accuracy 0, ten times the size of the largest anchor.

    Without an anchor the largest trial stands in for it. Anchors are a study's first trials, so the corner is set
    before the search proper starts and stays there.

    Raises:
        FrontError: if the study has no trial.
    """
    anchors = [trial.size for trial in record.trials if trial.anchor is not None]
    sizes = anchors or [trial.size for trial in record.trials]
    if not sizes:
        raise FrontError(f"study {record.name!r} has no trial, so no reference point")
    return 10.0 * max(sizes), 0.0


def study_hypervolume(record: StudyRecord) -> float:
    """Hypervolume of the finished trials from `reference_point`; 0 while none has finished."""
    points = [point(trial) for trial in record.finished]
    return hypervolume(points, reference_point(record)) if points else 0.0


def by_end(trials: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Trials in the order in which they ended."""
    return sorted(trials, key=lambda trial: (trial.ended, trial.number))


class GrowingHypervolume:
    """The hypervolume of points that come one after the other.

    Only their front is kept, so a dominated point costs two bisections.

    Args:
        reference: see `hypervolume`.

    Attributes:
        volume: of the points so far.
    """

    def __init__(self, reference: Point) -> None:
        self.reference, self.volume = reference, 0.0
        self._archive = ParetoArchive[None]()

    def add(self, new: Point) -> float:
        """The hypervolume with one more point.

        Raises:
            FrontError: if it is not finite or its size not positive.
        """
        _check([new])
        if self._archive.add(new, None) is not None:
            self.volume = hypervolume(self._archive.points, self.reference)
        return self.volume


def hypervolume_history(points: Iterable[Point], reference: Point) -> Iterator[float]:
    """The hypervolume after each point, in the order given."""
    return map(GrowingHypervolume(reference).add, points)


def _check(points: Sequence[Point]) -> None:
    for size, accuracy in points:
        if not (isfinite(size) and size > 0 and isfinite(accuracy)):
            raise FrontError(f"({size}, {accuracy}) is no point: expected a finite (size, accuracy) with size above 0")
