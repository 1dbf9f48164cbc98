"""The MLflow view: real MLflow on real SQLite files, and a real server that comes up late."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from explorer.results import pareto
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import TrialIndex
from explorer.tracking import Tracker, TrackingError, check_uri, mirror, redact, view
from explorer.tracking.address import where_to_look
from explorer.tracking.client import connect
from explorer.tracking.mirror import open_mirror
from tests.support.mlflow_server import free_port, server
from tests.support.processes import wait_for
from tests.support.sample import finished_study, study, trial

# SQLAlchemy deprecates what MLflow 3.17 does.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")


@pytest.fixture
def uri(tmp_path: Path, empty_mlflow: Path) -> str:
    copy(empty_mlflow, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


def runs(uri: str, experiment: str = "fire_micro-digits") -> list[Any]:
    client = connect(uri)
    found = client.get_experiment_by_name(experiment)
    return list(client.search_runs([found.experiment_id], max_results=1000))


def parent_and_trials(uri: str, experiment: str = "fire_micro-digits") -> tuple[Any, dict[int, Any]]:
    everything = runs(uri, experiment)
    (parent,) = (run for run in everything if "mlflow.parentRunId" not in run.data.tags)
    children = {int(run.data.tags["trial"]): run for run in everything if run is not parent}
    assert len(children) == len(everything) - 1
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} <= {parent.info.run_id}
    return parent, children


def content(uri: str) -> dict[str, Any]:
    """Everything a person sees in the experiment: names, status, times, parameters, tags, every metric point, files."""
    client = connect(uri)
    parent, children = parent_and_trials(uri)
    seen: dict[str, Any] = {}
    for key, run in {"study": parent, **children}.items():
        tags = {name: value for name, value in run.data.tags.items() if name != "mlflow.parentRunId"}
        for number, child in children.items():  # the description links to runs, whose ids are each server's own
            tags = {name: value.replace(child.info.run_id, f"run-{number}") for name, value in tags.items()}
        history = {
            name: sorted(
                (point.step, point.timestamp, point.value) for point in client.get_metric_history(run.info.run_id, name)
            )
            for name in run.data.metrics
        }
        files = {file.path: text(client, run, file.path) for file in client.list_artifacts(run.info.run_id)}
        times = (run.info.start_time, run.info.end_time)
        seen[str(key)] = (run.info.run_name, run.info.status, times, run.data.params, tags, history, files)
    return seen


def text(client: Any, run: Any, name: str) -> str:
    return Path(client.download_artifacts(run.info.run_id, name)).read_text(encoding="utf-8")


def running(whole: TrialRecord, epochs: int) -> TrialRecord:
    return replace(whole, state="RUNNING", reason="", curves=tuple(curve[:epochs] for curve in whole.curves))


@pytest.mark.slow
def test_a_study_is_shown_whole(uri: str) -> None:
    record = finished_study(16)
    mirror(record, uri)
    parent, children = parent_and_trials(uri)
    client = connect(uri)

    assert sorted(children) == [trial.number for trial in record.trials]
    assert {number: run.info.status for number, run in children.items() if run.info.status != "FINISHED"} == {
        9: "FAILED"
    }
    run, whole = children[15], record.trials[15]
    assert run.data.params == {name: str(value) for name, value in whole.metaparameters.items()}
    costs = {"params": whole.params, "bytes": 4 * whole.params, "macs": whole.macs}
    assert run.data.metrics.items() >= costs.items()
    assert run.data.metrics["val_acc"] == pytest.approx(whole.accuracy)
    assert run.data.metrics["seconds"] == pytest.approx(whole.seconds)
    points = client.get_metric_history(run.info.run_id, "val_loss")
    means = [sum(curve[epoch]["val_loss"] for curve in whole.curves) / 3 for epoch in range(20)]
    assert [point.step for point in points] == list(range(1, 21))
    assert [point.value for point in points] == pytest.approx(means)
    assert run.data.tags["seeds"] == "0 1 2"
    assert run.data.tags["identity"] == whole.identity
    assert children[9].data.tags["reason"] == "loss is NaN in epoch 4"
    assert children[12].data.tags["state"] == "PRUNED"
    assert children[0].data.params == {"anchor": "squeezenet_v1_0"}
    assert children[0].info.run_name == "0 SqueezeNet v1.0 98.1 % 727k"

    on_front = {number for number, run in children.items() if run.data.tags["on_front"] == "true"}
    assert on_front == {trial.number for trial in pareto.front_trials(record)}
    assert parent.info.status == "FINISHED"
    described = parent.data.tags["mlflow.note.content"]
    assert "**SqueezeNet v1.0**" in described
    place = f"#/experiments/{parent.info.experiment_id}/runs"
    assert all(f"| [{number}]({place}/{children[number].info.run_id}) |" in described for number in on_front)
    assert parent.data.params["space.family"] == "fire"
    assert parent.data.params["space.search.base_e"] == "int 16..128 step=16"
    assert parent.data.params["recipe.lr"] == "0.002"
    assert parent.data.params["versions.torch"] == "2.14.1"
    assert parent.data.params["git_commit"] == "cb17646"
    volumes = client.get_metric_history(parent.info.run_id, "hypervolume")
    assert [point.step for point in volumes] == list(range(1, len(record.finished) + 1))
    assert volumes[-1].value == pytest.approx(pareto.study_hypervolume(record))


@pytest.mark.slow
def test_the_files_of_a_study(uri: str, tmp_path: Path) -> None:
    record = finished_study(6)
    mirror(record, uri)
    client = connect(uri)
    parent, children = parent_and_trials(uri)
    rows = json.loads(text(client, parent, "front.json"))
    assert [row["trial"] for row in rows] == [trial.number for trial in pareto.front_trials(record)]
    table = text(client, parent, "front.csv").splitlines()
    assert len(table) == len(rows) + 1
    assert table[0].startswith("trial,anchor,params,bytes,macs,val_acc,error,epochs,seconds,identity")
    assert "SqueezeNet v1.0" in text(client, parent, "pareto.html")
    page = text(client, parent, "search.html")
    figures = ("figure_history_0", "figure_curves_0", "figure_parallel_0", "What counts for accuracy at equal size")
    assert all(key in page for key in figures)
    assert "How errors are spread in the space" in page
    assert len(page) < 6e6
    assert text(client, children[3], "architecture.json") == record.trials[3].architecture
    layers = text(client, children[0], "layers.csv").splitlines()
    assert layers[0] == "name,type,input_shape,output_shape,params,macs"
    assert sum(int(line.split(",")[4]) for line in layers[1:]) == record.trials[0].params
    # Beside the database, so that `mlflow ui --backend-store-uri sqlite:///mlflow.db` finds them from any folder.
    assert (tmp_path / "mlartifacts" / parent.info.run_id / "artifacts" / "pareto.html").is_file()


@pytest.mark.slow
def test_again_adds_nothing(uri: str) -> None:
    record = finished_study(16)
    mirror(record, uri)
    before = content(uri)
    mirror(record, uri)
    assert content(uri) == before


@pytest.mark.slow
def test_an_empty_server_is_given_everything(uri: str, tmp_path: Path) -> None:
    """What grew up with the search, epoch by epoch and over two searches, equals what is rebuilt at once."""
    grown, rebuilt = uri, f"sqlite:///{tmp_path}/no/folder/yet/mlflow.db"
    whole = finished_study(12)
    ends = sorted(whole.trials, key=lambda one: (one.started + one.seconds, one.number))
    for done in (0, 3, 9):
        finished = ends[:done]
        part = tuple(one if one in finished else running(one, done // 2) for one in whole.trials[: done + 2])
        mirror(replace(whole, trials=part), grown, ended=done == 3)
    mirror(whole, grown)
    mirror(whole, rebuilt)
    assert content(grown) == content(rebuilt)


@pytest.mark.slow
def test_nothing_is_left_running_and_a_later_search_goes_on(uri: str) -> None:
    halfway = study([trial(0), running(trial(1), 5)])
    mirror(halfway, uri, ended=False)
    parent, children = parent_and_trials(uri)
    assert [parent.info.status, children[0].info.status, children[1].info.status] == ["RUNNING", "FINISHED", "RUNNING"]
    mirror(halfway, uri)
    parent, children = parent_and_trials(uri)
    assert [parent.info.status, children[1].info.status] == ["FINISHED", "KILLED"]
    mirror(study([trial(0), running(trial(1), 9)]), uri, ended=False)
    parent, children = parent_and_trials(uri)
    assert [parent.info.status, children[1].info.status] == ["RUNNING", "RUNNING"]
    assert children[1].data.metrics["epoch"] == 9
    mirror(study([trial(0), trial(1)]), uri)
    assert {run.info.status for run in runs(uri)} == {"FINISHED"}


@pytest.mark.slow
def test_runs_a_killed_controller_left_running_are_put_right(uri: str) -> None:
    mirror(study([trial(0), running(trial(1), 5), running(trial(2), 5)]), uri, ended=False)
    failed = replace(trial(1), state="FAIL", reason="out of memory")
    mirror(study([trial(0), failed]), uri)
    _, children = parent_and_trials(uri)
    assert {number: run.info.status for number, run in children.items()} == {0: "FINISHED", 1: "FAILED", 2: "KILLED"}


@pytest.mark.slow
def test_who_leaves_the_front_loses_its_tag(uri: str) -> None:
    first, better = trial(2, accuracy=0.8), replace(trial(3, accuracy=0.9), params=trial(2).params - 1)
    mirror(study([first]), uri, ended=False)
    mirror(study([first, better]), uri)
    parent, _ = parent_and_trials(uri)
    tags = {run.data.tags["trial"]: run.data.tags["on_front"] for run in runs(uri) if "trial" in run.data.tags}
    assert tags == {"2": "false", "3": "true"}
    assert "| [3](#" in parent.data.tags["mlflow.note.content"]
    assert "| [2](#" not in parent.data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_what_was_deleted_in_mlflow_comes_back(uri: str) -> None:
    record = study([trial(0), trial(1)])
    mirror(record, uri)
    before = content(uri)
    client = connect(uri)
    parent, children = parent_and_trials(uri)
    client.delete_run(children[1].info.run_id)
    mirror(record, uri)
    assert content(uri) == before
    client.delete_experiment(parent.info.experiment_id)
    mirror(record, uri)
    assert content(uri) == before


@pytest.mark.slow
def test_studies_of_one_name_do_not_mix(uri: str) -> None:
    mirror(study([trial(0), trial(1)]), uri)
    mirror(study([replace(trial(0), started=5.0)]), uri)
    everything = runs(uri)
    parents = [run for run in everything if "mlflow.parentRunId" not in run.data.tags]
    assert (len(parents), len(everything)) == (2, 5)


@pytest.mark.slow
def test_long_trainings_and_long_configurations_fit_mlflows_limits(uri: str) -> None:
    record = study([trial(0, epochs=500), trial(1)])
    record = replace(record, config=record.config | {f"key{i}": i for i in range(250)} | {"long": "x" * 10_000})
    mirror(record, uri)
    parent, children = parent_and_trials(uri)
    assert len(connect(uri).get_metric_history(children[0].info.run_id, "val_acc")) == 500
    assert parent.data.params["key249"] == "249"
    assert parent.data.params["long"] == "x" * 6_000


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collects what is sent to any database."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    sent: list[str] = []

    def collect(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", collect)
    yield sent
    event.remove(Engine, "before_cursor_execute", collect)


@pytest.mark.slow
def test_a_sync_costs_what_changed(uri: str) -> None:
    from explorer.tracking.mirror import Mirror

    counts = []
    for size in (3, 40):
        record = study([trial(number, accuracy=0.9) for number in range(size)], name=f"of {size}")
        one = Mirror(connect(uri), uri, record)
        one.sync(record, ended=False)
        with statements() as sent:
            one.sync(record, ended=False)
        assert sent == []
        more = study([*record.trials, trial(size, accuracy=0.5)], name=record.name)
        with statements() as sent:
            one.sync(more, ended=False)
        counts.append(len(sent))
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_tracker_follows_a_search(uri: str, capfd: pytest.CaptureFixture[str]) -> None:
    warnings: list[str] = []
    tracker = Tracker(uri, warnings.append, refresh=0.1)
    whole = finished_study(5)
    for done in range(len(whole.trials)):
        begun = time.monotonic()
        tracker.update(replace(whole, trials=(*whole.trials[:done], running(whole.trials[done], 4))))
        assert time.monotonic() - begun < 0.1
        time.sleep(0.05)
    tracker.update(replace(whole, trials=(*whole.trials[:-1], running(whole.trials[-1], 7))))
    assert tracker.close(60)
    parent, children = parent_and_trials(uri)
    assert tracker.place == f"#/experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}"
    assert parent.info.status == "FINISHED"
    assert children[len(whole.trials) - 1].info.status == "KILLED"
    assert children[len(whole.trials) - 1].data.metrics["epoch"] == 7
    assert warnings == []
    assert capfd.readouterr() == ("", "")


def writers(parent: int) -> list[int]:
    """Processes that write to MLflow for a process."""
    own = [(path, path.read_bytes()) for path in Path("/proc").glob("[0-9]*/cmdline") if path.parent.exists()]
    found = [path.parent for path, line in own if b"explorer.tracking.worker" in line]
    return [int(path.name) for path in found if f"PPid:\t{parent}\n" in (path / "status").read_text()]


@pytest.mark.slow
def test_another_process_writes_and_neither_signals_nor_its_death_are_noticed(
    uri: str, capfd: pytest.CaptureFixture[str]
) -> None:
    warnings: list[str] = []
    tracker = Tracker(uri, warnings.append, refresh=0.1)
    whole = finished_study(4)
    tracker.update(replace(whole, trials=whole.trials[:2]))
    wait_for(lambda: bool(writers(os.getpid())))
    (writer,) = writers(os.getpid())
    assert os.getpgid(writer) != os.getpgid(0)  # what a terminal sends to the search's whole group is not sent to it
    wait_for(lambda: _has_trials(uri, 2))
    assert os.getpriority(os.PRIO_PROCESS, writer) > os.getpriority(os.PRIO_PROCESS, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(writer, number)
    tracker.update(replace(whole, trials=whole.trials[:4]))
    wait_for(lambda: _has_trials(uri, 4))
    assert writers(os.getpid()) == [writer]
    os.kill(writer, signal.SIGKILL)
    tracker.update(whole)
    wait_for(lambda: _has_trials(uri, len(whole.trials)))
    assert tracker.close(60)
    parent, children = parent_and_trials(uri)
    assert len(children) == len(whole.trials)
    assert parent.info.status == "FINISHED"
    assert all("(the process that writes to it is gone); the search goes on" in line for line in warnings)
    assert len(warnings) <= 1  # none if nothing was being written just then
    assert writers(os.getpid()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="this Linux does not weigh sessions")
def test_what_writes_gives_way_until_the_search_is_over(uri: str) -> None:
    """On a machine whose cores are taken it would need a minute for the imports that the end of a search waits for."""
    tracker = Tracker(uri)
    tracker.update(finished_study(4))
    wait_for(lambda: bool(writers(os.getpid())))
    weight = Path(f"/proc/{writers(os.getpid())[0]}/autogroup")
    wait_for(lambda: weight.read_text().endswith(" nice 10\n"), 10)
    closing = threading.Thread(target=tracker.close)
    closing.start()
    wait_for(lambda: weight.read_text().endswith(" nice 0\n"), 10)
    closing.join()
    assert _has_trials(uri, len(finished_study(4).trials))


@pytest.mark.slow
def test_what_writes_ends_with_a_search_that_is_killed(tmp_path: Path) -> None:
    code = "import time; from explorer.tracking import Tracker; from tests.support.sample import finished_study; "
    code += f"tracker = Tracker('sqlite:///{tmp_path}/mlflow.db'); tracker.update(finished_study(30)); time.sleep(60)"
    search = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: bool(writers(search.pid)))
    (writer,) = writers(search.pid)
    wait_for((tmp_path / "mlflow.db.making").exists)  # it is at work
    search.kill()
    assert search.communicate(timeout=60) == (None, "")
    wait_for(lambda: not Path(f"/proc/{writer}").exists(), 20)


@pytest.mark.slow
def test_a_tracker_with_nothing_to_show_closes(uri: str) -> None:
    assert Tracker(uri).close(10)


@pytest.mark.slow
def test_a_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    port = free_port()
    warnings: list[str] = []
    tracker = Tracker(f"http://somebody:s3cret@127.0.0.1:{port}", warnings.append, refresh=0.1)
    record = finished_study(4)
    tracker.update(replace(record, trials=record.trials[:3]))
    deadline = time.monotonic() + 60
    while not warnings and time.monotonic() < deadline:
        time.sleep(0.05)
    tracker.update(record)
    with server(tmp_path / "server", port) as address:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and not _has_trials(address, len(record.trials)):
            time.sleep(0.5)
        assert tracker.close(60)
        parent, children = parent_and_trials(address)
        assert parent.info.status == "FINISHED"
        assert len(children) == len(record.trials)
        assert "SqueezeNet v1.0" in text(connect(address), parent, "pareto.html")
    (line,) = warnings
    assert "Connection refused" in line
    assert "\n" not in line
    assert "s3cret" not in line
    assert "somebody" not in line


def _has_trials(address: str, count: int) -> bool:
    client = connect(address)
    found = client.get_experiment_by_name("fire_micro-digits")
    return found is not None and len(client.search_runs([found.experiment_id])) == count + 1


@pytest.mark.slow
def test_a_server_that_stays_away_is_one_line(tmp_path: Path) -> None:
    address = f"http://somebody:s3cret@127.0.0.1:{free_port()}"
    warnings: list[str] = []
    tracker = Tracker(address, warnings.append)
    tracker.update(finished_study(1))
    assert not tracker.close(30)
    assert len(warnings) == 2
    assert "python -m explorer.track" in warnings[1]
    with pytest.raises(TrackingError) as caught:
        mirror(finished_study(1), address)
    for line in (*warnings, str(caught.value)):
        assert "\n" not in line
        assert "s3cret" not in line
        assert "somebody" not in line
    assert "Connection refused" in str(caught.value)


@pytest.mark.slow
def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(TrackingError, match="file is not a database"):
        mirror(finished_study(1), f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("mlruns", "a plain path"),
        ("file:///tmp/mlruns", "'file'"),
        ("htpp://localhost:5000", "'htpp'"),
        ("http://", "no host"),
    ],
)
def test_what_can_be_no_server_is_refused_at_once(uri: str, said: str) -> None:
    with pytest.raises(TrackingError, match=said):
        check_uri(uri)
    with pytest.raises(TrackingError, match=said):
        Tracker(uri)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:pw@host:5000/x", "http://***@host:5000/x"),
        ("postgresql+psycopg://me:p@w@host/db", "postgresql+psycopg://***@host/db"),
        ("postgresql://host/db?password=pw&sslmode=on", "postgresql://host/db?password=***&sslmode=on"),
        ("cannot reach 'https://token@host/'", "cannot reach 'https://***@host/'"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_names_of_runs() -> None:
    point = {"base_e": 64, "incr_e": 32, "freq": 2, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
    one = replace(trial(17, accuracy=0.9123), metaparameters=point, params=48_211)
    assert view.run_name(one) == "17 e=64+32/2 p3=.5 sr=.25 91.2 % 48.2k"
    assert view.run_name(running(one, 3)) == "17 e=64+32/2 p3=.5 sr=.25 48.2k"
    assert (
        view.run_name(replace(one, metaparameters={"bypass": "simple", "levels": 3}))
        == "17 by=simple levels=3 91.2 % 48.2k"
    )


def described_as(record: StudyRecord, links: dict[int, str] | None = None) -> str:
    return view.note(record, TrialIndex(record), links)


def test_the_description_says_what_is_better_than_squeezenet() -> None:
    canonical = trial(0, anchor="squeezenet_v1_0", accuracy=0.95)
    third = replace(trial(2, accuracy=0.945), params=int(0.31 * canonical.params))
    better = replace(trial(3, accuracy=0.999), params=int(0.62 * canonical.params))
    described = described_as(study([canonical, third, better]), {2: "#/runs/two"})
    assert described.startswith("Against canonical SqueezeNet v1.0, trained the same way:")
    assert "- **trial [2](#/runs/two): same accuracy at 0.31x the parameters (-0.5 ± 1.7 points: within" in described
    assert "- **trial 3: more accurate at 0.62x the parameters (+4.9 ± 1.3 points)**" in described
    assert "Against" not in described_as(study([third, better]))
    assert "Against" not in described_as(study([canonical, replace(third, params=2 * canonical.params)]))


@pytest.mark.slow
def test_a_long_front_fits_a_tag() -> None:
    record = study([replace(trial(n, accuracy=n / 500), params=1000 + n) for n in range(1, 400)])
    described = described_as(record)
    assert len(described) <= 8_000
    assert described.endswith("see front.csv |")


def test_epochs_of_several_seeds() -> None:
    three = trial(1, seeds=(0, 1, 2))
    ragged = replace(three, curves=(three.curves[0], three.curves[1][:4], ()))
    assert view.curve(replace(ragged, state="RUNNING")) == []
    assert len(view.curve(replace(ragged, state="FAIL"))) == 20
    assert view.curve(three)[-1]["val_acc"] == pytest.approx(three.accuracy)


@pytest.mark.slow
def test_a_database_cut_off_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    code = "from explorer.tracking.mirror import open_mirror; from tests.support.sample import finished_study; "
    code += f"open_mirror({uri!r}, finished_study(2))"
    process = subprocess.Popen([sys.executable, "-c", code])
    while not (tmp_path / "mlflow.db.making").exists():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.3)
    process.kill()
    process.wait()
    open_mirror(uri, finished_study(2)).sync(finished_study(2), False)
    assert len(connect(uri).search_experiments()) == 2


@contextmanager
def time_zone(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.slow
def test_a_study_without_a_key_is_known_in_every_time_zone(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key was made of local time, which is what Optuna stores."""
    born = datetime(2025, 3, 30, 1, 59, 59, 123_457)  # noqa: DTZ001 - as Optuna stores it
    for zone in ("Asia/Kathmandu", "UTC", "America/St_Johns", "Pacific/Kiritimati"):
        with time_zone(zone, monkeypatch):
            mirror(study([replace(trial(0), started=born.timestamp()), trial(1)]), uri)
    assert sorted(parent_and_trials(uri)[1]) == [0, 1]
    mirror(study([replace(trial(0), started=born.timestamp() + 1), trial(1)]), uri)  # another study
    assert len(runs(uri)) == 6


