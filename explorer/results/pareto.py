"""The accuracy-versus-size front of a study: its members, its hypervolume, its knee.

A point is (size, accuracy): size in parameters (or any positive cost) to be minimised, accuracy to be maximised; or
(size, size, accuracy), where two sizes are. Size counts on a logarithmic axis wherever distances, areas or volumes are
taken, so that halving a network is worth the same at every size.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import dist, inf, isfinite, log10
from operator import lt, truediv

from explorer.results.archive import PLANE, ParetoArchive, Point, covers
from explorer.results.record import StudyRecord, TrialRecord


class FrontError(ValueError):
    """Points that no front can be taken of."""


def pareto_front(points: Sequence[Point]) -> list[int]:
    """Indices of the non-dominated points, by rising size (and so, of one size, by rising accuracy).

    A point is dominated if another is no larger and no less accurate, and better in one of them. Of equal points the
    first stays.

    Raises:
        FrontError: if a point is not finite or its size not positive.
    """
    _check(points)
    archive = ParetoArchive[int]()
    for index in sorted(range(len(points)), key=lambda i: (points[i][:-1], -points[i][-1], i)):
        archive.add(points[index], index, index)
    return archive.members


def non_dominated_ranks(points: Sequence[Point]) -> list[int]:
    """Non-dominated rank of each point: 0 on the front, 1 on the front of what is left without it, and so on.

    Equal points have the same rank.

    Raises:
        FrontError: if a point is not finite or its size not positive.
    """
    _check(points)
    ranks: dict[Point, int] = {}
    highest: list[list[Point]] = []  # of each rank so far the points; of one size the most accurate is enough
    for point in sorted(set(points), key=lambda point: (point[:-1], -point[-1])):
        # As many ranks as hold one no larger and no less accurate; those that do come first.
        rank = bisect_left(highest, True, key=lambda rank: not any(covers(other, point) for other in rank))
        if rank == len(highest):
            highest.append([])
        elif len(point) == PLANE:
            highest[rank].clear()
        highest[rank].append(point)
        ranks[point] = rank
    return [ranks[point] for point in points]


def spread_order(points: Sequence[Point]) -> list[int]:
    """Indices of the points so that any number of the first ones cover the whole: an epsilon-net (Salinas 2021).

    The smallest comes first; then, each time, the one farthest from those before it, with log10 of each size and
    accuracy scaled to the span of the points.

    Raises:
        FrontError: if a point is not finite or its size not positive.
    """
    _check(points)
    if not points:
        return []
    places = [_in_decades(point) for point in points]
    spans = [max(axis) - min(axis) or 1.0 for axis in zip(*places, strict=True)]
    scaled = [tuple(map(truediv, place, spans)) for place in places]
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
    """Area between the front and the reference corner, in decades of size times accuracy; of two sizes the volume.

    Exact: the sum of the front's steps, from log10(size) of one member to that of the next, and of the last to the
    reference. One network ten times smaller than the reference and 0.9 more accurate covers 0.9.

    Args:
        points: (size, accuracy) pairs, or (size, size, accuracy).
        reference: the worst corner; points not strictly better in each contribute nothing.

    Raises:
        FrontError: if a point or the reference is not finite or its size not positive.
    """
    _check([reference])
    front = [points[index] for index in pareto_front(points)]
    *largest, least = reference
    inside = [point for point in front if all(map(lt, point[:-1], largest)) and point[-1] > least]
    if len(reference) > PLANE:
        return _volume(inside, reference)
    edges = [log10(size) for size, _ in inside] + [log10(reference[0])]
    widths = (right - left for left, right in pairwise(edges))
    return sum(width * (accuracy - reference[1]) for width, (_, accuracy) in zip(widths, inside, strict=True))


def _volume(points: Sequence[Point], reference: Point) -> float:
    if not points:
        return 0.0
    from moocore import hypervolume

    losses = [[*decades, -accuracy] for *decades, accuracy in map(_in_decades, points)]
    *corner, accuracy = _in_decades(reference)
    return float(hypervolume(losses, ref=[*corner, -accuracy]))


def knee(points: Sequence[Point]) -> int:
    """Index of the front's knee: the member farthest above the straight line between the front's two ends.

    The axes, log10(size) and accuracy, are scaled so that the front spans 0 to 1, which makes the line the diagonal. Of
    two sizes the mean of both counts. Ties, and fronts that bend only downwards, go to the smallest network.

    Raises:
        FrontError: if there is no point, or a point is not finite or its size not positive.
    """
    front = pareto_front(points)
    if not front:
        raise FrontError("no points, so no knee")
    members = [_in_decades(points[index]) for index in front]
    low, high = (tuple(map(end, zip(*members, strict=True))) for end in (min, max))
    if high[-1] <= low[-1]:
        return front[0]

    def height(place: int) -> float:
        *sizes, accuracy = (
            (value - least) / (most - least) if most > least else 0.0
            for value, least, most in zip(members[place], low, high, strict=True)
        )
        return accuracy - sum(sizes) / len(sizes)

    return front[max(range(len(front)), key=height)]


def point(trial: TrialRecord) -> Point:
    """(size, metric) of a trial that has an accuracy; (size, size, metric) where a study has two sizes."""
    if trial.accuracy is None:
        raise FrontError(f"trial {trial.number} has no accuracy: it is {trial.state}")
    return *trial.sizes, trial.accuracy


def front_trials(record: StudyRecord) -> list[TrialRecord]:
    """The finished trials on the front, by rising size. Trials stopped early or beyond the limits are on no front."""
    allowed = record.allowed
    return [allowed[index] for index in pareto_front([point(trial) for trial in allowed])]


def most_accurate(front: Iterable[TrialRecord]) -> TrialRecord:
    """The member of a front with the highest metric; of equals the smallest, by the first size."""
    return max(front, key=lambda trial: (trial.accuracy or 0.0, *(-size for size in trial.sizes)))


def reference_point(record: StudyRecord) -> Point:
    """The corner from which a study's hypervolume is measured: accuracy 0, ten times the size of the largest anchor.

    Without an anchor the largest trial stands in for it. Anchors are a study's first trials, so the corner is set
    before the search proper starts and stays there.

    Raises:
        FrontError: if the study has no trial.
    """
    anchors = [trial.sizes for trial in record.trials if trial.anchor is not None]
    sizes = anchors or [trial.sizes for trial in record.trials]
    if not sizes:
        raise FrontError(f"study {record.name!r} has no trial, so no reference point")
    return *(10.0 * max(each) for each in zip(*sizes, strict=True)), 0.0


def study_hypervolume(record: StudyRecord) -> float:
    """Hypervolume of the finished trials from `reference_point`; 0 while none has finished."""
    points = [point(trial) for trial in record.allowed]
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
    for *sizes, accuracy in points:
        if not (all(0 < size < inf for size in sizes) and isfinite(accuracy)):
            point = f"({', '.join(map(str, sizes))}, {accuracy})"
            raise FrontError(f"{point} is no point: expected a finite (size, accuracy) with size above 0")


def _in_decades(point: Point) -> Point:
    return *map(log10, point[:-1]), point[-1]
