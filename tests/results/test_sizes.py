"""A study looked at by another size: its front, its corner and its words, from the trials that it has."""

from __future__ import annotations

import random
import re

import pytest

from explorer.arch.size import SIZES, SizeError, parse_all
from explorer.cli.terminal import front_table, plot
from explorer.plots import front, parallel
from explorer.reporting.baseline import best_trade_offs
from explorer.reporting.commands import commands
from explorer.results.pareto import front_trials, pareto_front, reference_point
from explorer.results.record import StudyRecord
from explorer.results.selection import find
from explorer.space import SpaceError, parse
from tests.support.sample import finished_study

STUDY = finished_study(60)


@pytest.mark.parametrize("name", [*SIZES, "0.5*params/1e6 + 0.5*macs/1e8"])
def test_the_front_is_over_that_size(name: str) -> None:
    seen = STUDY.by_size(name)
    expected = [(seen.size.of(trial), trial.accuracy or 0.0) for trial in seen.finished]
    assert [trial.size for trial in seen.finished] == [size for size, _ in expected]
    assert front_trials(seen) == [seen.finished[i] for i in pareto_front(expected)]
    assert reference_point(seen) == (10 * max(trial.size for trial in seen.trials if trial.anchor), 0.0)
    drawn = front.info(seen)
    assert {marker.x for marker in drawn.markers} <= {trial.size for trial in seen.trials}
    assert front.figure(drawn).layout.xaxis.title.text == f"{seen.size.words} (log scale)"
    assert seen.size.name in plot(seen)
    assert seen.size.name in [column.header for column in front_table(seen).columns]
    assert find(seen, "smallest", 0.99) == front_trials(seen)[0]
    for one in best_trade_offs(seen):
        anchor = next(trial for trial in seen.finished if trial.anchor == "squeezenet_v1_0")
        assert one.ratio == one.trial.size / anchor.size
        assert ("parameters" in one.words()) is (name == "params")


def test_of_two_sizes_both_count() -> None:
    seen = STUDY.by_size(["params", "macs"])
    assert seen.size_name == "params, macs"
    points = [(float(trial.params), float(trial.macs), trial.accuracy or 0.0) for trial in seen.finished]
    members = front_trials(seen)
    assert members == [seen.finished[i] for i in pareto_front(points)]
    for name in ("params", "macs"):
        assert {trial.number for trial in front_trials(STUDY.by_size(name))} <= {trial.number for trial in members}
    best = find(seen, "best")
    assert best.accuracy == max(trial.accuracy or 0.0 for trial in seen.finished)
    near = [trial for trial in members if (trial.accuracy or 0.0) >= (best.accuracy or 0.0) - 0.02]
    assert find(seen, "smallest", 0.02).number in {trial.number for trial in near}
    assert find(seen, "knee") in members
    assert {"params", "macs"} <= {str(column.header) for column in front_table(seen).columns}
    for axis, size in enumerate(seen.sizes):
        drawn = front.info(seen, axis=axis)
        assert {marker.trial for marker in drawn.front} == {trial.number for trial in members}
        assert {marker.x for marker in drawn.markers} <= {trial.sizes[axis] for trial in seen.trials}
        assert f"{size.name}, log scale" in plot(seen, axis=axis)
    assert {"params", "macs"} <= {axis.name for axis in parallel.info(seen).axes}
    assert all("params" in one.words() or "parameters" in one.words() for one in best_trade_offs(seen))
    assert all(" the macs" in one.words() for one in best_trade_offs(seen))
    again = commands(seen, "study=x", {}, {})
    assert any("'size=[params,macs]'" in command for _, command in again.steps)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("params, macs, ram", "size has 3 parts, expected 2 at most, such as size=[params,macs]"),
        (["macs", "macs"], "size names 'macs' twice, expected one size, or two different ones"),
        ("[params,]", "size is '', expected params"),
    ],
)
def test_sizes_that_are_none(given: object, why: str) -> None:
    with pytest.raises(SizeError, match=re.escape(why)):
        parse_all(given)


def test_fronts_of_different_sizes_differ() -> None:
    numbers = {name: [trial.number for trial in front_trials(STUDY.by_size(name))] for name in SIZES}
    assert numbers["params"] == numbers["bytes"]
    assert numbers["params"] != numbers["macs"] != numbers["activations"]


def test_a_study_of_an_earlier_version_is_of_params() -> None:
    assert "size" not in STUDY.config
    assert STUDY.size.name == "params"
    assert STUDY.by_size("params") is STUDY
    assert STUDY.by_size("macs").facts["made_for"] == "params"
    with pytest.raises(SizeError, match="size is 'mac', expected params"):
        STUDY.by_size("mac")


def test_a_size_that_every_network_shares_is_refused() -> None:
    stem = {"family": "fire", "search": {"squeeze_ratio": {"type": "float", "low": 0.125, "high": 0.25}}}
    space = parse("stem", stem)
    networks = [space.architecture(space.sample(random.Random(i)), (1, 8, 8), 10) for i in range(5)]
    assert len({network.identity for network in networks}) > 1
    message = "space stem: size=activations: is .* for every network, so there is nothing to trade for accuracy"
    by_activations = StudyRecord("s", {"size": "activations"}, {}).sizes
    with pytest.raises(SpaceError, match=message):
        space.check((1, 8, 8), 10, sizes=by_activations)
    space.check((1, 8, 8), 10, sizes=STUDY.sizes)
