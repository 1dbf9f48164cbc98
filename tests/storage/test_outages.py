"""Study database and MLflow server away for half a minute in the middle of a search: really stopped, really started."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from explorer.results.record import TrialRecord
from explorer.storage import stored
from explorer.storage.patient import StudyError
from explorer.tracking.client import connect
from tests.support.mlflow_server import free_port
from tests.support.mlflow_server import server as mlflow_server
from tests.support.postgresql import PASSWORD, QUOTED, postgresql
from tests.support.processes import SPACE, WHOLE, run, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    # MLflow 3.17's own use of SQLAlchemy and pydantic.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]

OUTAGE_SECONDS = 30.0
TRIALS, EPOCHS = 8, 12
"""Enough that the search is still at it when both are away."""


@dataclass
class Database:
    """A study database that can be taken away and given back."""

    url: str
    take_away: Callable[[], Any]
    give_back: Callable[[], Any]


@contextmanager
def stopped_postgresql(_: Path) -> Iterator[Database]:
    with postgresql() as server:
        yield Database(server.url, server.stop, server.start)


@contextmanager
def locked_sqlite(folder: Path) -> Iterator[Database]:
    lock = sqlite3.connect(folder / "study.db", isolation_level=None)
    yield Database(
        f"sqlite:///{folder}/study.db", lambda: lock.execute("BEGIN EXCLUSIVE"), lambda: lock.execute("COMMIT")
    )
    lock.close()


def finished(url: str) -> list[TrialRecord]:
    """Trials that are told."""
    try:
        return [trial for trial in stored.load(url, "small").trials if trial.state == "COMPLETE"]
    except StudyError:  # not made yet
        return []


def mlflow_runs(address: str) -> list[Any]:
    client = connect(address)
    experiment = client.get_experiment_by_name("small")
    return list(client.search_runs([experiment.experiment_id], max_results=100)) if experiment else []


@pytest.mark.parametrize(
    ("database", "empty"), [pytest.param(stopped_postgresql, True, marks=pytest.mark.postgres), (locked_sqlite, False)]
)
def test_half_a_minute_without_database_and_tracker(database: Any, empty: bool, tmp_path: Path) -> None:
    """The tracker goes away first, so that a trial is told without it; then the database; the tracker is back first.

    It comes back with what it held, or as an empty server.
    """
    (tmp_path / "small.yaml").write_text(SPACE)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    log = tmp_path / "log.txt"
    with ExitStack() as stack:
        study = stack.enter_context(database(tmp_path))
        words = ["-m", "explorer.search", *WHOLE, f"n_trials={TRIALS}", f"epochs={EPOCHS}", "launcher.devices=[cpu]"]
        words += [f"storage='{study.url}'", f"tracking={address}"]
        with mlflow_server(tmp_path / "mlflow", port):
            with log.open("wb") as output:
                search = subprocess.Popen(
                    [sys.executable, *words], cwd=tmp_path, stdout=output, stderr=output, start_new_session=True
                )
            stack.callback(search.kill)
            wait_for(lambda: bool(finished(study.url)) and len(mlflow_runs(address)) >= 2, 200)
        began, told = time.monotonic(), len(finished(study.url))
        wait_for(lambda: len(finished(study.url)) > told, 100)
        before = finished(study.url)
        study.take_away()
        database_began = time.monotonic()
        wait_for(lambda: "cannot be written to" in log.read_text(), 100)
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - began)))
        with mlflow_server(tmp_path / ("another" if empty else "mlflow"), port):
            time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - database_began)))
            assert search.poll() is None, log.read_text()
            assert len(before) < TRIALS
            study.give_back()
            assert search.wait(300) == 0, log.read_text()
            runs = mlflow_runs(address)
        trials = stored.load(study.url, "small").trials
        again = run(tmp_path, *words[1:])
    assert [trial.state for trial in trials] == ["COMPLETE"] * TRIALS
    assert [len(trial.curves[0]) for trial in trials] == [EPOCHS] * TRIALS
    assert len({trial.identity for trial in trials}) == TRIALS
    assert [trial for trial in trials if trial.number in {own.number for own in before}] == before
    assert sorted(run.data.tags.get("trial", "") for run in runs) == ["", *map(str, range(TRIALS))]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run_ in runs:
        if "trial" in run_.data.tags:
            assert run_.data.metrics["val_acc"] == trials[int(run_.data.tags["trial"])].accuracy
    printed = log.read_text()
    for line in ("does not answer (", "answers again", "cannot be written to ("):
        assert printed.count(line) == 1, printed
    assert "Traceback" not in printed
    assert f"{TRIALS} trials" in again
    for secret in (PASSWORD, QUOTED):
        assert secret not in again
        assert [own for own in tmp_path.rglob("*") if own.is_file() and secret.encode() in own.read_bytes()] == []
