"""Every sampler proposes points of the space, none twice, none that the gate refuses; restarts change nothing."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.cli.config import folder, load_space
from explorer.results.pareto import hypervolume
from explorer.samplers import SAMPLERS, Candidate, Proposal, Proposer, SamplerError, TrialResult
from explorer.samplers.improvement import Staircase
from explorer.samplers.pool import Pool
from explorer.samplers.scale import MARGINS, Scale, learned_margin, scale_above
from explorer.samplers.shadow import ShadowStudy
from explorer.space import SpaceError, parse
from explorer.space.parameter import Parameter

SMALL = parse(
    "small",
    {
        "family": "fire",
        "search": {
            "freq": {"type": "int", "low": 1, "high": 3},
            "bypass": {"type": "categorical", "choices": ["none", "simple"]},
            "pct_3x3": {"type": "float", "low": 0.25, "high": 0.75, "step": 0.25, "when": {"bypass": "simple"}},
        },
    },
)
CONFIGS = {name: {"name": name} for name in SAMPLERS} | {
    name: {"name": name, "n_startup_trials": 3} for name in ("tpe", "gp", "front", "mutation")
}
CONFIGS["nsga2"] = {"name": "nsga2", "population_size": 4}
EACH = [pytest.param(name, marks=pytest.mark.slow) if name == "gp" else name for name in SAMPLERS]
"""Of many proposals; the Gaussian process takes a second for each."""


def size(params: Mapping[str, Any]) -> float:
    return 1000.0 * params["freq"] + 100.0 * params.get("pct_3x3", 0.0)


def propose(
    proposer: Proposer,
    number: int,
    size: Callable[[Mapping[str, Any]], float | None],
    tried: Sequence[Mapping[str, Any]] = (),
) -> Proposal | None:
    """Asks for a point that is within the limits of `size` and not among those tried."""

    def candidate(params: Mapping[str, Any]) -> Candidate | None:
        found = size(params)
        return None if found is None else Candidate(params, (found,))

    chosen = proposer.propose(number, candidate, lambda candidate: candidate.params in tried)
    return chosen and chosen[0]


def outcome(params: Mapping[str, Any]) -> TrialResult:
    return TrialResult("COMPLETE", (size(params),), (0.5 + 0.01 * params["freq"] - 0.001 * params.get("pct_3x3", 0.0),))


def told(trials: list[Proposal], proposer: Proposer, count: int) -> list[dict[str, Any]]:
    """Proposes `count` more points, telling each a made-up result."""
    for number in range(len(trials), len(trials) + count):
        proposal = propose(proposer, number, size, [own.params for own in trials])
        if proposal is None:
            break
        trials.append(proposal)
        proposer.tell(number, outcome(proposal.params))
    return [dict(own.params) for own in trials]


def test_every_sampler_has_a_config_file_and_the_other_way_round() -> None:
    assert {path.stem for path in (folder("conf") / "sampler").glob("*.yaml")} == set(SAMPLERS)


@pytest.mark.parametrize("name", EACH)
def test_a_small_space_is_exhausted_without_repeats(name: str) -> None:
    points = list(SMALL.points())
    seen = told([], Proposer(SMALL, CONFIGS[name], seed=0), len(points) + 5)
    assert len(seen) == len(points) == 12
    assert all(point in seen for point in points)


@pytest.mark.parametrize("name", EACH)
def test_a_restart_goes_on_as_if_it_had_not_been(name: str) -> None:
    whole = told([], Proposer(SMALL, CONFIGS[name], seed=3), 9)
    trials: list[Proposal] = []
    told(trials, Proposer(SMALL, CONFIGS[name], seed=3), 5)
    again = Proposer(SMALL, CONFIGS[name], seed=3)
    for number, trial in enumerate(trials):
        again.add(number, trial, (size(trial.params),))
        again.tell(number, outcome(trial.params))
    assert told(trials, again, 4) == whole


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2", "front"])
def test_the_seed_decides(name: str) -> None:
    space = load_space("fire")

    def first(seed: int) -> dict[str, Any]:
        trial = propose(Proposer(space, CONFIGS[name], seed), 0, lambda params: 1.0)
        assert trial is not None
        return dict(trial.params)

    assert first(1) == first(1) != first(2)


def test_grid_goes_in_order() -> None:
    assert told([], Proposer(SMALL, {"name": "grid"}, 0), 12) == list(SMALL.points())


def test_the_grid_of_a_continuum_is_refused() -> None:
    search = {"pct_3x3": {"type": "float", "low": 0.1, "high": 0.9}}
    with pytest.raises(SpaceError, match="pct_3x3: is continuous and has no grid; give it a step"):
        Proposer(parse("open", {"family": "fire", "search": search}), {"name": "grid"}, 0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_point_over_a_limit_is_not_proposed(name: str) -> None:
    proposer = Proposer(SMALL, CONFIGS[name], 0)
    trials: list[Proposal] = []
    for number in range(4):
        proposal = propose(
            proposer,
            number,
            lambda params: size(params) if params["freq"] == 3 else None,
            [own.params for own in trials],
        )
        assert proposal is not None
        assert proposal.params["freq"] == 3
        proposer.tell(number, outcome(proposal.params))
        trials.append(proposal)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_candidate_is_built_once_for_a_proposal_and_handed_back(name: str) -> None:
    proposer = Proposer(SMALL, CONFIGS[name], 0)
    for number in range(6):
        built: list[Candidate] = []

        def candidate(params: Mapping[str, Any], built: list[Candidate] = built) -> Candidate:
            built.append(Candidate(params, (size(params),)))
            return built[-1]

        chosen = proposer.propose(number, candidate, lambda candidate: False)
        assert chosen is not None
        proposal, own = chosen
        assert own.params == proposal.params
        assert any(own is each for each in built)
        assert set(Counter(tuple(sorted(each.params.items())) for each in built).values()) == {1}
        proposer.tell(number, outcome(proposal.params))


def test_refused_points_are_no_results() -> None:
    proposer = Proposer(SMALL, {"name": "tpe"}, 0)
    assert propose(proposer, 0, lambda params: 1.0 if params["freq"] == 3 else None) is not None
    assert isinstance(proposer.sampler, ShadowStudy)
    states = [own.state for own in proposer.sampler.study.get_trials()]
    assert states.count(optuna.trial.TrialState.RUNNING) == 1
    assert set(states) <= {optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.FAIL}


def test_a_share_of_the_trials_is_drawn_uniformly() -> None:
    space = load_space("fire")
    proposer = Proposer(space, {"name": "tpe", "n_startup_trials": 1}, 0, uniform=0.3)
    proposals = [propose(proposer, number, lambda params: 1.0) for number in range(60)]
    assert 9 <= sum(proposal.uniform for proposal in proposals if proposal) <= 27


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "tpee"}, "sampler.name is 'tpee', expected one of front, .*, grid .did you mean tpe"),
        ({"name": "tpe", "startup": 3}, "sampler tpe: .*startup"),
    ],
)
def test_a_bad_sampler_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SamplerError, match=message):
        Proposer(SMALL, config, 0)


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2", "grid", "front", "mutation"])
def test_with_a_lag_the_order_of_results_does_not_count(name: str) -> None:
    def trials(first_to_end: int) -> list[dict[str, Any]]:
        """Three slots; of the trials under way always the same place in the queue ends first."""
        proposer = Proposer(SMALL, CONFIGS[name], seed=2, lag=3)
        under_way: list[int] = []
        seen: list[dict[str, Any]] = []
        while len(seen) < 9:
            while len(under_way) < 3 and len(seen) < 9 and proposer.ready(len(seen)):
                trial = propose(proposer, len(seen), size, seen)
                assert trial is not None
                under_way.append(len(seen))
                seen.append(dict(trial.params))
            ended = under_way.pop(min(first_to_end, len(under_way) - 1))
            proposer.tell(ended, outcome(seen[ended]))
        return seen

    assert trials(0) == trials(1) == trials(2)


ACCURACIES = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


@given(ACCURACIES, st.sampled_from(MARGINS), st.floats(0, 1))
def test_a_scale_goes_there_and_back_and_keeps_the_order(accuracy: Any, margin: float, best: float) -> None:
    scale = scale_above(accuracy, margin, best)
    assert scale.ceiling > max(accuracy.max(), best)
    values = scale.values(accuracy)
    assert np.allclose(scale.accuracies(values), accuracy, atol=1e-9)
    assert (np.diff(values[np.argsort(accuracy)]) >= 0).all()


@pytest.mark.parametrize("accuracy", [[0.0], [1.0, 1.0, 1.0], [0.5, np.nextafter(0.5, 1)], [-3e12, 2e12], [1e-300, 0]])
@pytest.mark.parametrize("margin", MARGINS)
def test_ties_and_measures_of_any_size_have_a_scale(accuracy: list[float], margin: float) -> None:
    values = scale_above(np.array(accuracy), margin).values(np.array(accuracy))
    assert np.isfinite(values).all()
    assert np.ptp(values) < 10


def test_the_margin_is_learned_from_how_accuracy_behaves() -> None:
    """Errors that shrink by a factor from step to step make a near ceiling, even steps a far one."""
    x = np.linspace(0, 1, 30)[:, None]
    groups, noise = np.zeros(1, dtype=np.intp), np.zeros(30)
    jitter = np.random.default_rng(0).normal(0, 0.1, 30)
    halving, even = 1 - 0.5 * np.exp(-5 * x[:, 0] + jitter), 0.3 + 0.4 * x[:, 0] + 0.04 * jitter
    assert learned_margin(groups, x, halving, noise) <= 0.3
    assert learned_margin(groups, x, even, noise) >= 1
    assert learned_margin(groups, x, 100 * even - 7, noise) == learned_margin(groups, x, even, noise)


@pytest.mark.parametrize(("size", "mean", "deviation"), [(5.0, 1.0, 0.5), (200.0, 3.0, 0.2), (50.0, 0.2, 1.5)])
def test_the_expected_area_is_the_mean_over_draws(size: float, mean: float, deviation: float) -> None:
    front, corner, scale = [(10.0, 0.5), (100.0, 0.8), (500.0, 0.9)], (1000.0, 0.1), Scale(0.97)
    expected = Staircase(front, corner).expected(
        np.log10([[size]]), np.array([mean]), np.array([deviation]), scale.ceiling
    )
    draws = scale.accuracies(np.random.default_rng(0).normal(mean, deviation, 4000))
    added = [hypervolume([*front, (size, accuracy)], corner) - hypervolume(front, corner) for accuracy in draws]
    assert expected[0] == pytest.approx(np.mean(added), abs=5 * np.std(added) / 4000**0.5)


@pytest.mark.parametrize("sizes", [(5.0, 300.0), (200.0, 20.0), (20.0, 20.0), (600.0, 2000.0)])
def test_of_two_sizes_the_expected_volume_is_the_mean_over_draws(sizes: tuple[float, float]) -> None:
    front = [(10.0, 100.0, 0.5), (100.0, 10.0, 0.6), (100.0, 200.0, 0.8), (500.0, 50.0, 0.9)]
    corner, scale = (1000.0, 1000.0, 0.1), Scale(0.97)
    stairs = Staircase(front, corner)
    expected = stairs.expected(np.log10([sizes]), np.array([1.5]), np.array([0.8]), scale.ceiling)
    draws = scale.accuracies(np.random.default_rng(0).normal(1.5, 0.8, 1000))
    added = [hypervolume([*front, (*sizes, accuracy)], corner) - hypervolume(front, corner) for accuracy in draws]
    assert expected[0] == pytest.approx(np.mean(added), abs=5 * np.std(added) / 1000**0.5 + 1e-12)


@pytest.mark.parametrize("name", ["front", "mutation", "tpe", "nsga2"])
def test_two_sizes_are_searched_at_once(name: str) -> None:
    """A sampler goes on from results that have two sizes, to points that are new."""
    space = load_space("fire")
    proposer = Proposer(space, CONFIGS[name], seed=1, sizes=2)

    def candidate(params: Mapping[str, Any]) -> Candidate:
        return Candidate(params, (100.0 * params["base_e"], 1000.0 * params["freq"] + params["incr_e"]))

    seen: list[Mapping[str, Any]] = []
    for number in range(24):
        chosen = proposer.propose(number, candidate, lambda candidate: candidate.params in seen)
        assert chosen is not None
        seen.append(chosen[0].params)
        proposer.tell(number, TrialResult("COMPLETE", chosen[1].sizes, (0.5 + 0.1 * chosen[0].params["pct_3x3"],)))


def test_an_anchor_beyond_the_space_is_no_ceiling() -> None:
    """A network outside the space that is far ahead of all in it: the sampler goes on, and takes no point twice."""
    proposer = Proposer(SMALL, CONFIGS["front"], seed=0)
    proposer.add(0, None, (50.0,))
    proposer.tell(0, TrialResult("COMPLETE", (50.0,), (0.999,)))
    trials = [Proposal({"freq": 0})]
    seen = told(trials, proposer, 14)[1:]
    assert len(seen) == 12
    assert all(point in seen for point in SMALL.points())


OWN = """
import optuna
class Halves(optuna.samplers.RandomSampler):
    def __init__(self, seed, share=1.0):
        super().__init__(seed)
        self.share = share
