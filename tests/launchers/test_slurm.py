"""launcher=slurm beyond what every launcher does: cancelled, requeued, out of time, refused. On a real SLURM."""

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer import launchers
from explorer.launchers import Launcher, LauncherError, WorkerDied, WorkerTaken, jobs
from tests.support.launched import MARK, died, listening, marked, need, start, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    """One of one slot, in a folder of its own."""
    need("slurm")
    monkeypatch.chdir(tmp_path)
    launcher = start("slurm", slots=1)
    launcher.warm_up()
    yield launcher
    launcher.close()


def job_id(folder: Path) -> str:
    """The allocation that the controller holds."""
    (orders,) = folder.glob("slurm/*/orders.json")
    (id,) = json.loads(orders.read_text())["allocations"]
    return str(id)


def at_work(launcher: Launcher, folder: Path) -> tuple[Any, str]:
    """A job that is being done, and its allocation."""
    launcher.submit(0, jobs.look_around).result(timeout=120)
    future = launcher.submit(0, jobs.look_around, None, 600)
    time.sleep(1)
    return future, job_id(folder)


def test_a_cancelled_allocation_is_replaced(launcher: Launcher, tmp_path: Path) -> None:
    future, before = at_work(launcher, tmp_path)
    subprocess.run(["scancel", before], check=True)
    loss = died(future)
    assert f"job {before} of SLURM" in str(loss)
    assert type(loss) is WorkerTaken
    assert launcher.submit(0, jobs.look_around, "again").result(timeout=120)["tag"] == "again"
    assert job_id(tmp_path) != before


def test_a_requeued_allocation_goes_on(launcher: Launcher, tmp_path: Path) -> None:
    """What preemption does on a cluster whose PreemptMode is REQUEUE."""
    future, before = at_work(launcher, tmp_path)
    subprocess.run(["scontrol", "requeue", before], check=True)
    assert type(died(future)) is WorkerTaken
    assert launcher.submit(0, jobs.look_around, "again").result(timeout=200)["tag"] == "again"
    assert job_id(tmp_path) == before


def test_a_worker_that_dies_by_itself_was_not_taken(launcher: Launcher) -> None:
    pid = launcher.submit(0, jobs.look_around).result(timeout=120)["pid"]
    future = launcher.submit(0, jobs.look_around, None, 600)
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)
    assert type(died(future)) is WorkerDied


def test_a_worker_whose_time_is_nearly_up_finishes_its_job_and_makes_room(launcher: Launcher, tmp_path: Path) -> None:
    launcher.submit(0, jobs.look_around).result(timeout=120)
    before = job_id(tmp_path)
    future = launcher.submit(0, jobs.look_around, "finished", 3)
    time.sleep(1)
    subprocess.run(["scancel", "--signal=USR2", before], check=True)
    assert future.result(timeout=60)["tag"] == "finished"
    assert launcher.submit(0, jobs.look_around, "elsewhere").result(timeout=120)["tag"] == "elsewhere"
    assert job_id(tmp_path) != before


def test_a_job_that_no_worker_has_taken_waits_for_the_next_one(launcher: Launcher, tmp_path: Path) -> None:
    pid = launcher.submit(0, jobs.look_around).result(timeout=120)["pid"]
    subprocess.run(["scancel", job_id(tmp_path)], check=True)
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), 60)  # until then it might take the job
    assert launcher.submit(0, jobs.look_around, "waited").result(timeout=120)["tag"] == "waited"


def test_a_job_in_the_queue_is_no_hung_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("slurm")
    monkeypatch.chdir(tmp_path)
    launcher = start("slurm", slots=1, options={"begin": "now+10"})
    try:
        future = launcher.submit(0, jobs.look_around, "in the end")
        time.sleep(3)
        launcher.kill(0)
        assert future.result(timeout=120)["tag"] == "in the end"
    finally:
        launcher.close()


def test_workers_open_no_port_and_the_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("slurm")
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    monkeypatch.chdir(tmp_path)
    launcher = start("slurm", slots=1)
    try:
        pid = launcher.submit(0, jobs.look_around).result(timeout=120)["pid"]
        assert pid in marked(mark)
        assert listening([pid]) == set()
        (folder,) = (tmp_path / "slurm").iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.stat().st_uid == os.getuid()
    finally:
        launcher.close()
    wait_for(lambda: not list((tmp_path / "slurm").iterdir()), 5)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"partition": "no_such"}, "SLURM refuses a worker: invalid partition specified: no_such"),
        ({"mem": "99999GB"}, "SLURM refuses a worker: Memory specification can not be satisfied"),
    ],
)
def test_what_slurm_refuses_is_said_at_once(
    options: dict[str, Any],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    need("slurm")
    monkeypatch.chdir(tmp_path)
    launcher = start("slurm", **options)
    with pytest.raises(LauncherError) as caught:
        launcher.warm_up()
    launcher.close()
    assert str(caught.value).startswith(line)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"slots": 0}, "launcher.slots is 0, expected a whole number of at least 1"),
        ({"gpus": 0.5}, "launcher.gpus is 0.5, expected a whole number of at least 0"),
        ({"minutes": "4:00:00"}, "launcher.minutes is '4:00:00', expected a whole number of at least 1"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], line: str) -> None:
    with pytest.raises(LauncherError) as caught:
        launchers.make({"name": "slurm"} | options)
    assert str(caught.value) == line
