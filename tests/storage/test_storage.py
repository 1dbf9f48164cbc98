"""Study databases that are locked, stopped, started, reached with a password: a real SQLite, a real PostgreSQL."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from optuna.storages import RDBStorage

from explorer.storage import patient, stored
from explorer.storage.patient import StudyError, open_storage
from explorer.storage.study_store import StudyStore
from tests.support.mlflow_server import free_port
from tests.support.postgresql import PASSWORD, QUOTED, Server, postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as server:
        yield server


def attributes(number: int) -> dict[str, object]:
    costs = {"params": 100 + number, "bytes": 400 + 4 * number, "macs": 1}
    return costs | {"identity": f"net {number}", "seeds": [0], "architecture": "{}", "anchor": None}


def new(url: str, name: str = "study") -> StudyStore:
    return StudyStore(url, name, {"space": {}}, {"input_shape": [1, 8, 8], "classes": 10, "images": {"val": 360}})


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another connection to study.db."""
    connection = sqlite3.connect(tmp_path / "study.db", isolation_level=None, check_same_thread=False)
    yield connection
    connection.close()


@pytest.mark.slow
def test_a_locked_sqlite_file_is_waited_for(tmp_path: Path, lock: sqlite3.Connection) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    own = new(url)
    lock.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(4, lambda: lock.execute("COMMIT"))
    release.start()
    began = time.monotonic()
    trial = own.create(None, attributes(0))
    own.flush()
    assert 3.5 < time.monotonic() - began < 15
    release.join()
    lock.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(3, lambda: lock.execute("COMMIT"))
    release.start()
    own.save_curve(trial.number, 0, [{"epoch": 1, "val_acc": 0.5}], "cpu")
    own.finish(trial.number, "COMPLETE")
    own.flush()
    release.join()
    (trial,) = stored.load(url, "study").trials
    assert (trial.number, trial.state, trial.accuracy) == (0, "COMPLETE", 0.5)


@pytest.mark.slow
def test_patience_ends_with_one_line_and_then_holds_nothing_up(
    tmp_path: Path, lock: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient, "PATIENCE", 2.0)
    own = new(f"sqlite:///{tmp_path}/study.db")
    lock.execute("BEGIN EXCLUSIVE")
    own.create(None, attributes(0))
    with pytest.raises(StudyError, match="does not answer: database is locked"):
        own.flush()
    began = time.monotonic()
    with pytest.raises(StudyError, match="does not answer"):
        own.heartbeat()
    assert time.monotonic() - began < 1.9
    lock.execute("COMMIT")
    own.flush()
    assert [trial.number for trial in stored.load(f"sqlite:///{tmp_path}/study.db", "study").trials] == [0]


@pytest.mark.slow
def test_what_patience_does_not_mend_is_said_at_once(tmp_path: Path) -> None:
    own = new(f"sqlite:///{tmp_path}/study.db")
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("DROP TABLE trials")
    connection.close()
    began = time.monotonic()
    own.create(None, attributes(0))
    with pytest.raises(StudyError, match=r"study\.db cannot be used: no such table: trials"):
        own.flush()
    assert time.monotonic() - began < 20  # Optuna itself tries five times


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_what_was_done_before_the_answer_got_lost_is_not_done_twice(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    if kind == "postgresql":
        url = request.getfixturevalue("server").url
    lost = sqlalchemy.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError("database is locked"))

    def once(name: str) -> None:
        """The next call of a method is carried out, and its answer lost."""
        method = getattr(RDBStorage, name)

        def call(*arguments: object, **options: object) -> object:
            monkeypatch.setattr(RDBStorage, name, method)
            method(*arguments, **options)
            raise lost

        monkeypatch.setattr(RDBStorage, name, call)

    once("create_new_study")
    own = new(url, "twice")
    for number in range(2):
        once("create_new_trial")
        assert own.create(None, attributes(number)).number == number
        own.flush()
        own.save_curve(number, 0, [{"epoch": 1, "val_acc": 0.5}], "cpu")
        once("set_trial_state_values")
        own.finish(number, "COMPLETE")
        own.flush()
    assert [trial.state for trial in stored.load(url, "twice").trials] == ["COMPLETE", "COMPLETE"]


