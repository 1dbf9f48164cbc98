"""`recipe.precision=auto`: timed before the first trial, kept with the study, the same for all its trainings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from explorer import load_space
from explorer.arch import totals
from explorer.launchers.jobs import name_of
from explorer.study.setup import DRAWS, middling
from explorer.training.precision import PAYS, chosen, faster_precision, in_words
from tests.support.processes import SPACE, run, search, study
from tests.support.training import FAST, SMALL


@pytest.mark.parametrize(("speedup", "precision"), [(0.0, "32-true"), (PAYS - 0.01, "32-true"), (1.7, "bf16-mixed")])
def test_bf16_is_chosen_where_it_pays(speedup: float, precision: str) -> None:
    assert chosen(speedup) == precision


@pytest.mark.parametrize("change", [{}, {"accumulate": 2, "class_weights": "balanced"}, {"optimizer": "sgd"}])
def test_steps_of_a_recipe_are_timed(change: dict[str, object]) -> None:
    found = faster_precision(SMALL.to_json(), FAST | {"precision": "auto"} | change)
    assert found["speedup"] > 0
    assert found["precision"] == chosen(found["speedup"])
    assert in_words(found).startswith(f"precision {found['precision']}: ")
    assert name_of(faster_precision)  # a worker on another machine runs it


def test_the_network_that_is_timed_is_of_middling_cost_and_meets_the_limits() -> None:
    space, shape = replace(load_space("fire_micro"), limits={}), (3, 32, 32)
    network = middling(space, shape, 10, 0)
    random = Random(0)
    macs = [totals(space.architecture(space.sample(random), shape, 10)).macs for _ in range(DRAWS)]
    middle = sum(macs) / DRAWS
    assert abs(totals(network).macs - middle) == min(abs(each - middle) for each in macs)
    limited = replace(space, limits={"params": 60_000})
    assert totals(middling(limited, shape, 10, 0)).params <= 60_000
    assert middling(replace(space, limits={"params": 1}), shape, 10, 0) == network


@pytest.mark.slow
def test_a_study_keeps_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SPACE)
    printed = search(tmp_path, "n_trials=2", "epochs=1", "recipe.precision=auto")
    record = study(tmp_path)
    found = record.facts["precision"]
    assert record.config["recipe"]["precision"] == found["precision"] == chosen(found["speedup"])
    assert in_words(found) in " ".join(printed.split())
    search(tmp_path, "n_trials=3", "epochs=1", "recipe.precision=auto")
    again = study(tmp_path)
    assert (len(again.trials), again.facts["precision"]) == (3, found)
    other = {"32-true": "bf16-mixed", "bf16-mixed": "32-true"}[found["precision"]]
    refused = search(tmp_path, "n_trials=3", "epochs=1", f"recipe.precision={other}", code=2)
    assert f"recipe.precision was {found['precision']}, now {other}" in refused


@pytest.mark.slow
def test_bf16_is_retrained_bit_for_bit(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SPACE)
    search(tmp_path, "n_trials=2", "epochs=2", "recipe.precision=bf16-mixed")
    printed = run(tmp_path, "explorer.retrain", "1", "seeds=1")
    assert "reproduced" in printed
    assert "NOT" not in printed
