"""Every sampler proposes points of the space, none twice, none that the gate refuses; restarts change nothing."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest

from explorer.config import folder, load_space
from explorer.samplers import SAMPLERS, Proposer, SamplerError
from explorer.space import parse

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
    "tpe": {"name": "tpe", "n_startup_trials": 3},
    "gp": {"name": "gp", "n_startup_trials": 3},
    "nsga2": {"name": "nsga2", "population_size": 4},
}


def gate(seen: list[Any]) -> Callable[[dict[str, Any]], bool]:
    return lambda params: params not in seen


def told(trials: list[optuna.trial.FrozenTrial], proposer: Proposer, count: int) -> list[dict[str, Any]]:
    """Proposes `count` more points, telling each a made-up result."""
    seen = [trial.params for trial in trials]
    for number in range(len(trials), len(trials) + count):
        trial = proposer.propose(number, gate(seen))
        if trial is None:
            break
        seen.append(trial.params)
        values = (0.5 + 0.01 * trial.params["freq"], 1000.0 * trial.params["freq"])
        proposer.tell(number, values)
        ended = optuna.trial.create_trial(
            values=values, params=trial.params, distributions=trial.distributions, system_attrs=trial.system_attrs
        )
        ended.number = number
        trials.append(ended)
    return seen


def test_every_sampler_has_a_config_file_and_the_other_way_round() -> None:
    assert {path.stem for path in (folder("conf") / "sampler").glob("*.yaml")} == set(SAMPLERS)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_small_space_is_exhausted_without_repeats(name: str) -> None:
    points = list(SMALL.points())
    seen = told([], Proposer(SMALL, CONFIGS[name], seed=0), len(points) + 5)
    assert len(seen) == len(points) == 12
    assert all(point in seen for point in points)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_restart_goes_on_as_if_it_had_not_been(name: str) -> None:
    whole = told([], Proposer(SMALL, CONFIGS[name], seed=3), 9)
    trials: list[optuna.trial.FrozenTrial] = []
    told(trials, Proposer(SMALL, CONFIGS[name], seed=3), 5)
    again = Proposer(SMALL, CONFIGS[name], seed=3)
    for trial in trials:
        again.learn(trial)
    assert told(trials, again, 4) == whole


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2"])
def test_the_seed_decides(name: str) -> None:
    space = load_space("fire")

    def first(seed: int) -> dict[str, Any]:
        trial = Proposer(space, CONFIGS[name], seed).propose(0, gate([]))
        assert trial is not None
        return dict(trial.params)

    assert first(1) == first(1) != first(2)


def test_grid_goes_in_order() -> None:
    assert told([], Proposer(SMALL, {"name": "grid"}, 0), 12) == list(SMALL.points())


def test_refused_points_are_no_results() -> None:
    proposer = Proposer(SMALL, {"name": "tpe"}, 0)
    trial = proposer.propose(0, lambda params: params["freq"] == 3)
    assert trial is not None
    assert trial.params["freq"] == 3
    states = [own.state for own in proposer.shadow.get_trials()]
    assert states.count(optuna.trial.TrialState.RUNNING) == 1
    assert set(states) <= {optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.FAIL}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"name": "tpee"}, "sampler.name is 'tpee', expected one of tpe, random, nsga2, gp, grid .did you mean tpe"),
        ({"name": "tpe", "startup": 3}, "sampler tpe: .*startup"),
    ],
)
def test_a_bad_sampler_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SamplerError, match=message):
        Proposer(SMALL, config, 0)


@pytest.mark.parametrize("name", ["tpe", "random", "nsga2", "grid"])
def test_with_a_lag_the_order_of_results_does_not_count(name: str) -> None:
    def trials(first_to_end: int) -> list[dict[str, Any]]:
        """Three slots; of the trials under way always the same place in the queue ends first."""
        proposer, under_way, seen = Proposer(SMALL, CONFIGS[name], seed=2, lag=3), [], []
        while len(seen) < 9:
            while len(under_way) < 3 and len(seen) < 9 and proposer.ready(len(seen)):
                trial = proposer.propose(len(seen), gate(seen))
                assert trial is not None
                under_way.append(len(seen))
                seen.append(trial.params)
            ended = under_way.pop(min(first_to_end, len(under_way) - 1))
            proposer.tell(ended, (0.5 + 0.01 * seen[ended]["freq"], 1000.0 + ended))
        return seen

    assert trials(0) == trials(1) == trials(2)