class NotOne:
    def __init__(self, seed): pass
"""


def test_a_package_offers_a_sampler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_sampler.py").write_text(OWN)
    info = tmp_path / "own_sampler-1.0.dist-info"  # what pip leaves of a package
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own_sampler\nVersion: 1.0\n")
    offered = ("halves = own_sampler:Halves", "none = own_sampler:NotOne", "gone = own_sampler:Gone")
    (info / "entry_points.txt").write_text("\n".join(["[explorer.samplers]", *offered, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    config = {"name": "halves", "share": 0.5}
    points = told([], Proposer(SMALL, config, seed=1), 20)
    assert len(points) == 12
    assert points[:3] == told([], Proposer(SMALL, config, seed=1), 3)
    refused = {
        "none": "sampler none: it makes a NotOne, expected an Optuna sampler",
        "gone": r"entry point explorer\.samplers: gone = 'own_sampler:Gone': AttributeError",
        "halfs": r"sampler.name is 'halfs', expected one of front, .*did you mean halves",
    }
    for name, message in refused.items():
        with pytest.raises(SamplerError, match=message):
            Proposer(SMALL, {"name": name}, seed=1)
    with pytest.raises(SamplerError, match=r"sampler halves: .*unexpected keyword argument 'shares'"):
        Proposer(SMALL, {"name": "halves", "shares": 1}, seed=1)


def test_steps_written_as_choices_are_searched_as_the_same_numbers() -> None:
    numbers = {
        "base_e": {"type": "int", "low": 16, "high": 64, "step": 16},
        "freq": {"type": "int", "low": 1, "high": 4},
    }
    choices = {
        "base_e": {"type": "categorical", "choices": [64, 16, 48, 32]},  # in any order
        "freq": {"type": "categorical", "choices": [1, 2, 3, 4]},
    }
    spaces = [parse("s", {"family": "fire", "search": search}) for search in (numbers, choices)]
    own, other = (told([], Proposer(space, {"name": "front"}, seed=1), 16) for space in spaces)
    assert len(own) == len(other) == 16
    pools = [Pool(space, 0) for space in spaces]
    assert all(pools[0].vector(point, (1000.0,)) == pools[1].vector(point, (1000.0,)) for point in own)


@given(st.lists(st.integers(-50, 50) | st.floats(-50, 50, allow_nan=False), min_size=3, max_size=9, unique=True))
def test_another_choice_of_a_number_is_as_often_a_neighbour(values: list[float]) -> None:
    parameter = Parameter("x", "categorical", choices=tuple(values))
    ordered = sorted(values)
    rng = Random(0)
    for value in values:
        place = ordered.index(value)
        near = ordered[max(0, place - 1) : place] + ordered[place + 1 : place + 2]
        drawn = [parameter.other(value, rng) for _ in range(200)]
        assert value not in drawn
        expected = 0.5 + 0.5 * len(near) / (len(values) - 1)
        assert abs(sum(each in near for each in drawn) / 200 - expected) < 0.2


@pytest.mark.parametrize("choices", [("a", "b", "c"), (True, False), (1, 2), (1, "b", 3), (None, 1, 2)])
def test_what_is_no_order_stays_none(choices: tuple[Any, ...]) -> None:
    assert Parameter("x", "categorical", choices=choices).ordered is None
