"""The Pareto front of points that come one after the other."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import itemgetter, le
from typing import Generic, TypeAlias, TypeVar

Point: TypeAlias = tuple[float, ...]
"""(size, accuracy), or (size, size, accuracy)."""
PLANE = 2
"""Numbers of a point where there is one size."""
T = TypeVar("T")


def covers(one: Point, other: Point) -> bool:
    """Whether a point is no larger and no less accurate than another."""
    return one[-1] >= other[-1] and all(map(le, one[:-1], other[:-1]))


class ParetoArchive(Generic[T]):
    """The non-dominated points so far; see `explorer.results.pareto.pareto_front`, which takes all points at once.

    Where there is one size, a point that is dominated costs two bisections; where there are two, a look at each member.

    Attributes:
        points: of the members, by rising size.
        members: what was added with each point.
    """

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.members: list[T] = []
        self._orders: list[int] = []

    def add(self, point: Point, member: T, order: int = 0) -> list[T] | None:
        """Adds a point unless another is no larger and no less accurate.

        Args:
            point: of as many sizes as the others.
            member: what it belongs to.
            order: of equal points the lowest stays; of equal orders the first that was added.

        Returns:
            The members that it took the place of; None if it was not added.
        """
        if len(point) > PLANE:
            return self._add_in_space(point, member, order)
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

    def _add_in_space(self, point: Point, member: T, order: int) -> list[T] | None:
        dominated = []
        for place, other in enumerate(self.points):
            if covers(other, point) and (other != point or self._orders[place] <= order):
                return None
            if covers(point, other):
                dominated.append(place)
        left = [self.members.pop(place) for place in reversed(dominated)]
        for place in reversed(dominated):
            del self.points[place], self._orders[place]
        place = bisect_left(self.points, point)
        self.points.insert(place, point)
        self.members.insert(place, member)
        self._orders.insert(place, order)
        return left[::-1]
