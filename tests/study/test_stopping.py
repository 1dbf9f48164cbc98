"""Stopping with two objectives: ranks against a brute-force oracle, what is spared, what a search keeps."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from explorer.cli.config import folder
from explorer.results.archive import Point
from explorer.results.pareto import non_dominated_ranks, pareto_front, spread_order
from explorer.samplers import Proposal, Proposer
from explorer.space.domain import Domain
from explorer.space.parameter import Parameter
from explorer.study.loop import Loop
from explorer.study.stopping import RULES, Asha, NoStopping, ParetoStopping, RankStopping, StoppingError, make

SIZE, ACCURACY = st.integers(1, 12).map(float), st.integers(0, 12).map(lambda a: a / 12)
POINTS = st.lists(st.tuples(SIZE, ACCURACY), min_size=1, max_size=25)
IN_SPACE = st.lists(st.tuples(SIZE, SIZE, ACCURACY), min_size=1, max_size=25)


def dominates(one: Point, other: Point) -> bool:
    sizes = zip(one[:-1], other[:-1], strict=True)
    return all(own <= its for own, its in sizes) and one[-1] >= other[-1] and one != other


def peeled(points: Sequence[Point]) -> list[int]:
    """The oracle: takes the front away, again and again."""
    found, left, rank = [-1] * len(points), set(range(len(points))), 0
    while left:
        front = {i for i in left if not any(dominates(points[j], points[i]) for j in left)}
        for i in front:
            found[i] = rank
        left, rank = left - front, rank + 1
    return found


@given(POINTS | IN_SPACE)
def test_ranks_are_those_of_taking_fronts_away(points: list[Point]) -> None:
    assert non_dominated_ranks(points) == peeled(points)


@given(POINTS, st.randoms())
def test_ranks_belong_to_points_not_to_places(points: list[Point], random: Any) -> None:
    """A peer used indices where ranks belong: shuffling the points must shuffle the ranks with them."""
    order = list(range(len(points)))
    random.shuffle(order)
    assert non_dominated_ranks([points[i] for i in order]) == [non_dominated_ranks(points)[i] for i in order]


@given(POINTS)
def test_the_net_takes_every_point_once_and_spreads(points: list[Point]) -> None:
    order = spread_order(points)
    assert sorted(order) == list(range(len(points)))
    assert points[order[0]] == min(points)


def test_the_net_goes_to_the_far_end_then_to_the_middle() -> None:
    points = [(10.0, 0.1), (20.0, 0.2), (100.0, 0.5), (1000.0, 0.9)]
    assert spread_order(points) == [0, 3, 2, 1]


@given(POINTS, st.tuples(st.integers(1, 12).map(float), st.integers(0, 12).map(lambda a: a / 12)))
def test_better_counts_who_comes_before_by_rank(others: list[Point], own: Point) -> None:
    rule = RankStopping()
    oracle = peeled([own, *others])
    ahead = sum(rank < oracle[0] for rank in oracle[1:])
    same = sum(rank == oracle[0] for rank in oracle[1:])
    assert ahead <= rule.better(own, others) <= ahead + same


@given(POINTS, st.tuples(st.integers(1, 12).map(float), st.integers(0, 12).map(lambda a: a / 12)))
def test_who_is_dominated_by_nobody_comes_within_its_front(others: list[Point], own: Point) -> None:
    if not any(dominates(other, own) for other in others):
        front = sum(rank == 0 for rank in peeled([own, *others]))
        assert RankStopping().better(own, others) < front


def test_a_small_network_is_not_stopped_for_what_large_ones_can_do() -> None:
    others = [(1000.0 * k, 0.9 + 0.001 * k) for k in range(1, 11)]
    small = (100.0, 0.5)
    assert RankStopping().goes_on(small, others, [])
    assert not Asha().goes_on(small, others, [])
    assert not RankStopping().goes_on((20_000.0, 0.5), others, [])


COMPLETE = [(1000.0 * k, 0.5 + 0.02 * k + 0.01 * (-1) ** k, 0.7 + 0.02 * k) for k in range(1, 11)]


def test_pareto_asks_what_networks_no_larger_have_reached() -> None:
    rule = ParetoStopping()
    assert rule.goes_on((500.0, 0.1), [], COMPLETE)  # nothing is as small
    assert rule.goes_on((1000.0, 0.52), [], COMPLETE)
    assert not rule.goes_on((1000.0, 0.42), [], COMPLETE)
    assert not rule.goes_on((10_000.0, 0.52), [], COMPLETE)  # good for a small one
    assert rule.goes_on((10_000.0, 0.70), [], COMPLETE)
    assert rule.goes_on((10_000.0, 0.52), [], COMPLETE[:7])  # too few to say


@given(st.floats(0, 1), st.floats(0, 1), st.floats(500, 20_000), st.floats(500, 20_000))
def test_pareto_stops_no_network_that_is_better_than_one_that_goes_on(a: float, b: float, s: float, t: float) -> None:
    """No larger and no less accurate at the rung: if the worse one goes on, so does the better one."""
    better, worse = (min(s, t), max(a, b)), (max(s, t), min(a, b))
    rule = ParetoStopping()
    assert rule.goes_on(better, [], COMPLETE) or not rule.goes_on(worse, [], COMPLETE)


def test_the_noisier_the_rung_the_more_goes_on() -> None:
    noisy = [(size, at + 0.1 * (-1) ** k, final) for k, (size, at, final) in enumerate(COMPLETE)]
    accuracies = [0.3 + 0.001 * k for k in range(400)]
    rule = ParetoStopping()

    def kept(complete: list[tuple[float, float, float]]) -> int:
        return sum(rule.goes_on((10_000.0, accuracy), [], complete) for accuracy in accuracies)

    assert kept(noisy) > kept(COMPLETE)
    # The best of a hundred was luckier than the best of ten, and such luck is granted.
    assert kept(COMPLETE * 10) > kept(COMPLETE)


@pytest.mark.slow
@given(st.lists(st.tuples(*[st.integers(1, 40).map(lambda a: a / 40)] * 2), min_size=8, max_size=30), st.data())
def test_pareto_against_a_fitted_line(curves: list[tuple[float, float]], data: st.DataObject) -> None:
    """numpy's least squares, and the luck of the best of n, where the line is as steep as it may be."""
    rows = np.array([(1000.0 * k, *curve) for k, curve in enumerate(curves, start=1)])
    kept = rows[np.sort(rows[:, 1])[len(rows) // 4] <= rows[:, 1]]
    assume(np.ptp(kept[:, 1]) > 0)
    line = np.polynomial.Polynomial.fit(kept[:, 1], kept[:, 2], 1)
    assume(0 <= line.convert().coef[-1] <= 1)
    around = np.sqrt(((kept[:, 2] - line(kept[:, 1])) ** 2).sum() / max(len(kept) - 2, 1))
    size = 1000.0 * data.draw(st.integers(1, len(rows))) + 1
    accuracy = data.draw(st.floats(0, 1))
    hope = line(accuracy) + around * np.sqrt(2 * np.log(len(rows))) - max(rows[rows[:, 0] <= size, 2])
    assume(abs(hope) > 1e-9)
    assert ParetoStopping().goes_on((size, accuracy), [], rows) == (hope > 0)


@pytest.mark.parametrize(
    ("rule", "epochs", "rungs"),
    [
        (ParetoStopping(), 16, [2, 4, 8, 16]),
        (ParetoStopping(rung=1, eta=3), 27, [1, 3, 9, 27]),
        (ParetoStopping(), 1, [1]),
        (NoStopping(rung=10), 16, [10, 16]),
    ],
)
def test_rungs(rule: Any, epochs: int, rungs: list[int]) -> None:
    epoch, seen = 0, []
    while epoch < epochs:
        epoch = rule.next_rung(epoch, epochs)
        seen.append(epoch)
    assert seen == rungs


def loop(rule: Any = None, lag: int | None = None, epochs: int = 8) -> Loop:
    domain = Domain((Parameter("x", "int", 1, 1000, 1),))
    return Loop(Proposer(domain, {"name": "random"}, 0, lag), rule or RankStopping(rung=2, few=1), epochs)


def test_a_network_smaller_in_one_of_two_sizes_is_no_rival() -> None:
    rows = [(10.0, 500.0, 0.6 + 0.01 * n, 0.8 + 0.01 * n) for n in range(10)]
    for rule in (ParetoStopping(), RankStopping(few=1)):
        others = [(first, second, reached) for first, second, reached, _ in rows]
        assert rule.goes_on((20.0, 100.0, 0.1), others, rows)
        assert not rule.goes_on((20.0, 600.0, 0.1), others, rows)
    assert not Asha(few=1).goes_on((20.0, 100.0, 0.1), [row[:3] for row in rows], rows)


def test_what_is_spared_is_never_stopped() -> None:
    own = loop()
    own.add(0, None, (10.0,), (), spared=True)
    own.add(1, Proposal({"x": 1}, uniform=True), (20.0,), ())
    own.add(2, Proposal({"x": 2}), (30.0,), ())
    for number in range(3, 9):
        own.add(number, Proposal({"x": number}), (1.0,), (0.9, 0.9))
    assert own.settle(0, (10.0,), (0.1, 0.1)) == "RUNNING"
    assert own.settle(1, (20.0,), (0.1, 0.1)) == "RUNNING"
    assert own.settle(2, (30.0,), (0.1, 0.1)) == "PRUNED"
    assert own.settle(1, (20.0,), (0.1,) * 8) == "COMPLETE"


def test_with_a_lag_only_what_ended_long_before_has_a_say() -> None:
    own = loop(lag=2)
    own.add(0, Proposal({"x": 1}), (1.0,), (0.9, 0.9))
    own.add(1, Proposal({"x": 2}), (1.0,), (0.9, 0.9))
    own.add(2, Proposal({"x": 3}), (9.0,), ())
    # Trial 1 does not count for trial 2, however early it is known: 0 alone does.
    assert own.settle(2, (9.0,), (0.1, 0.1)) == loop_without(1)


def loop_without(number: int) -> str:
    own = loop()
    for other, size in ((0, 1.0), (1, 1.0)):
        if other != number:
            own.add(other, Proposal({"x": other}), (size,), (0.9, 0.9))
    own.add(2, Proposal({"x": 3}), (9.0,), ())
    return own.settle(2, (9.0,), (0.1, 0.1))


def test_every_rule_has_a_config_file_and_the_other_way_round() -> None:
    assert {path.stem for path in (folder("conf") / "stopping").glob("*.yaml")} == set(RULES)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "pareto!"}, r"stopping.name is 'pareto!', expected one of none, pareto, rank, asha"),
        ({"name": "pareto", "eta": 1}, "stopping.eta is 1, expected a whole number of at least 2"),
        ({"name": "none", "rung": 0}, "stopping.rung is 0, expected a whole number of at least 1"),
        ({"name": "none", "rung": None}, "stopping.rung is None, expected"),
        ({"name": "rank", "keep": -1}, "stopping.keep is -1, expected a number of at least 0"),
        ({"name": "pareto", "slack": "much"}, "stopping.slack is 'much', expected a number of at least 0"),
        ({"name": "pareto", "grace": 3}, "stopping pareto: .*grace"),
    ],
)
def test_a_bad_rule_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(StoppingError, match=message):
        make(config)


def test_front_members_are_kept_and_epochs_are_saved() -> None:
    """Three hundred networks whose order at the rungs is nearly that at the end: most of the front stays."""
    from random import Random

    rng = Random(1)
    own = loop(ParetoStopping(), epochs=16)
    points, complete, spent = [], [], 0
    for number in range(300):
        size = 10 ** rng.uniform(3, 6)
        final = 0.5 + 0.08 * (size**0.1 - 1) - abs(rng.gauss(0, 0.1))
        points.append((size, final))
        own.add(number, Proposal({"x": number}), (size,), ())
        curve: list[float] = []
        state = "RUNNING"
        while state == "RUNNING":
            rung = own.next_rung(len(curve))
            curve += [final - 0.3 / epoch + rng.gauss(0, 0.01) for epoch in range(len(curve) + 1, rung)] + [
                final - (0.3 / rung if rung < 16 else 0) + rng.gauss(0, 0.01) * (rung < 16)
            ]
            state = own.settle(number, (size,), curve)
        spent += len(curve)
        if state == "COMPLETE":
            complete.append(number)
    front = set(pareto_front(points))
    assert len(front & set(complete)) >= 0.7 * len(front)
    assert spent < 0.5 * 16 * 300
