"""A folder that was moved, copied or robbed of its files: MLflow's lie beside the database in use."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from explorer.results.record import StudyRecord
from explorer.tracking import add_files, mirror
from explorer.tracking.address import sqlite_uri
from explorer.tracking.client import connect
from tests.support.sample import study, trial

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]


@pytest.fixture
def record() -> StudyRecord:
    return study([trial(0), trial(1)])


@pytest.fixture
def first(tmp_path: Path, empty_mlflow: Path) -> Path:
    folder = tmp_path / "first"
    folder.mkdir()
    shutil.copy(empty_mlflow, folder)
    return folder


def uri(folder: Path) -> str:
    """Of a folder's database, as another process has it: MLflow remembers the places of the runs it has seen."""
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()
    return sqlite_uri(folder / "mlflow.db")


def runs(folder: Path) -> list[Any]:
    client = connect(uri(folder))
    experiment = client.get_experiment_by_name("fire_micro-digits")
    return list(client.search_runs([experiment.experiment_id]))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("mlartifacts/**/*.*"))}


def check(folder: Path) -> None:
    """Whether every run of the folder is over, and has its files there."""
    for run in runs(folder):
        assert run.info.status == "FINISHED"
        name = "architecture.json" if "trial" in run.data.tags else "search.html"
        assert (folder / "mlartifacts" / run.info.run_id / "artifacts" / name).is_file()
        assert connect(uri(folder)).download_artifacts(run.info.run_id, name)


def test_a_moved_folder_is_written_where_it_is(first: Path, record: StudyRecord) -> None:
    mirror(record, uri(first))
    before = files(first)
    second = first.rename(first.with_name("second"))
    mirror(record, uri(second))
    check(second)
    assert files(second) == before
    assert len(runs(second)) == 3
    more = study([*record.trials, trial(2)])
    mirror(more, uri(second))
    assert add_files(more, {"report.html": "a page"}, uri(second))
    check(second)
    assert not first.exists()


def test_pages_follow_a_moved_folder(first: Path, record: StudyRecord) -> None:
    mirror(record, uri(first))
    second = first.rename(first.with_name("second"))
    assert add_files(record, {"report.html": "a page"}, uri(second))
    assert list(second.glob("mlartifacts/*/artifacts/report.html"))
    assert not first.exists()


def test_a_copy_leaves_the_first_alone(first: Path, record: StudyRecord) -> None:
    mirror(record, uri(first))
    before = files(first)
    second = shutil.copytree(first, first.with_name("second"))
    mirror(study([*record.trials, trial(2)]), uri(second))
    check(second)
    check(first)
    assert files(first) == before


def test_a_database_that_moved_without_its_files_gets_them_anew(first: Path, record: StudyRecord) -> None:
    mirror(record, uri(first))
    before = files(first)
    second = first.with_name("second")
    second.mkdir()
    (first / "mlflow.db").rename(second / "mlflow.db")
    mirror(record, uri(second))
    check(second)
    assert files(second) == before


def test_what_earlier_versions_wrote_follows_too(first: Path, record: StudyRecord) -> None:
    """Their places were plain paths."""
    connect(uri(first)).create_experiment(record.name, str(first / "mlartifacts"))
    mirror(record, uri(first))
    second = first.rename(first.with_name("a%20second"))
    mirror(record, uri(second))
    check(second)
    assert not first.exists()


def test_a_place_that_somebody_chose_stays(first: Path, record: StudyRecord, tmp_path: Path) -> None:
    connect(uri(first)).create_experiment(record.name, (tmp_path / "chosen").as_uri())
    mirror(record, uri(first))
    assert len(list((tmp_path / "chosen").iterdir())) == 3
    assert not (first / "mlartifacts").exists()


def test_files_that_are_gone_are_written_again(first: Path, record: StudyRecord) -> None:
    mirror(record, uri(first))
    before = files(first)
    shutil.rmtree(first / "mlartifacts")
    mirror(record, uri(first))
    assert files(first) == before
    lost = next(path for path in (first / "mlartifacts").iterdir() if list(path.rglob("layers.csv")))
    shutil.rmtree(lost)
    mirror(record, uri(first))
    assert files(first) == before
    check(first)