@pytest.mark.slow
def test_a_studys_key_is_what_it_is_known_by(uri: str) -> None:
    record = replace(study([trial(0)]), facts=study([]).facts | {"key": "of-the-study"})
    mirror(record, uri)
    mirror(replace(record, trials=(replace(trial(0), started=5.0),)), uri)
    parent, children = parent_and_trials(uri)
    assert {run.data.tags["explorer.study"] for run in (parent, *children.values())} == {"of-the-study"}


@pytest.mark.slow
def test_what_a_kill_left_half_made_is_put_right(uri: str, tmp_path: Path) -> None:
    for name in ("mlflow.db.making", "mlflow.db.making-journal"):
        (tmp_path / name).write_text("half")
    mirror(study([trial(0), running(trial(1), 5)]), uri, ended=False)
    mirror(study([trial(0), trial(1)]), uri)
    assert {run.info.status for run in runs(uri)} == {"FINISHED"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlartifacts", "mlflow.db"]


@pytest.mark.slow
def test_the_environment_names_the_experiment(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ours")
    mirror(study([trial(0)]), uri)
    mirror(study([trial(0)], name="second"), uri)
    assert len(runs(uri, "ours")) == 4
    assert connect(uri).get_experiment_by_name("second") is None


@pytest.mark.slow
def test_who_does_not_answer_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as silent, socket.socket() as first:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        first.connect(silent.getsockname())  # whoever comes next gets no answer
        for port, said in ((free_port(), "Connection refused"), (silent.getsockname()[1], "timed out")):
            begun = time.monotonic()
            with pytest.raises(TrackingError, match=said):
                mirror(study([trial(0)]), f"http://127.0.0.1:{port}")
            assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("uri", "place", "shown"),
    [
        ("http://me:pw@host:5000/mlflow/", "#/x", "http://host:5000/mlflow/#/x"),
        ("https://host", None, "https://host"),
        (
            "sqlite:///mlflow.db",
            "#/x",
            "mlflow ui --backend-store-uri sqlite:///mlflow.db\nthen open http://127.0.0.1:5000/#/x",
        ),
        ("sqlite:///a b.db", None, "mlflow ui --backend-store-uri 'sqlite:///a b.db'"),
    ],
)
def test_where_a_run_is_seen(uri: str, place: str | None, shown: str) -> None:
    assert where_to_look(uri, place) == shown
