"""What counts at equal size and what a front has in common: planted, and found; not planted, and not found."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.analysis import equal_size, traits
from explorer.analysis.distribution import uniform_sample
from explorer.analysis.importance import importances
from explorer.arch import cost
from explorer.plots import traits as traits_plot
from explorer.results.record import StudyRecord
from explorer.space import parse
from tests.support.sample import finished_study, study, trial
from tests.support.survey_sample import planted, space_of, uniform

SIZES = st.lists(st.integers(500, 2_000_000), min_size=1, max_size=60)


def test_what_is_usual_leaves_the_network_itself_out() -> None:
    rng = np.random.default_rng(0)
    sizes = [float(size) for size in 10 ** rng.uniform(3, 6, 60)]
    accuracies = [0.5 + 0.08 * np.log10(size) for size in sizes]
    assert np.abs(equal_size.relative(sizes, accuracies).gains).max() < 0.02
    lucky = [*accuracies]
    lucky[10] += 0.3
    found = equal_size.relative(sizes, lucky)
    assert found.gains[10] == pytest.approx(equal_size.relative(sizes, accuracies).gains[10] + 0.3)
    assert found.scores[10] == 1


@pytest.mark.slow
@given(SIZES.filter(lambda sizes: len(sizes) >= 3), st.randoms(use_true_random=False))
def test_gains_and_scores_are_bounded(sizes: list[int], rng: Random) -> None:
    found = equal_size.relative([float(size) for size in sizes], [rng.random() for _ in sizes])
    assert (np.abs(found.gains) <= 1).all()
    assert ((found.scores >= 0) & (found.scores <= 1)).all()


def test_effects_are_means_of_what_the_values_gain() -> None:
    gains = np.array([0.1, 0.3, -0.2, -0.4])
    two = equal_size.effects(["b", "b", "a", "a"], gains)
    assert [(one.values, one.networks) for one in two] == [("a", 2), ("b", 2)]
    assert [one.gain for one in two] == pytest.approx([-0.3, 0.2])
    assert two[0].error == pytest.approx(0.1)
    many = equal_size.effects([i / 7 for i in range(100)], np.zeros(100))
    assert len(many) == equal_size.MANY
    assert sum(one.networks for one in many) == 100
    (only,) = equal_size.effects([3, 3, None, None], gains)  # against those that have it, not those without
    assert (only.networks, only.gain) == (2, pytest.approx(0))


def ranked(record: StudyRecord) -> equal_size.Importances:
    space = space_of(record)
    return importances(record, space, uniform_sample(record, space))


@pytest.mark.slow
def test_what_counts_at_equal_size_is_found() -> None:
    found = ranked(planted(200, lambda point: 0.05 if 0.3 < point["pct_3x3"] < 0.6 else 0.0))
    assert found.uniform
    assert found.ranked[0].name == "pct_3x3"
    assert found.ranked[0].share > 0.8
    assert [one.name for one in found.ranked if one.significant] == ["pct_3x3"]
    assert sum(one.share for one in found.ranked) == pytest.approx(1)
    best = max(found.ranked[0].effects, key=lambda effect: effect.gain)
    assert 0.25 < float(best.values.split()[0]) < 0.6


@pytest.mark.slow
def test_what_only_makes_networks_larger_does_not_count() -> None:
    found = ranked(planted(200, lambda point: 0.0))
    assert sum(one.significant for one in found.ranked) <= 1  # each is by chance in one study of twenty
    sizes = next(one for one in found.ranked if one.name == "base_e").effects
    assert max(abs(effect.gain) for effect in sizes) < 0.01


@pytest.mark.slow
def test_too_few_networks_are_not_ranked() -> None:
    few = ranked(planted(12, lambda point: 0.0))
    assert (few.ranked, few.networks, few.uniform) == ((), 12, False)
    record = planted(40, lambda point: 0.0)
    assert not ranked(record).uniform
    assert ranked(record).networks == 40


CONDITIONAL = {
    "family": "fire",
    "search": {
        "bypass": {"type": "categorical", "choices": ["none", "simple"]},
        "pct_3x3": {"type": "float", "low": 0.25, "high": 0.75, "step": 0.25, "when": {"bypass": ["simple"]}},
        "stem": {"type": "int", "low": 16, "high": 96, "step": 16},
    },
}


def test_a_metaparameter_that_exists_under_a_condition() -> None:
    rng = Random(3)
    space = parse("conditional", CONDITIONAL)
    trials = []
    for number in range(120):
        point = space.sample(rng)
        accuracy = 0.8 + rng.gauss(0, 0.002) + 0.05 * (point.get("pct_3x3") == 0.75)
        trials.append(replace(trial(number, accuracy=accuracy), metaparameters=point, params=rng.randint(10**3, 10**5)))
    record = study(uniform(trials))
    record = replace(record, config=record.config | {"space": CONDITIONAL})
    found = ranked(record)
    assert {one.name for one in found.ranked if one.significant} == {"pct_3x3", "bypass"}
    effects = next(one for one in found.ranked if one.name == "pct_3x3").effects
    assert sum(effect.networks for effect in effects) == sum("pct_3x3" in one.metaparameters for one in trials)
    best = sorted(trials, key=lambda one: one.accuracy or 0)[-8:]
    common = {one.name: one for one in traits.traits(space, best, traits.draws(space, (1, 8, 8), 10, 300))}
    assert common["pct_3x3"].words == "is 0.75"
    assert common["pct_3x3"].share == pytest.approx(1 / 3, abs=0.1)  # of the draws that have it
    assert common["pct_3x3"].significant


@pytest.mark.slow
@given(st.lists(st.integers(0, 9), min_size=3, max_size=12), st.lists(st.integers(1, 20), min_size=10, max_size=10))
def test_the_narrowest_range_is_that_of_brute_force(members: list[int], counts: list[int]) -> None:
    weight = np.array(counts) / sum(counts)
    least = int(np.ceil(traits.MOST * len(members)))
    share, chosen = traits._narrowest_range(np.sort(members), weight, least)
    ranges = [(low, high) for low in range(10) for high in range(low, 10)]
    enough = [own for own in ranges if sum(own[0] <= each <= own[1] for each in members) >= least]
    assert share == pytest.approx(min(weight[low : high + 1].sum() for low, high in enough))
    assert sum(each in chosen for each in members) >= least
    assert share == pytest.approx(weight[chosen].sum())
    _, subset = traits._narrowest_set(np.sort(members), weight, least)
    assert sum(each in subset for each in members) >= least
    assert all(sum(each in subset and each != gone for each in members) < least for gone in subset)


def test_what_a_front_has_in_common() -> None:
    record = finished_study(0)
    space = space_of(record)
    points = traits.draws(space, (1, 8, 8), 10)
    rng = Random(5)
    front = []
    for number in range(8):
        ratio = {"squeeze_ratio": 0.9 if number == 7 else rng.uniform(0.125, 0.25)}
        front.append(replace(trial(number), metaparameters=space.complete(ratio, rng)))
    first, *others = traits.traits(space, front, points)
    assert first.name == "squeeze_ratio"
    assert (first.members, first.of) == (7, 8)
    assert first.significant
    assert first.share < 0.25  # the range has a quarter of the draws, log-uniform over 0.05 to 1
    assert first.text.startswith("on the front squeeze_ratio lies in 0.1")
    assert not any(one.significant for one in others)
    assert traits.traits(space, front[:2], points) == ()
    assert sum(traits_plot.info(first).front) == pytest.approx(1)


@pytest.mark.slow
def test_uniform_draws_have_nothing_in_common_but_by_chance() -> None:
    space = space_of(finished_study(0))
    points = traits.draws(space, (1, 8, 8), 10, 400)
    rng = Random(11)
    told = 0
    for _ in range(20):
        front = [replace(trial(number), metaparameters=space.sample(rng)) for number in range(8)]
        told += any(one.significant for one in traits.traits(space, front, points))
    assert told <= 3  # one in twenty


def test_draws_keep_to_the_limits() -> None:
    space = replace(space_of(finished_study(0)), limits={"params": 30_000})
    points = traits.draws(space, (1, 8, 8), 10, 50)
    assert len(points) == 50
    assert all(cost(space.architecture(point, (1, 8, 8), 10)).params <= 30_000 for point in points)
    assert traits.draws(replace(space, limits={"params": 10}), (1, 8, 8), 10, 2) == []


def test_a_bar_of_several_values_names_its_first_and_its_last() -> None:
    """16 to 32 and 48, not 16 to 40 and 40 to 64: steps have nothing between them, and no value is in two bars."""
    drawn = tuple(range(0, 129, 16)) * 3
    trait = traits.Trait("incr_e", "lies in 0 to 16", 3, 3, 0.2, 0.0, True, (0, 0, 128), drawn)
    bars = traits_plot.info(trait)
    assert bars.values == ("0", "16", "32", "48", "64", "80", "96", "112 to 128")
    assert bars.front == pytest.approx((2 / 3, *[0] * 6, 1 / 3))
    assert bars.space == pytest.approx((*[1 / 9] * 7, 2 / 9))
    many = tuple(number / 999 for number in range(1000))
    assert traits_plot.info(replace(trait, on_front=many[:3], drawn=many)).values[1] == "0.125 to 0.249"
