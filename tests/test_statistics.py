"""Statistics of a space: against brute force and against spaces whose truth is known; then the command on a search."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from shutil import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import findings
from explorer.plots import distribution as distribution_plot
from explorer.plots import importance as importance_plot
from explorer.plots import page
from explorer.plots import traits as traits_plot
from explorer.record import StudyRecord, TrialRecord
from explorer.space import parse
from explorer.survey import distribution, equal_size, traits
from explorer.survey.importance import importances
from explorer.tracking import add_files, mirror
from explorer.tracking.tracker import connect
from tests.processes import SHORT, SPACE, run
from tests.sample import finished_study, study, trial

# MLflow 3.17's own use of SQLAlchemy and pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")

ERRORS = st.lists(st.integers(0, 360).map(lambda wrong: wrong / 360), min_size=1, max_size=40)
SIZES = st.lists(st.integers(500, 2_000_000), min_size=1, max_size=60)


@given(ERRORS)
def test_the_edf_is_the_share_of_networks_with_at_most_an_error(errors: list[float]) -> None:
    found = distribution.edf(np.array(errors))
    for level, share in zip(found.errors, found.shares, strict=True):
        assert share == pytest.approx(sum(error <= level for error in errors) / len(errors))
    assert found.mean == pytest.approx(np.mean(errors))


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
    assert not distribution.difference(one, one).told
    apart = distribution.difference(one, one + 0.05)
    assert apart.told
    assert apart.low < -0.05 < apart.high < 0


def test_a_space_of_smaller_networks_is_no_worse_at_equal_size() -> None:
    """Both have the same error at each size; one has more small networks."""
    rng = np.random.default_rng(2)
    one, other = 10 ** rng.triangular(3, 3.2, 6, 400), 10 ** rng.triangular(3, 5.8, 6, 400)
    errors = [0.6 - 0.09 * np.log10(sizes) + rng.normal(0, 0.005, 400) for sizes in (one, other)]
    assert distribution.difference(*errors).value > 0.05
    found = distribution.difference(*errors, distribution.shared(one, other))
    assert abs(found.value) < 0.01


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for repeat in range(60):
        found = distribution.difference(rng.beta(2, 20, 60), rng.beta(2, 20, 60), seed=repeat)
        hits += not found.told
    assert 52 <= hits <= 60  # 95 % of 60 is 57


def uniform(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [replace(each, uniform=True) for each in trials]


def drawn(record: StudyRecord) -> list[int]:
    return [each.number for each in distribution.uniform_sample(record, space_of(record)).trials]


def space_of(record: StudyRecord) -> Any:
    return parse(record.name, record.config["space"])


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


def planted(count: int, gain: Any, noise: float = 0.004) -> StudyRecord:
    """Uniform draws whose accuracy follows from size, and from what `gain` makes of their metaparameters."""
    rng = Random(7)
    trials = []
    for number in range(2, 2 + count):
        bare = trial(number)
        accuracy = 0.97 - 0.3 * (bare.params / 1e4) ** -0.7 + gain(bare.metaparameters) + rng.gauss(0, noise)
        trials.append(trial(number, accuracy=min(max(accuracy, 0.0), 1.0)))
    return study(uniform(trials))


def ranked(record: StudyRecord) -> equal_size.Importances:
    space = space_of(record)
    return importances(record, space, distribution.uniform_sample(record, space))


def test_what_counts_at_equal_size_is_found() -> None:
    found = ranked(planted(200, lambda point: 0.05 if 0.3 < point["pct_3x3"] < 0.6 else 0.0))
    assert found.uniform
    assert found.ranked[0].name == "pct_3x3"
    assert found.ranked[0].share > 0.8
    assert [one.name for one in found.ranked if one.told] == ["pct_3x3"]
    assert sum(one.share for one in found.ranked) == pytest.approx(1)
    best = max(found.ranked[0].effects, key=lambda effect: effect.gain)
    assert 0.25 < float(best.values.split()[0]) < 0.6


def test_what_only_makes_networks_larger_does_not_count() -> None:
    found = ranked(planted(200, lambda point: 0.0))
    assert sum(one.told for one in found.ranked) <= 1  # each is by chance in one study of twenty
    sizes = next(one for one in found.ranked if one.name == "base_e").effects
    assert max(abs(effect.gain) for effect in sizes) < 0.01


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
    assert {one.name for one in found.ranked if one.told} == {"pct_3x3", "bypass"}
    effects = next(one for one in found.ranked if one.name == "pct_3x3").effects
    assert sum(effect.networks for effect in effects) == sum("pct_3x3" in one.metaparameters for one in trials)
    best = sorted(trials, key=lambda one: one.accuracy or 0)[-8:]
    common = {one.name: one for one in traits.traits(space, best, traits.draws(space, (1, 8, 8), 10, 300))}
    assert common["pct_3x3"].words == "is 0.75"
    assert common["pct_3x3"].share == pytest.approx(1 / 3, abs=0.1)  # of the draws that have it
    assert common["pct_3x3"].told


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
    assert first.told
    assert first.share < 0.25  # the range has a quarter of the draws, log-uniform over 0.05 to 1
    assert first.text.startswith("on the front squeeze_ratio lies in 0.1")
    assert not any(one.told for one in others)
    assert traits.traits(space, front[:2], points) == ()
    assert sum(traits_plot.info(first).front) == pytest.approx(1)


def test_uniform_draws_have_nothing_in_common_but_by_chance() -> None:
    space = space_of(finished_study(0))
    points = traits.draws(space, (1, 8, 8), 10, 400)
    rng = Random(11)
    told = 0
    for _ in range(20):
        front = [replace(trial(number), metaparameters=space.sample(rng)) for number in range(8)]
        told += any(one.told for one in traits.traits(space, front, points))
    assert told <= 3  # one in twenty


def test_draws_keep_to_the_limits() -> None:
    space = replace(space_of(finished_study(0)), limits={"params": 30_000})
    from explorer.arch import cost

    points = traits.draws(space, (1, 8, 8), 10, 50)
    assert len(points) == 50
    assert all(cost(space.architecture(point, (1, 8, 8), 10)).params <= 30_000 for point in points)
    assert traits.draws(replace(space, limits={"params": 10}), (1, 8, 8), 10, 2) == []


def random_study(count: int, name: str = "one", worse: float = 0.0) -> StudyRecord:
    record = planted(count, lambda point: -worse)
    return replace(record, name=name, config=record.config | {"sampler": {"name": "random"}})


def test_two_spaces_are_told_apart_in_words() -> None:
    one, other = random_study(60), random_study(60, "other", worse=0.15)
    found = findings.find(one, other)
    lines = findings.sections(found)[0].lines
    assert any(line.startswith("as drawn: ") and line.endswith("one is the better space") for line in lines)
    assert any(line.startswith("at equal size: ") and line.endswith("one is the better space") for line in lines)
    same = findings.sections(findings.find(one, random_study(60)))[0]
    assert [line.rpartition(": ")[2] for line in same.lines] == ["cannot tell", "cannot tell"]
    assert [row[0] for row in same.rows] == ["one", "one (2)"]
    slower = replace(other, config=other.config | {"epochs": 40})
    assert any("epochs 20 and 40" in line for line in findings.sections(findings.find(one, slower))[0].lines)
    figure = distribution_plot.figure(found.as_drawn)
    assert [trace.name for trace in figure.data if trace.name] == ["one (60 networks)", "other (60 networks)"]


def test_figures_show_what_was_found() -> None:
    found = findings.find(random_study(60))
    bars = importance_plot.figure(found.importances).data[0]
    assert [name.split()[0] for name in bars.y] == [one.name for one in found.importances.bars]
    effects = importance_plot.effects_figure(found.importances)
    assert len(effects.data[0].x) == sum(len(one.effects) for one in found.importances.bars)
    text = page.html("<one>", "about", findings.sections(found))
    assert "&lt;one&gt;" in text
    assert text.count("figures.push(") == 4 + len(found.traits)
    assert text == page.html("<one>", "about", findings.sections(findings.find(random_study(60))))


@pytest.mark.parametrize("trials", [[], [trial(0, state="FAIL")], [trial(2)], [trial(2)] * 3, uniform([trial(2)])])
def test_small_studies_are_described(trials: list[TrialRecord]) -> None:
    errors, importance, front = findings.sections(findings.find(study(trials), study(trials)))
    assert "10 at least" in errors.lines[0]
    assert "sampler=random" in errors.lines[0]
    assert "too few" in importance.lines[0]
    assert front.title
    assert page.html("small", "", [errors, importance, front])


def test_files_are_added_to_the_studys_run(tmp_path: Path) -> None:
    record, uri = finished_study(2), f"sqlite:///{tmp_path}/mlflow.db"
    assert not add_files(record, {"a.txt": "x"}, uri)
    assert not list(tmp_path.iterdir())
    mirror(record, uri)
    assert add_files(record, {"a.txt": "x"}, uri)
    assert add_files(record, {"a.txt": "y"}, uri)
    client = connect(uri)
    experiment = client.get_experiment_by_name(record.name)
    everything = client.search_runs([experiment.experiment_id])
    (parent,) = (each.info.run_id for each in everything if "mlflow.parentRunId" not in each.data.tags)
    assert len(everything) == 1 + len(record.trials)
    assert Path(client.download_artifacts(parent, "a.txt")).read_text() == "y"
    assert not add_files(replace(record, name="other"), {"a.txt": "x"}, uri)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished search by uniform draws."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "small.yaml").write_text(SPACE)
    words = [word for word in SHORT if not word.startswith(("sampler", "epochs"))]
    run(folder, "explorer.search", *words, "sampler=random", "epochs=1", "n_trials=12")
    return folder


def test_the_command_on_a_search(searched: Path) -> None:
    copy(searched / "study.db", searched / "other.db")
    printed = run(searched, "explorer.statistics", "small", "against=small", "against_storage=sqlite:///other.db")
    assert "How errors are spread in the space" in printed
    assert re.search(r"as drawn: mean error of small less that of small \(2\) \+0.00 points .*: cannot tell", printed)
    assert "finished networks of the space are too few to rank metaparameters by, 20 at least" in printed
    assert "in MLflow: statistics.html of the run small" in printed
    assert "small (11 networks)" in (searched / "statistics.html").read_text()
    client = connect(f"sqlite:///{searched}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    (parent,) = (each.info.run_id for each in runs if "mlflow.parentRunId" not in each.data.tags)
    files = {file.path for file in client.list_artifacts(parent)}
    assert {"pareto.html", "statistics.html", "statistics.json"} <= files


def test_the_command_for_programs(searched: Path) -> None:
    printed = run(searched, "explorer.statistics", "small", "format=json", "tracking=null", "output=null")
    found = json.loads(printed)
    assert found["uniform_draws"] == {"small": 11}
    (plain, equal) = found["distributions"]
    assert (plain["at_equal_size"], equal["at_equal_size"]) == (False, True)
    assert plain["shares"][-1] == 1
    assert found["against"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["format=xml"], "format is 'xml', expected table or json"),
        (["small", "against=small"], "against is small, the study itself"),
        (["small", "against=smaller"], "study is 'smaller', expected one of small"),
        (["against_storage=sqlite:///b.db"], "against_storage is given, but no study: against=NAME"),
        (["output=/nowhere/page.html"], "output /nowhere/page.html: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(searched: Path, words: list[str], message: str) -> None:
    assert message in run(searched, "explorer.statistics", *words, "tracking=null", code=2)