WRITES = ("create_new_trial", "set_trial_user_attr", "set_trial_state_values")


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("done", [False, True])
def test_what_ctrl_c_interrupts_is_written_at_the_end(
    name: str, done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    own = new(url)
    for number in range(2):
        own.create(None, attributes(number))
        own.save_curve(number, 0, [{"epoch": 1, "val_acc": 0.5}], "cpu")
        own.finish(number, "COMPLETE")
    method = getattr(patient.PatientStorage, name)

    def interrupted(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(patient.PatientStorage, name, method)
        if done:
            method(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(patient.PatientStorage, name, interrupted)
    with pytest.raises(KeyboardInterrupt):
        own.flush()
    own.release()
    read = stored.load(url, "study").trials
    assert [(trial.number, trial.state, trial.accuracy, trial.device) for trial in read] == [
        (0, "COMPLETE", 0.5, "cpu"),
        (1, "COMPLETE", 0.5, "cpu"),
    ]
    assert [trial.identity for trial in read] == ["net 0", "net 1"]


def test_somebody_else_who_adds_trials_is_noticed(tmp_path: Path) -> None:
    own = new(f"sqlite:///{tmp_path}/study.db")
    optuna.load_study(study_name="study", storage=f"sqlite:///{tmp_path}/study.db").ask()
    own.create(None, attributes(0))
    with pytest.raises(StudyError, match="another program adds trials to study study; the same command goes on"):
        own.flush()


@pytest.mark.postgres
def test_tables_are_made_once_by_many(server: Server) -> None:
    def open_one(_: int) -> int:
        opened = open_storage(server.url, create=True)
        count = len(opened.get_all_studies())
        opened.engine.dispose()
        return count

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_one, range(8)))


@pytest.mark.postgres
def test_a_wrong_password_is_said_without_the_password(server: Server) -> None:
    wrong = server.url.replace(QUOTED, "geheimnis")
    for url in (wrong, wrong.replace(":geheimnis@", "@") + "?password=geheimnis"):
        with pytest.raises(StudyError) as caught:
            open_storage(url)
        said = str(caught.value)
        assert "password authentication failed" in said
        assert "127.0.0.1" in said
        assert "geheimnis" not in said
        assert "\n" not in said


@pytest.mark.slow
def test_a_server_that_is_not_there_is_said_at_once() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'explorer[postgres]'")
    began = time.monotonic()
    with pytest.raises(StudyError, match="Connection refused") as caught:
        open_storage(f"postgresql://explorer:{QUOTED}@127.0.0.1:{free_port()}/explorer")
    assert time.monotonic() - began < 5
    assert QUOTED not in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_keys_that_an_earlier_study_lacks_count_as_what_they_were() -> None:
    from explorer.storage.patient import StudyError
    from explorer.storage.same_study import check_config

    stored = {"data": {"name": "image_folder", "dir": "a"}}
    facts = {"fingerprint": "x"}
    now = {"name": "image_folder", "dir": "b", "cache": "pictures", "unreadable": "stop", "draft": False}
    check_config("s", stored, {"data": now}, facts)
    with pytest.raises(StudyError, match=r"data\.draft was False, now True; a study keeps .* with study=NAME"):
        check_config("s", stored, {"data": now | {"draft": True}}, facts)


def test_trials_are_counted_without_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db", create=True)
    study, other = (storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], name) for name in ("a", "b"))
    for state in (optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.FAIL):
        storage.create_new_trial(study, optuna.trial.create_trial(state=state, params={}))
    assert storage.get_n_trials(study, optuna.trial.TrialState.FAIL) == 1

    def read(*_: object) -> None:
        raise AssertionError("a search counts before each of its trials")

    monkeypatch.setattr(patient, "read_trials", read)
    assert (storage.get_n_trials(study), storage.get_n_trials(other)) == (2, 0)
