"""Studies into which another program, or an accident, has reached: what can be shown is, and the rest is named."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest

from explorer.samplers.distributions import distributions
from explorer.storage import stored, study_store
from explorer.storage.patient import StudyError, open_storage
from tests.support.made import Made, loaded

POINT = {"base_e": 32, "freq": 2, "pct_3x3": 0.5, "squeeze_ratio": 0.25}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study of three trials."""
    folder = tmp_path_factory.mktemp("made")
    Made(folder)(n_trials=3)
    return folder


@pytest.fixture
def search(made: Path, tmp_path: Path) -> Made:
    """Goes on with a copy of that study."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return Made(tmp_path)


def by_optuna(search: Made) -> optuna.Study:
    return optuna.load_study(study_name="small", storage=search.url)


def change(folder: Path, query: str, *values: str) -> None:
    with closing(sqlite3.connect(folder / "study.db")) as database, database:
        assert database.execute(query, values).rowcount > 0


@pytest.mark.slow
@pytest.mark.parametrize("lag", [None, 1])
def test_an_enqueued_point_of_the_space_is_trained_next(search: Made, lag: int | None) -> None:
    by_optuna(search).enqueue_trial(POINT)
    record = search(lag=lag, n_trials=5)
    assert [(trial.number, trial.state) for trial in record.trials] == [(i, "COMPLETE") for i in range(5)]
    assert record.trials[3].metaparameters == POINT
    assert len(record.trials[3].curves[0]) == 2
    assert 0 < record.trials[3].started <= record.trials[3].ended
    assert by_optuna(search).trials[3].values == [0.5, float(record.trials[3].params)]


@pytest.mark.slow
@pytest.mark.parametrize("lag", [None, 1])
def test_what_is_enqueued_and_added_while_a_search_runs_is_seen(search: Made, capfd: Any, lag: int | None) -> None:
    def training(asked: dict[str, Any]) -> None:
        if asked["first_epoch"] == 1 and len((study := by_optuna(search)).trials) == 4:
            study.ask()
            study.enqueue_trial(POINT)
            study.enqueue_trial({"base_e": 4096})

    record = search(training, lag=lag, n_trials=6)
    assert [(trial.number, trial.state) for trial in record.trials] == [(i, "COMPLETE") for i in (0, 1, 2, 3, 5, 7)]
    assert record.trials[4].metaparameters == POINT
    assert [trial.state.name for trial in by_optuna(search).trials[4:7:2]] == ["RUNNING", "WAITING"]
    said = capfd.readouterr().err
    assert "study small: left out: trial 4 was made by another program\n" in said
    assert "trial 6, enqueued by another program, is outside the space or its limits: left out" in said


@pytest.mark.slow
def test_enqueued_points_that_cannot_be_trained_are_left_out_and_named(search: Made, capfd: Any) -> None:
    study = by_optuna(search)
    for point in (POINT, POINT | {"base_e": 4096}, {"base_e": 16}, {"depth": 3}, POINT | {"freq": "two"}):
        study.enqueue_trial(point)
    study.enqueue_trial(POINT)
    record = search(n_trials=5)
    assert [trial.number for trial in record.trials] == [0, 1, 2, 3, 9]
    said = capfd.readouterr().err
    for number in (4, 5, 6, 7):
        assert f"trial {number}, enqueued by another program, is outside the space or its limits: left out" in said
    assert "trial 8, enqueued by another program, was trained before: left out" in said


@pytest.mark.slow
def test_a_point_taken_over_in_the_moment_of_a_crash_goes_on(search: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    by_optuna(search).enqueue_trial(POINT)

    def crash(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(optuna.storages.RDBStorage, "set_trial_state_values", crash)
        with pytest.raises(KeyboardInterrupt):
            search()
    assert loaded(search.folder).trials[3].state == "RUNNING"
    assert [trial.state for trial in search().trials] == ["COMPLETE"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("lag", [None, 1])
def test_trials_of_other_programs_are_left_out_in_a_line(search: Made, capfd: Any, lag: int | None) -> None:
    study = by_optuna(search)
    asked = study.ask()
    asked.suggest_int("base_e", 16, 32)
    kinds = distributions(search.space, POINT)
    study.add_trial(optuna.trial.create_trial(params=POINT, distributions=kinds, values=[0.9, 10.0]))
    record = search(lag=lag, n_trials=4)
    assert [trial.number for trial in record.trials] == [0, 1, 2, 5]
    line = "study small: left out: trial 3 was made by another program, trial 4 was made by another program\n"
    assert capfd.readouterr().err == 2 * line  # the search, and who reads


BROKEN = "update trial_user_attributes set value_json=? where trial_id=2 and key=?"


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("{not JSON", "params", "has a broken params"),
        ("1, 2", "params", "has a broken params"),
        ('"many"', "params", "has a broken params"),
        ("[{}]", "curve_0", "has a broken curve_0"),
        ("[1]", "curve_0", "has a broken curve_0"),
        ("7", "curve_0", "has a broken curve_0"),
        ("[]", "curve_0", "has no curve_0"),
        ("null", "seeds", "has a broken seeds"),
        ("{", "adjusted", "has a broken adjusted"),
    ],
)
def test_a_broken_trial_is_left_out_and_named(search: Made, capfd: Any, text: str, key: str, why: str) -> None:
    if key == "adjusted":
        change(search.folder, "update trial_user_attributes set key='adjusted' where trial_id=2 and key='anchor'")
    change(search.folder, BROKEN, text, key)
    assert [trial.number for trial in loaded(search.folder).trials] == [0, 2]
    assert capfd.readouterr().err == f"study small: left out: trial 1 {why}\n"


def test_a_deleted_trial_is_missed_and_the_others_are_shown(search: Made) -> None:
    for table in ("trial_user_attributes", "trial_params", "trial_values", "trials"):
        change(search.folder, f"delete from {table} where trial_id=2")
    assert [trial.number for trial in loaded(search.folder).trials] == [0, 2]
    with pytest.raises(StudyError, match="study small has lost trial 1, so no other can be added"):
        search()


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("{}", "facts", r"study small has lost its facts \(input_shape\)"),
        ("null", "facts", r"study small has lost its facts"),
        (json.dumps({"input_shape": [1, 8, 8], "classes": 10}), "facts", r"lost its facts \(images\)"),
        ("{", "facts", "study small has a broken attribute"),
        ("7", "config", "study small has lost its config"),
    ],
)
def test_a_study_without_its_facts_is_named(search: Made, text: str, key: str, message: str) -> None:
    change(search.folder, "update study_user_attributes set value_json=? where key=?", text, key)
    with pytest.raises(StudyError, match=message):
        loaded(search.folder)
    with pytest.raises(StudyError, match=message):
        search()


def test_a_missing_column_and_a_schema_from_the_future(search: Made) -> None:
    shutil.copy(search.folder / "study.db", search.folder / "whole.db")
    change(search.folder, "update alembic_version set version_num='v9.9.0.a'")
    with pytest.raises(
        StudyError, match=r"study\.db cannot be opened: The runtime optuna version .* no longer compatible"
    ):
        loaded(search.folder)
    shutil.copy(search.folder / "whole.db", search.folder / "study.db")
    with closing(sqlite3.connect(search.folder / "study.db")) as database:
        database.execute("alter table trials drop column datetime_complete")
    for attempt in (search, lambda: loaded(search.folder)):
        with pytest.raises(StudyError, match=r"study\.db cannot be used: no such column: trials\.datetime_complete"):
            attempt()


def test_a_database_that_cannot_be_written_is_read_and_says_so(search: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    file = search.folder / "study.db"
    if os.geteuid() == 0:  # root may write what is read-only
        create = open_storage
        for module in (stored, study_store):
            monkeypatch.setattr(module, "open_storage", lambda url, create_=False, **more: _read_only(create(url)))
    else:
        file.chmod(0o400)
    assert len(loaded(search.folder).trials) == 3
    with pytest.raises(StudyError, match="cannot be used: attempt to write a readonly database"):
        search()


def _read_only(storage: Any) -> Any:
    import sqlalchemy

    @sqlalchemy.event.listens_for(storage.engine, "connect")
    def only_read(connection: Any, _: Any) -> None:
        connection.execute("pragma query_only=on")

    storage.engine.dispose()
    return storage


def test_times_do_not_depend_on_the_clocks_zone(search: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    before = [(trial.started, trial.ended) for trial in loaded(search.folder).trials]
    try:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        assert [(trial.started, trial.ended) for trial in loaded(search.folder).trials] == before
        change(search.folder, "delete from trial_user_attributes where key in ('started', 'ended')")
        assert loaded(search.folder).trials[0].started == pytest.approx(before[0][0] - 9 * 3600, abs=1)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert open_storage(search.url).get_all_studies()
