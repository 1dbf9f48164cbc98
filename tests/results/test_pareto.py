"""The front's geometry against brute force and against moocore."""

from __future__ import annotations

from itertools import pairwise
from math import log10

import moocore
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from explorer.results import pareto
from explorer.results.archive import Point
from tests.support.sample import study, trial

# Few distinct values, so that ties and duplicates are common; and any values.
SIZE, ACCURACY = st.integers(1, 6).map(float), st.integers(0, 4).map(lambda n: n / 4)
COARSE = st.tuples(SIZE, ACCURACY)
FINE = st.tuples(st.floats(1, 1e7), st.floats(0, 1))
POINTS = st.lists(COARSE, max_size=12) | st.lists(FINE, max_size=30)
IN_SPACE = st.lists(st.tuples(SIZE, SIZE, ACCURACY), max_size=12) | st.lists(
    st.tuples(st.floats(1, 1e7), st.floats(1, 1e9), st.floats(0, 1)), max_size=30
)
REFERENCES = st.tuples(st.floats(2, 1e8), st.floats(-0.5, 0.9))


def dominates(one: Point, other: Point) -> bool:
    sizes = zip(one[:-1], other[:-1], strict=True)
    return one != other and all(own <= its for own, its in sizes) and one[-1] >= other[-1]


@given(POINTS | IN_SPACE)
def test_front_is_what_nothing_dominates(points: list[Point]) -> None:
    expected = [
        i
        for i, point in enumerate(points)
        if not any(dominates(other, point) for other in points) and point not in points[:i]
    ]
    assert pareto.pareto_front(points) == sorted(expected, key=lambda i: points[i])


@given(POINTS, REFERENCES)
def test_hypervolume_is_the_area_of_the_union_of_boxes(points: list[Point], reference: Point) -> None:
    """Oracle: cut the plane at every coordinate and add up the cells that some point covers."""
    sizes = sorted({log10(size) for size, _ in points if size < reference[0]} | {log10(reference[0])})
    levels = sorted({accuracy for _, accuracy in points if accuracy > reference[1]} | {reference[1]})
    area = 0.0
    for left, right in pairwise(sizes):
        for low, high in pairwise(levels):
            if any(log10(size) <= left and accuracy >= high for size, accuracy in points):
                area += (right - left) * (high - low)
    assert pareto.hypervolume(points, reference) == pytest.approx(area, abs=1e-9)


@given(POINTS.filter(bool), REFERENCES)
def test_hypervolume_is_moocores(points: list[Point], reference: Point) -> None:
    losses = np.array([(log10(size), -accuracy) for size, accuracy in points])
    expected = moocore.hypervolume(losses, ref=(log10(reference[0]), -reference[1]))
    assert pareto.hypervolume(points, reference) == pytest.approx(float(expected), abs=1e-9)


@given(IN_SPACE, st.tuples(st.floats(2, 1e8), st.floats(2, 1e8), st.floats(-0.5, 0.9)))
def test_of_two_sizes_it_is_the_volume_of_the_union_of_boxes(points: list[Point], corner: Point) -> None:
    inside = [each for each in points if each[0] < corner[0] and each[1] < corner[1] and each[2] > corner[2]]
    cuts = [sorted({log10(each[axis]) for each in inside} | {log10(corner[axis])}) for axis in (0, 1)]
    volume = 0.0
    for left, right in pairwise(cuts[0]):
        for near, far in pairwise(cuts[1]):
            within = [each[2] for each in inside if log10(each[0]) <= left and log10(each[1]) <= near]
            volume += (right - left) * (far - near) * (max(within, default=corner[2]) - corner[2])
    assert pareto.hypervolume(points, corner) == pytest.approx(volume, abs=1e-9)
    assert pareto.GrowingHypervolume(corner).volume == 0
    history = list(pareto.hypervolume_history(points, corner))
    assert history[-1:] == pytest.approx([volume] * bool(points), abs=1e-9)


@given(st.lists(FINE, min_size=1, max_size=20))
def test_the_same_size_twice_is_that_size(points: list[Point]) -> None:
    twice = [(size, size, accuracy) for size, accuracy in points]
    assert pareto.pareto_front(twice) == pareto.pareto_front(points)
    assert pareto.knee(twice) == pareto.knee(points)
    assert pareto.non_dominated_ranks(twice) == pareto.non_dominated_ranks(points)


