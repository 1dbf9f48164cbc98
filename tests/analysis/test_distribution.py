"""How errors are spread: against counting, against known distributions, and as often right as it says."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.analysis import distribution
from explorer.results.record import StudyRecord
from tests.support.sample import study, trial
from tests.support.survey_sample import space_of, uniform

ERRORS = st.lists(st.integers(0, 360).map(lambda wrong: wrong / 360), min_size=1, max_size=40)
SIZES = st.lists(st.integers(500, 2_000_000), min_size=1, max_size=60)


@pytest.mark.slow
@given(ERRORS)
def test_the_edf_is_the_share_of_networks_with_at_most_an_error(errors: list[float]) -> None:
    found = distribution.edf(np.array(errors))
    for level, share in zip(found.errors, found.shares, strict=True):
        assert share == pytest.approx(sum(error <= level for error in errors) / len(errors))
    assert found.mean == pytest.approx(np.mean(errors))


@pytest.mark.slow
@given(ERRORS, st.data())
def test_an_edf_rises_to_1_within_its_band(errors: list[float], data: st.DataObject) -> None:
    bins = st.lists(st.integers(-1, 3), min_size=len(errors), max_size=len(errors)).filter(lambda own: max(own) >= 0)
    found = distribution.edf(np.array(errors), np.array(data.draw(bins)))
    assert list(found.errors) == sorted(set(found.errors))
    assert (np.diff(found.shares) >= 0).all()
    assert found.shares[-1] == pytest.approx(1)
    assert (found.low <= found.shares).all()
    assert (found.shares <= found.high + 1e-12).all()
    assert (np.diff(found.low) >= -1e-9).all()
    assert (np.diff(found.high) >= -1e-9).all()
    assert found.mean_low <= found.mean <= found.mean_high


def test_the_band_narrows_with_the_root_of_the_sample() -> None:
    rng = np.random.default_rng(0)
    small, large = (distribution.edf(rng.uniform(size=count)) for count in (50, 5_000))
    assert (small.mean_high - small.mean_low) / (large.mean_high - large.mean_low) == pytest.approx(10, rel=0.3)
    # 1.96 standard errors of a uniform's mean
    assert large.mean_high - large.mean_low == pytest.approx(2 * 1.96 / np.sqrt(12 * 5_000), rel=0.1)


@given(SIZES)
def test_weights_make_size_uniform_over_the_bins(sizes: list[int]) -> None:
    own = np.array(sizes, dtype=float)
    bin_of = distribution.places(own, distribution.bins(own))
    weight = distribution.weights(bin_of)
    assert (bin_of >= 0).all()
    assert weight.sum() == pytest.approx(1)
    held = set(bin_of.tolist())
    for each in held:
        assert weight[bin_of == each].sum() == pytest.approx(1 / len(held))


@pytest.mark.slow
@given(st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False))
def test_sizes_that_are_uniform_already_weigh_the_same(bins: int, each: int, rng: Random) -> None:
    bin_of = np.repeat(np.arange(bins), each)
    errors = np.array([rng.random() for _ in bin_of])
    plain, weighed = distribution.edf(errors), distribution.edf(errors, bin_of)
    assert weighed.shares == pytest.approx(plain.shares)
    assert weighed.mean == pytest.approx(plain.mean)


def test_bins_are_of_equal_width_in_the_logarithm() -> None:
    sizes = np.array([10.0**decade for decade in np.linspace(3, 5, 100)])
    edges = distribution.bins(sizes)
    assert edges == pytest.approx(np.linspace(3, 5, 11))
    assert np.bincount(distribution.places(sizes, edges)).tolist() == [10] * 10
    assert len(distribution.bins(sizes[:12])) == 3  # fewer bins than networks warrant


def test_two_samples_are_compared_where_both_have_networks() -> None:
    one, other = np.geomspace(1e3, 1e5, 100), np.concatenate([np.geomspace(1e4, 2e4, 60), np.geomspace(8e4, 1e6, 60)])
    left, right = distribution.shared(one, other)
    assert set(left.tolist()) == set(right.tolist())
    assert {-1} < set(left.tolist())
    assert (left[one < 9_999] == -1).all()
    assert (right[other > 100_001] == -1).all()
    nowhere = distribution.shared(np.array([1e3, 2e3]), np.array([1e5, 2e5]))
    assert all((own == -1).all() for own in nowhere)


def test_a_difference_is_told_if_there_is_one() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.beta(2, 20, 200), rng.beta(2, 20, 200)
    assert distribution.difference(one, other).value == pytest.approx(one.mean() - other.mean())
    assert not distribution.difference(one, one).significant
    apart = distribution.difference(one, one + 0.05)
    assert apart.significant
    assert apart.low < -0.05 < apart.high < 0


def test_a_space_of_smaller_networks_is_no_worse_at_equal_size() -> None:
    """Both have the same error at each size; one has more small networks."""
    rng = np.random.default_rng(2)
    one, other = 10 ** rng.triangular(3, 3.2, 6, 400), 10 ** rng.triangular(3, 5.8, 6, 400)
    its, others = (0.6 - 0.09 * np.log10(sizes) + rng.normal(0, 0.005, 400) for sizes in (one, other))
    assert distribution.difference(its, others).value > 0.05
    found = distribution.difference(its, others, distribution.shared(one, other))
    assert abs(found.value) < 0.01


@pytest.mark.slow
def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for repeat in range(60):
        found = distribution.difference(rng.beta(2, 20, 60), rng.beta(2, 20, 60), seed=repeat)
        hits += not found.significant
    assert 52 <= hits <= 60  # 95 % of 60 is 57


def drawn(record: StudyRecord) -> list[int]:
    return [each.number for each in distribution.uniform_sample(record, space_of(record)).trials]


def test_the_uniform_sample() -> None:
    trials = [trial(0, anchor="squeezenet_v1_0"), trial(2), *uniform([trial(3), trial(4, state="FAIL"), trial(5)])]
    trials[-1] = replace(trials[-1], state="RUNNING")
    record = study(trials)
    assert drawn(record) == [3]
    assert distribution.uniform_sample(record, space_of(record)).lost == 1
    random = replace(record, config=record.config | {"sampler": {"name": "random"}})
    assert drawn(random) == [2, 3]
    stopped = replace(random, trials=(*trials, trial(6, state="PRUNED", epochs=2)))
    assert drawn(stopped) == [3]  # of the unmarked ones the bad were stopped
    outside = replace(trial(7), metaparameters=trial(7).metaparameters | {"base_e": 17}, uniform=True)
    assert drawn(study([*trials, outside])) == [3]
