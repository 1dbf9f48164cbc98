"""A study whose space or size is changed between two starts: it goes on, keeps its trials, and says what changed."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from explorer.analysis.distribution import uniform_sample
from explorer.cli.config import load_space
from explorer.results import pareto, selection
from explorer.results.record import StudyRecord
from explorer.results.trial_index import TrialIndex
from explorer.space import parse
from explorer.storage.patient import StudyError, open_storage
from explorer.storage.same_study import check_config
from explorer.tracking.client import connect
from tests.support.processes import SHORT, run, search, start, study, wait_for
from tests.support.sample import finished_study

FACTS = {"fingerprint": "x"}


def config(**changes: object) -> dict[str, object]:
    space = load_space("fire_micro").as_dict()
    for key, value in changes.items():
        if key in space["search"]:
            space["search"][key] |= value
        elif key in space:
            space[key] = value
    return {"space": space, "size": changes.get("size", "params"), "recipe": {"lr": changes.get("lr", 0.1)}}


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        ({}, {}),
        ({"base_e": {"high": 48}}, {"space.search.base_e.high": [128, 48]}),
        ({"limits": {"params": 1_000_000, "macs": 10}}, {"space.limits.macs": [None, 10]}),
        ({"anchors": []}, {"space.anchors": [["squeezenet_v1_0"], []]}),
        ({"size": "0.5*params/1e6 + 0.5*macs/1e8"}, {"size": ["params", "0.5*params/1e6 + 0.5*macs/1e8"]}),
    ],
)
def test_what_says_which_networks_come_next_may_change(now: dict[str, object], changed: dict[str, object]) -> None:
    stored = config(anchors=["squeezenet_v1_0"])
    asked = config(anchors=["squeezenet_v1_0"], **now) if "anchors" not in now else config(**now)
    assert check_config("s", stored, asked, FACTS) == changed


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ({"lr": 0.2}, "study s was made otherwise: recipe.lr was 0.1, now 0.2; a study keeps what makes its networks"),
        ({"family": "residual"}, "study s belongs to another space: space.family was fire, now residual"),
        ({"size": "params, macs"}, "size was params, now params, macs; a study keeps their number: report size= looks"),
    ],
)
def test_what_makes_networks_comparable_may_not(now: dict[str, object], why: str) -> None:
    with pytest.raises(StudyError, match=why):
        check_config("s", config(), config(**now), FACTS)


def changed(record: StudyRecord, trial: int, key: str, then: object, now: object, **space: object) -> StudyRecord:
    changes = ({"trial": trial, "changed": {key: [then, now]}},)
    return replace(record, config=record.config | {"space": record.config["space"] | space}, changes=changes)


def test_the_front_is_of_what_the_limits_of_now_allow() -> None:
    record = finished_study(60)
    limit = sorted(trial.params for trial in record.finished)[20]
    within = changed(record, 60, "space.limits.params", None, limit, limits={"params": limit})
    front = pareto.front_trials(within)
    assert front
    assert all(trial.anchor or trial.params <= limit for trial in front)
    assert TrialIndex(within).front == front
    assert pareto.study_hypervolume(within) < pareto.study_hypervolume(record)
    assert selection.find(within, "best") in front
    beyond = next(trial for trial in record.finished if not trial.anchor and trial.params > limit)
    assert selection.find(within, str(beyond.number)) == beyond
    assert within.changes_in_words == [f"from trial 60 on: space.limits.params was none, now {limit:,}"]


def test_draws_from_the_space_as_it_was_are_no_sample_of_it() -> None:
    record = finished_study(60)
    space = parse("s", record.config["space"])
    drawn = replace(record, trials=tuple(replace(trial, uniform=True) for trial in record.trials))
    assert uniform_sample(drawn, space).trials
    later = uniform_sample(changed(drawn, 40, "space.search.freq.high", 3, 4), space).trials
    assert later
    assert all(trial.number >= 40 for trial in later)
    # The axis has no part in what is drawn.
    assert uniform_sample(changed(drawn, 40, "size", "params", "macs"), space) == uniform_sample(drawn, space)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["front", "tpe"])
def test_a_search_goes_on_in_another_range_by_another_size(folder: Path, sampler: str) -> None:
    words = (f"sampler={sampler}", "sampler.n_startup_trials=2")
    search(folder, *words, "n_trials=4")
    before = study(folder)
    space = yaml.safe_load((folder / "small.yaml").read_text())
    space["search"]["base_e"] = {"low": 32, "high": 64}
    (folder / "small.yaml").write_text(yaml.safe_dump(space))
    printed = search(folder, *words, "n_trials=8", "size=macs", "+space.limits.macs=2_000_000")
    line = (
        "from trial 4 on: size was params, now macs; space.limits.macs was none, now 2,000,000; "
        "space.search.base_e.high was 32, now 64; space.search.base_e.low was 16, now 32"
    )
    assert line in printed
    after = study(folder)
    assert after.changes_in_words == [line]
    assert [replace(trial, size_name="macs") for trial in before.trials] == list(after.trials[:4])
    new = after.trials[4:]
    assert len(new) == 4
    assert all(trial.metaparameters["base_e"] in (32, 48, 64) and trial.macs <= 2_000_000 for trial in new)
    search(folder, *words, "n_trials=8", "size=macs", "+space.limits.macs=2_000_000")
    assert study(folder) == after  # nothing more has changed
    storage = open_storage(f"sqlite:///{folder}/study.db")
    (stored,) = storage.get_all_studies()
    assert storage.get_study_system_attrs(stored._study_id)["study:metric_names"] == ["val_acc", "macs"]
    run(folder, "explorer.report")
    assert line in (folder / "report.html").read_text()
    client = connect(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    assert line in [found.data.tags.get("changes") for found in client.search_runs([experiment.experiment_id])]


@pytest.mark.slow
def test_a_search_that_is_killed_after_a_change_goes_on_with_it(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    before = study(folder).trials
    changed = ("space.limits.params=120_000", "size=macs", "n_trials=8")
    for killed_at in (6, 7):
        process = start(folder, "explorer.search", *SHORT, *changed)
        try:
            wait_for(lambda least=killed_at: len(study(folder).trials) >= least)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)
    search(folder, *changed)
    after = study(folder)
    line = "from trial 5 on: size was params, now macs; space.limits.params was 1,000,000, now 120,000"
    assert after.changes_in_words == [line]
    assert [replace(trial, size_name="macs") for trial in before] == list(after.trials[:5])
    assert [trial.state for trial in after.trials] == ["COMPLETE"] * 8
    assert all(trial.params <= 120_000 for trial in after.trials[5:])


@pytest.mark.slow
def test_a_study_starts_from_another(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    one = study(folder)
    said = search(folder, "study=alike", "from=small", "n_trials=7")
    assert "5 trials are those of study small, trained there" in said
    alike = study(folder, "alike")
    assert [trial.state for trial in alike.trials] == ["COMPLETE"] * 7
    same = [replace(trial, uniform=False) for trial in one.trials]
    assert sorted(alike.trials[:5], key=lambda trial: trial.identity) == sorted(same, key=lambda trial: trial.identity)
    assert len({trial.identity for trial in alike.trials}) == 7
    assert "0 trials are those of study small" in search(folder, "study=alike", "from=small", "n_trials=7")
    assert study(folder, "alike") == alike
    run(folder, "explorer.retrain", "0", "study=alike", "seeds=1")  # bit for bit what the other study has stored
    said = search(folder, "study=other", "from=small", "epochs=1", "n_trials=4")
    front = [trial for trial in pareto.front_trials(one) if trial.metaparameters]
    assert f"epochs was 3, now 1: {len(front)} points of its front are trained first" in said
    other = {trial.identity for trial in study(folder, "other").trials}
    assert {trial.identity for trial in front[:3]} <= other
    assert all(len(trial.curves[0]) == 1 for trial in study(folder, "other").trials)
    assert "from is small, the study itself" in search(folder, "from=small", code=2)
    assert "study is 'none', expected one of" in search(folder, "study=new", "from=none", code=2)


@pytest.mark.slow
def test_a_limit_that_no_network_meets_is_refused_before_it_is_kept(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    refusal = search(folder, "space.limits.params=10", code=2)
    assert "limits: no point meets them: params: 10 (smallest found" in refusal
    assert study(folder).changes == ()
