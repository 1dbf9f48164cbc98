"""The archive holds the front of what it was given so far."""

from hypothesis import given
from hypothesis import strategies as st

from explorer.results.archive import ParetoArchive, Point
from explorer.results.pareto import pareto_front

# Few values, so that points are equal or share a size or an accuracy.
SIZES, ACCURACIES = st.integers(1, 6).map(float), st.integers(0, 5).map(float)
POINTS = st.one_of(st.lists(st.tuples(*[SIZES] * count, ACCURACIES), max_size=30) for count in (1, 2))


@given(POINTS)
def test_after_each_point_it_holds_the_front(points: list[Point]) -> None:
    archive, before = ParetoArchive[int](), set[int]()
    for number, point in enumerate(points):
        dominated = archive.add(point, number)
        front = pareto_front(points[: number + 1])
        assert archive.members == front
        assert archive.points == [points[index] for index in front]
        assert (dominated is None) == (number not in front)
        assert set(dominated or ()) == before - set(front)
        before = set(front)


@given(POINTS, st.randoms(use_true_random=False))
def test_with_numbers_as_order_the_order_of_arrival_does_not_count(points: list[Point], rng: object) -> None:
    archive = ParetoArchive[int]()
    numbers = list(range(len(points)))
    rng.shuffle(numbers)  # type: ignore[attr-defined]
    for number in numbers:
        archive.add(points[number], number, number)
    assert archive.members == pareto_front(points)