def test_hypervolume_in_decades() -> None:
    assert pareto.hypervolume([(100.0, 0.9)], (1000.0, 0.0)) == pytest.approx(0.9)
    assert pareto.hypervolume([(100.0, 0.9), (10.0, 0.5)], (1000.0, 0.0)) == pytest.approx(0.9 + 0.5)


@pytest.mark.parametrize("outside", [(1000.0, 0.9), (5000.0, 1.0), (10.0, 0.2), (10.0, 0.1)])
def test_points_outside_the_reference_contribute_nothing(outside: Point) -> None:
    assert pareto.hypervolume([outside], (1000.0, 0.2)) == 0
    inside = (100.0, 0.5)
    assert pareto.hypervolume([inside, outside], (1000.0, 0.2)) == pareto.hypervolume([inside], (1000.0, 0.2))


@given(POINTS, REFERENCES)
@example([(10.0, 0.5), (10.0, 0.7), (10.0, 0.6), (5.0, 0.7)], (100.0, 0.0))
def test_history_is_the_hypervolume_of_every_prefix(points: list[Point], reference: Point) -> None:
    history = list(pareto.hypervolume_history(points, reference))
    assert history == pytest.approx([pareto.hypervolume(points[: n + 1], reference) for n in range(len(points))])
    assert history == sorted(history)


@given(POINTS.filter(bool))
def test_knee_is_the_front_member_farthest_above_the_chord(points: list[Point]) -> None:
    """Oracle: the signed area of the triangle that a member makes with the two ends, in scaled coordinates."""
    members = pareto.pareto_front(points)
    chosen = pareto.knee(points)
    assert chosen in members
    (x0, y0), (x1, y1) = ((log10(points[i][0]), points[i][1]) for i in (members[0], members[-1]))
    if x1 > x0 and y1 > y0:

        def area(index: int) -> float:
            x, y = (log10(points[index][0]) - x0) / (x1 - x0), (points[index][1] - y0) / (y1 - y0)
            return float(np.linalg.det([[1, 1], [x, y]]))

        assert area(chosen) >= max(map(area, members)) - 1e-9


def test_knee_of_a_front_that_bends_once() -> None:
    points = [(1_000_000.0, 0.98), (10_000.0, 0.40), (50_000.0, 0.96), (200_000.0, 0.97), (60_000.0, 0.5)]
    assert pareto.knee(points) == 2
    assert pareto.knee([(10.0, 0.5)]) == 0
    with pytest.raises(pareto.FrontError, match="no knee"):
        pareto.knee([])


@pytest.mark.parametrize("bad", [(0.0, 0.5), (-3.0, 0.5), (float("inf"), 0.5), (10.0, float("nan"))])
def test_what_is_no_point_is_refused(bad: Point) -> None:
    with pytest.raises(pareto.FrontError, match="is no point"):
        pareto.pareto_front([(10.0, 0.5), bad])


def test_reference_is_ten_times_the_largest_anchor_or_trial() -> None:
    anchored = study([trial(0, anchor="squeezenet_v1_0"), trial(1), trial(2, anchor="squeezenet_v1_1")])
    sizes = [t.params for t in anchored.trials]
    assert pareto.reference_point(anchored) == (10.0 * max(sizes[0], sizes[2]), 0.0)
    free = study([trial(1), trial(2)])
    assert pareto.reference_point(free) == (10.0 * max(t.params for t in free.trials), 0.0)
    with pytest.raises(pareto.FrontError, match="no trial"):
        pareto.reference_point(study([]))


def test_only_finished_trials_are_on_the_front() -> None:
    record = study([trial(0, accuracy=0.9), trial(1, accuracy=0.99, state="PRUNED"), trial(2, state="RUNNING")])
    assert [t.number for t in pareto.front_trials(record)] == [0]
    decades = log10(pareto.reference_point(record)[0] / record.trials[0].params)
    assert pareto.study_hypervolume(record) == pytest.approx(0.9 * decades)
    with pytest.raises(pareto.FrontError, match="trial 2 has no accuracy: it is RUNNING"):
        pareto.point(record.trials[2])
