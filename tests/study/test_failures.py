"""What goes wrong in a long search, done for real: nothing finished is lost, one line, the same command goes on."""

import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from explorer.cli.config import folder as folder_of
from explorer.cli.config import load_space
from explorer.launchers.local import LocalLauncher
from explorer.results.budget import Budget
from explorer.results.record import StudyRecord
from explorer.samplers import Proposer
from explorer.storage.patient import open_storage
from explorer.storage.study_store import StudyStore
from explorer.study.controller import Controller
from explorer.study.stopping import NoStopping
from explorer.tracking.client import connect
from explorer.training.worker import data_facts
from tests.support.processes import SHORT, SPACE, WHOLE, run, search, start, study, training, wait_for, workers

# MLflow 3.17's own use of SQLAlchemy and pydantic.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]

RECIPE, DATA = (
    yaml.safe_load((folder_of("conf") / name).read_text()) for name in ("recipe/fast.yaml", "data/digits.yaml")
)


HELD: list[Any] = []
"""What `fill_gpu` has taken, in a worker."""


def fill_gpu() -> None:
    """Takes what memory the worker's GPU has left, for as long as the worker lives."""
    import torch

    torch.cuda.empty_cache()
    size, _ = torch.cuda.mem_get_info()
    while size > 2**16:
        try:
            HELD.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:
            size //= 2


