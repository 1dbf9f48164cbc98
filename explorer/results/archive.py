"""The Pareto front of points that come one after the other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import itemgetter
from typing import Generic, TypeAlias, TypeVar

Point: TypeAlias = tuple[float, float]
"""(size, accuracy)."""
T = TypeVar("T")


class ParetoArchive(Generic[T]):
    """The non-dominated points so far; see `explorer.results.pareto.pareto_front`, which takes all points at once.

    A point that is dominated costs two bisections.

    Attributes:
        points: (size, accuracy) of the members, by rising size and so by rising accuracy.
        members: what was added with each point.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.members: list[T] = []
        self._orders: list[int] = []

    def add(self, point: Point, member: T, order: int = 0) -> list[T] | None:
        """Adds a point unless another is no larger and no less accurate.

        Args:
            point: (size, accuracy).
            member: what it belongs to.
            order: of equal points the lowest stays; of equal orders the first that was added.

        Returns:
            The members that it took the place of; None if it was not added.
        """
        size, accuracy = point
        place = bisect_left(self.points, size, key=itemgetter(0))
        if place and self.points[place - 1][1] >= accuracy:
            return None
        same_size = place < len(self.points) and self.points[place][0] == size
        if same_size and (-self.points[place][1], self._orders[place]) <= (-accuracy, order):
            return None
        end = bisect_right(self.points, accuracy, lo=place, key=itemgetter(1))
        dominated = self.members[place:end]
        self.points[place:end], self.members[place:end], self._orders[place:end] = [point], [member], [order]
        return dominated
