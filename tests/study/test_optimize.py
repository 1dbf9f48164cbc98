"""explorer.optimize: any objective, known sizes, budgets, states; checked against tables small enough to enumerate."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

import explorer
from explorer.results.pareto import hypervolume, pareto_front
from explorer.samplers import SamplerError
from explorer.space import SpaceError, parse
from explorer.study.optimize import OptimizeError, Study, Trial
from explorer.study.stopping import StoppingError

PARAMETERS = {
    "width": IntDistribution(4, 64, step=4),
    "depth": IntDistribution(1, 8),
    "kind": CategoricalDistribution(["plain", "bypass"]),
    "ratio": FloatDistribution(0.125, 1.0, step=0.125),
}


def size(params: Mapping[str, Any]) -> float:
    return float(params["width"] ** 2 * params["depth"] * (1 + params["ratio"]))


def accuracy(params: Mapping[str, Any]) -> float:
    capacity = math.log10(size(params)) / 5
    return 0.3 + 0.6 * capacity + 0.05 * (params["kind"] == "bypass") - 0.3 * (params["ratio"] - 0.5) ** 2


def curve(params: Mapping[str, Any], epoch: int) -> float:
    return accuracy(params) * (1 - 0.5 / epoch)


@pytest.mark.parametrize("sampler", ["front", "mutation", "random", "tpe"])
def test_trials_and_front_are_what_the_objective_says(sampler: str) -> None:
    study = explorer.optimize(PARAMETERS, accuracy, size, n_trials=30, sampler=sampler, seed=1)
    assert [trial.number for trial in study.trials] == list(range(30))
    for trial in study.trials:
        assert (trial.size, trial.accuracy, trial.epochs, trial.state) == (
            size(trial.params),
            accuracy(trial.params),
            1,
            "COMPLETE",
        )
        for name, distribution in PARAMETERS.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))
    points = [(trial.size, trial.accuracy) for trial in study.trials]
    assert [trial.number for trial in study.front] == pareto_front(points)
    assert len({tuple(sorted(trial.params.items())) for trial in study.trials}) == 30


@pytest.mark.slow
def test_the_seed_decides() -> None:
    def run(seed: int) -> list[Any]:
        return [t.params for t in explorer.optimize(PARAMETERS, accuracy, size, n_trials=20, seed=seed).trials]

    assert run(1) == run(1) != run(2)


@pytest.mark.slow
def test_it_finds_more_than_uniform_draws() -> None:
    def volume(sampler: str, seed: int) -> float:
        study = explorer.optimize(PARAMETERS, accuracy, size, n_trials=40, sampler=sampler, seed=seed, uniform=0.0)
        return hypervolume([(t.size, t.accuracy) for t in study.trials], (1e5, 0.3))

    assert all(volume("front", seed) > volume("random", seed) for seed in range(3))


@pytest.mark.slow
def test_stopping_spends_fewer_epochs_and_keeps_what_counts() -> None:
    whole = explorer.optimize(PARAMETERS, curve, size, n_trials=60, max_epochs=16, stopping="none", seed=3)
    stopped = explorer.optimize(PARAMETERS, curve, size, n_trials=60, max_epochs=16, seed=3)
    assert {trial.epochs for trial in whole.trials} == {16}
    assert {trial.state for trial in stopped.trials} == {"COMPLETE", "PRUNED"}
    assert stopped.epochs < whole.epochs == 60 * 16
    assert all(trial.epochs < 16 for trial in stopped.trials if trial.state == "PRUNED")
    assert all(trial.state == "COMPLETE" for trial in stopped.front)


@pytest.mark.parametrize("budget", [1, 16, 50, 100])
def test_the_budget_of_epochs_is_never_passed(budget: int) -> None:
    study = explorer.optimize(PARAMETERS, curve, size, n_trials=60, max_epochs=16, epoch_budget=budget)
    assert study.epochs <= budget
    assert study.epochs > budget - 16


@pytest.mark.parametrize("sampler", ["front", "mutation", "random", "tpe", "nsga2"])
def test_an_error_loses_no_trial_and_the_study_goes_on_as_if_there_had_been_none(sampler: str) -> None:
    def go(accuracy: Any, **known: Any) -> explorer.Study:
        options: dict[str, Any] = {"n_trials": 70, "max_epochs": 16, "epoch_budget": 500, "seed": 2}
        return explorer.optimize(PARAMETERS, accuracy, size, sampler=sampler, **(options | known))

    def interrupted(params: Mapping[str, Any], epoch: int) -> float:
        if len(study.trials) == 27:
            raise KeyboardInterrupt
        return curve(params, epoch)

    study, undisturbed = explorer.Study(), go(curve)
    with pytest.raises(KeyboardInterrupt):
        go(interrupted, study=study)
    assert study.trials == undisturbed.trials[:27]
    assert go(curve, study=study) is study
    assert study.trials == undisturbed.trials
    assert {trial.state for trial in study.trials[:27]} >= {"COMPLETE", "PRUNED"}
    assert go(curve, study=study).trials == undisturbed.trials


def test_what_was_tried_elsewhere_is_known_and_not_tried_again() -> None:
    parameters = {"width": IntDistribution(1, 8)}
    known = [Trial(number, {"width": width}, width, (width / 8,), "COMPLETE") for number, width in enumerate((8, 3))]
    study = explorer.optimize(
        parameters, lambda params: params["width"] / 8, lambda params: params["width"], study=Study(known)
    )
    assert study.trials[:2] == [Trial(0, {"width": 8}, 8, (1.0,), "COMPLETE"), known[1]]
    assert sorted(trial.params["width"] for trial in study.trials) == list(range(1, 9))


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        (Trial(0, {"width": 6}, 1, (0.5,), "COMPLETE"), r"trial 0 is at \{'width': 6\}, which is no point"),
        (Trial(0, {"width": 4, "depth": 1}, 1, (0.5,), "COMPLETE"), "trial 0 is at .*'depth': 1.*, which is no point"),
        (Trial(0, {}, 1, (0.5,), "COMPLETE"), r"trial 0 is at \{\}, which is no point"),
        (Trial(0, {"width": 4}, 1, (0.5, 0.6), "PRUNED"), "trial 0 is PRUNED after 2 of 1 epochs"),
        (Trial(0, {"width": 4}, 1, (), "COMPLETE"), "trial 0 is COMPLETE after 0 of 1 epochs"),
    ],
)
def test_a_study_of_something_else_is_refused(trial: Trial, message: str) -> None:
    parameters = {"width": IntDistribution(4, 64, step=4)}
    with pytest.raises(OptimizeError, match=message):
        explorer.optimize(parameters, lambda params: 0.5, lambda params: params["width"], study=Study([trial]))


def test_a_small_space_is_exhausted() -> None:
    parameters = {"width": IntDistribution(1, 3), "kind": CategoricalDistribution(["a", "b"])}
    study = explorer.optimize(parameters, lambda params: params["width"] / 10, lambda params: params["width"])
    assert len(study.trials) == 6


def test_what_is_no_number_is_a_failure_and_on_no_front() -> None:
    study = explorer.optimize(
        {"width": IntDistribution(1, 30)},
        lambda params: math.nan if params["width"] % 2 else params["width"] / 30,
        lambda params: params["width"],
        n_trials=30,
        stopping="none",
    )
    assert {trial.state for trial in study.trials if trial.params["width"] % 2} == {"FAIL"}
    assert all(trial.params["width"] % 2 == 0 for trial in study.front)


@pytest.mark.slow
def test_a_design_space_with_a_condition_is_searched() -> None:
    space = parse(
        "conditional",
        {
            "family": "fire",
            "search": {
                "bypass": {"type": "categorical", "choices": ["none", "simple"]},
                "pct_3x3": {"type": "float", "low": 0.125, "high": 0.875, "step": 0.125, "when": {"bypass": "simple"}},
                "squeeze_ratio": {"type": "float", "low": 0.1, "high": 0.9},
            },
        },
    )

    def params(point: Mapping[str, Any]) -> float:
        return float(explorer.cost(space.architecture(point, (1, 8, 8), 10)).params)

    study = explorer.optimize(space, lambda p: 0.5 + 0.1 * p.get("pct_3x3", 0.0), params, n_trials=25)
    assert len(study.trials) == 25
    assert all(("pct_3x3" in trial.params) == (trial.params["bypass"] == "simple") for trial in study.trials)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_trials": 0}, OptimizeError, "n_trials is 0, expected a whole number of at least 1"),
        ({"max_epochs": 4}, OptimizeError, r"max_epochs is 4, so accuracy must take \(params, epoch\)"),
        ({"parameters": {}}, SpaceError, "parameters is empty"),
        ({"parameters": {"x": [1, 2]}}, SpaceError, r"parameters\['x'\] is \[1, 2\], expected an Optuna distribution"),
        ({"sampler": "fornt"}, SamplerError, "sampler.name is 'fornt'.*did you mean front"),
        ({"stopping": "hyperband"}, StoppingError, "stopping.name is 'hyperband'"),
        ({"size": lambda params: -1}, OptimizeError, "size is -1 at .*, expected a number above 0"),
    ],
)
def test_what_cannot_be_searched_is_said(arguments: dict[str, Any], error: type[ValueError], message: str) -> None:
    known: dict[str, Any] = {"parameters": PARAMETERS, "accuracy": accuracy, "size": size, "n_trials": 3}
    with pytest.raises(error, match=message):
        explorer.optimize(**(known | arguments))