class Saboteur(LocalLauncher):
    """The real launcher; `before` may change a job, raise what the job shall raise, or name what goes before it."""

    def __init__(self, before: Callable[[dict[str, Any]], Any], devices: tuple[int | str, ...]) -> None:
        super().__init__(devices)
        self.before = before
        self.jobs: list[dict[str, Any]] = []

    def submit(self, slot: int, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if "architecture" in arguments[0]:
            self.jobs.append(arguments[0])
            try:
                if (first := self.before(arguments[0])) is not None:
                    super().submit(slot, first)
            except (MemoryError, RuntimeError) as error:
                failed: Future[Any] = Future()
                failed.set_exception(error)
                return failed
        return super().submit(slot, function, *arguments)


@pytest.fixture
def controlled(tmp_path: Path) -> Iterator[Callable[..., tuple[StudyRecord, Saboteur]]]:
    """Runs a search of 4 trials, 2 epochs, in this process, with real workers and one act of sabotage."""
    launchers: list[Saboteur] = []

    def go(
        before: Callable[[dict[str, Any]], Any], devices: tuple[int | str, ...] = ("cpu", "cpu")
    ) -> tuple[StudyRecord, Saboteur]:
        (tmp_path / "small.yaml").write_text(SPACE)
        space = load_space(tmp_path / "small.yaml")
        launcher = Saboteur(before, devices)
        launchers.append(launcher)
        config = {"space": space.as_dict(), "data": DATA, "recipe": RECIPE, "epochs": 2, "seed": 0, "seeds": 1}
        facts = launcher.submit(0, data_facts, DATA).result()
        record_store = StudyStore(f"sqlite:///{tmp_path}/study.db", "small", config, facts)
        proposer = Proposer(space, {"name": "random"}, 0)
        controller = Controller(
            record_store, space, proposer, NoStopping(1), launcher, Budget(4), tmp_path / "runs", timeout=None
        )
        controller.run(lambda record: None, lambda now: None)
        return study(tmp_path), launcher

    yield go
    for launcher in launchers:
        launcher.close()


def of_trial(job: dict[str, Any], number: int) -> bool:
    return Path(job["folder"]).parent.name == str(number)


def test_a_loss_that_is_no_number_fails_one_trial_and_says_why(controlled: Any) -> None:
    def poison(job: dict[str, Any]) -> None:
        if of_trial(job, 2):
            job["recipe"] = job["recipe"] | {"lr": 1e30, "clip": None}

    record, _ = controlled(poison)
    assert [trial.state for trial in record.trials] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    assert record.trials[2].reason.startswith("TrainingError: epoch 1")
    assert record.trials[2].accuracy is None


def test_an_infinite_loss_fails_one_trial_and_says_why(controlled: Any) -> None:
    """Between two rungs the last biases become so large that an image's loss is finite and a batch's is not."""

    def inflate(job: dict[str, Any]) -> None:
        if of_trial(job, 2) and job["first_epoch"] == 1:
            from explorer.training import checkpoint

            trained = checkpoint.load(job["folder"], 1)
            trained.tensors["model.conv10.bias"][0] = 8e37
            trained.tensors["model.conv10.bias"][1:] = -8e37
            checkpoint.save(job["folder"], trained)

    record, _ = controlled(inflate)
    assert [trial.state for trial in record.trials] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    assert record.trials[2].reason == "TrainingError: epoch 2: the training loss became inf"


@pytest.mark.parametrize("whose", ["Python", "torch"])
def test_out_of_memory_is_tried_once_with_smaller_batches(controlled: Any, whose: str) -> None:
    def exhaust(job: dict[str, Any]) -> None:
        if of_trial(job, 1) and job["recipe"]["batch_size"] == 64:
            if whose == "Python":
                raise MemoryError("out of it")
            import torch

            torch.empty(2**50, dtype=torch.uint8)

    record, launcher = controlled(exhaust)
    assert [trial.state for trial in record.trials] == ["COMPLETE"] * 4
    assert record.trials[1].adjusted == {"batch_size": 32, "accumulate": 2}
    last = next(job for job in reversed(launcher.jobs) if of_trial(job, 1))
    assert last["recipe"]["batch_size"] * last["recipe"]["accumulate"] == 64
    assert all(trial.adjusted == {} for trial in record.trials if trial.number != 1)


def test_out_of_memory_for_good_fails_one_trial(controlled: Any) -> None:
    def exhaust(job: dict[str, Any]) -> None:
        if of_trial(job, 1):
            raise MemoryError("out of it")

    record, launcher = controlled(exhaust)
    assert [trial.state for trial in record.trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert record.trials[1].reason == "MemoryError: out of it"
    assert sum(of_trial(job, 1) for job in launcher.jobs) == 2


def test_a_full_gpu_costs_one_rung_and_its_worker(controlled: Any) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    filled: list[Any] = []

    def fill(job: dict[str, Any]) -> Any:
        if not of_trial(job, 1) or filled:
            return None
        filled.append(job)
        return fill_gpu

    record, _ = controlled(fill, (0,))
    assert [trial.state for trial in record.trials] == ["COMPLETE"] * 4
    assert record.trials[1].adjusted == {"batch_size": 32, "accumulate": 2}
    assert all(trial.adjusted == {} for trial in record.trials if trial.number != 1)


def test_a_torn_checkpoint_costs_a_rung(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    calm = tmp_path_factory.mktemp("calm")
    (calm / "small.yaml").write_text(SPACE)
    words = ["n_trials=1", "epochs=6", "launcher.devices=[cpu]"]
    search(calm, *words)
    process = start(folder, "explorer.search", *WHOLE, *words)
    wait_for(lambda: study_of(folder) is not None and sum(map(len, study(folder).trials[0].curves)) >= 3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    done = len(study(folder).trials[0].curves[0])
    newest = folder / f"runs/small/0/seed_0/epoch_{done:04d}.safetensors"
    os.truncate(newest, newest.stat().st_size // 2)
    search(folder, *words)
    (mine,), (theirs,) = study(folder).trials, study(calm).trials
    assert [e["val_loss"] for e in mine.curves[0]] == [e["val_loss"] for e in theirs.curves[0]]


def study_of(folder: Path) -> StudyRecord | None:
    """The study, once it has a trial."""
    try:
        record = study(folder)
    except ValueError:
        return None
    return record if record.trials else None


def test_a_hanging_worker_is_replaced(folder: Path) -> None:
    process = start(
        folder,
        "explorer.search",
        "+space=small",
        "--config-dir",
        ".",
        "epochs=3",
        "stopping=none",
        "stopping.rung=1",
        "n_trials=3",
        "timeout=12",
    )
    wait_for(training(folder))
    os.kill(workers(process.pid)[0], signal.SIGSTOP)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    assert [trial.state for trial in study(folder).trials] == ["COMPLETE"] * 3


def mlflow_statuses(folder: Path) -> list[str]:
    """Of every run of the study in MLflow."""
    client = connect(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    return [run.info.status for run in client.search_runs([experiment.experiment_id], max_results=100)]


def assert_it_goes_on(folder: Path) -> None:
    """The same command finishes every trial that was begun, from what was stored of it, and leaves none RUNNING."""
    before = study(folder).trials
    search(folder, f"n_trials={len(before)}")
    after = study(folder).trials
    assert {trial.state for trial in after} == {"COMPLETE"}
    assert [(trial.number, trial.identity) for trial in after] == [(trial.number, trial.identity) for trial in before]
    for old, new in zip(before, after, strict=True):
        assert new.curves[0][: len(old.curves[0])] == old.curves[0]
        assert len(new.curves[0]) == 3
        assert old.state == "RUNNING" or old == new
    assert set(mlflow_statuses(folder)) == {"FINISHED"}


@pytest.mark.parametrize(("number", "signals"), [(signal.SIGTERM, 1), (signal.SIGTERM, 2), (signal.SIGINT, 2)])
def test_a_signal_stops_cleanly_and_a_second_one_at_once(folder: Path, number: signal.Signals, signals: int) -> None:
    process = start(folder, "explorer.search", *SHORT, "n_trials=30")
    wait_for(training(folder))
    with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as database:
        if signals == 2:
            database.execute("BEGIN EXCLUSIVE")  # the first one's clean stop waits for the database
        for _ in range(signals):
            os.kill(process.pid, number)
            time.sleep(1)
        out, err = process.communicate(timeout=200)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    if signals == 1:
        assert "stopped; the same command goes on" in out
        assert "RUNNING" not in mlflow_statuses(folder)
    else:
        assert "stopped" not in out
    assert any(trial.curves[0] for trial in study(folder).trials)
    assert_it_goes_on(folder)


def test_worker_and_controller_are_killed_together(folder: Path) -> None:
    process = start(folder, "explorer.search", *SHORT, "n_trials=3")
    wait_for(training(folder))
    own = workers(process.pid)
    os.kill(own[0], signal.SIGKILL)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in own), 20)
    assert_it_goes_on(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_stops_the_search_in_one_line_and_nothing_is_lost(folder: Path) -> None:
    (folder / "runs").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(folder / "runs")]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        words = ["n_trials=3", "launcher.devices=[cpu]"]
        printed = search(folder, *words, code=2)
        assert "the disk of runs/small is full; free some space, then the same command goes on" in printed
        assert "Traceback" not in printed
        subprocess.run(["mount", "-o", "remount,size=100m", str(folder / "runs")], check=True)
        search(folder, *words)
        assert [trial.state for trial in study(folder).trials] == ["COMPLETE"] * 3
    finally:
        subprocess.run(["umount", str(folder / "runs")], check=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_under_everything_is_one_line_too(tmp_path: Path) -> None:
    """Study, tracking and checkpoints on one disk, filled by somebody else in the middle of a search."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        (folder / "small.yaml").write_text(SPACE)
        process = start(folder, "explorer.search", *SHORT, "n_trials=30")
        wait_for(training(folder))
        subprocess.run(["dd", "if=/dev/zero", f"of={folder}/filler", "bs=64k"], capture_output=True, check=False)
        out, err = process.communicate(timeout=200)
        assert process.returncode == 2, out + err
        assert re.search("the disk of .* is full; free some space, then the same command goes on", err)
        assert "Traceback" not in out + err
        (folder / "filler").unlink()
        assert_it_goes_on(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def test_sixteen_starts_in_one_empty_folder(folder: Path) -> None:
    words = ["explorer.search", "+space=small", "--config-dir", ".", "epochs=1", "n_trials=1", "space.anchors=[]"]
    processes = [start(folder, *words) for _ in range(16)]
    results = [process.communicate(timeout=200) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes[0] == 0, results
    for process, (_, err) in zip(processes, results, strict=True):
        if process.returncode != 0:
            assert process.returncode == 2, err
            assert "another search is at work on runs/small (process" in err
    assert [trial.state for trial in study(folder).trials] == ["COMPLETE"]


def test_four_studies_begin_in_one_empty_folder(folder: Path) -> None:
    words = ["explorer.search", "+space=small", "--config-dir", ".", "epochs=1", "n_trials=1", "space.anchors=[]"]
    processes = [start(folder, *words, f"study=number{i}", "launcher.devices=[cpu]") for i in range(4)]
    for process in processes:
        out, err = process.communicate(timeout=200)
        assert process.returncode == 0, out + err
        assert "not up to date" not in out + err


def test_a_study_held_on_another_machine_is_refused_until_it_falls_silent(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    storage = open_storage(f"sqlite:///{folder}/study.db")
    (held,) = storage.get_all_studies()
    holder = {"host": "elsewhere", "pid": 1, "time": time.time()}
    storage.set_study_user_attr(held._study_id, "controller", holder)
    assert "another search is at work on study small (process 1 on elsewhere)" in search(folder, "n_trials=5", code=2)
    storage.set_study_user_attr(held._study_id, "controller", holder | {"time": time.time() - 1000})
    search(folder, "n_trials=5")


def test_budgets_survive_a_restart(folder: Path) -> None:
    one = search(folder, "n_trials=9", "max_epochs_total=4", "launcher.devices=[cpu]")
    assert "max_epochs_total=4 is spent" in one
    record = study(folder)
    assert sum(len(curve) for trial in record.trials for curve in trial.curves) == 4
    again = search(folder, "n_trials=9", "max_epochs_total=4", "launcher.devices=[cpu]")
    assert "max_epochs_total=4 is spent" in again
    assert study(folder).trials == record.trials
    assert "max_hours=0.0001 is spent" in search(folder, "n_trials=9", "max_hours=0.0001")
    assert "max_device_hours=1e-06 is spent" in search(folder, "n_trials=9", "max_device_hours=0.000001")


def test_run_helper_sees_exit_codes(folder: Path) -> None:
    with pytest.raises(AssertionError):
        run(folder, "explorer.search", code=0)
