"""A study looked at by another size: its front, its corner and its words, from the trials that it has."""

from __future__ import annotations

import random

import pytest

from explorer.arch.size import SIZES, SizeError
from explorer.cli.terminal import front_table, plot
from explorer.plots import front
from explorer.reporting.baseline import best_trade_offs
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
    by_activations = StudyRecord("s", {"size": "activations"}, {}).size
    with pytest.raises(SpaceError, match=message):
        space.check((1, 8, 8), 10, size=by_activations)
    space.check((1, 8, 8), 10, size=STUDY.size)
