"""What every launcher has to do, done on each: real processes, a real Ray, a real SLURM."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer import launchers
from explorer.data import DataError
from explorer.launchers import Launcher, jobs
from explorer.storage.stored import load
from explorer.training.job import weights
from explorer.training.worker import data_facts, train
from tests.support.launched import CONFIGS, MARK, died, ended, job, marked, need, start, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def curve(result: dict[str, Any]) -> list[dict[str, float]]:
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in result["curve"]]


@pytest.fixture(scope="module", params=CONFIGS)
def name(request: pytest.FixtureRequest) -> str:
    need(request.param)
    return str(request.param)


# This and the next first, as a process has one connection to Ray at a time.
def test_threads_and_devices_are_set_and_nothing_is_left_after_close(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    launcher = start(name, threads=2)
    try:
        seen = launcher.submit(0, jobs.look_around).result(timeout=120)
        assert seen["torch_was_imported"] == (name == "local")  # there before the fork
        assert not seen["forked_after_cuda"]
        assert seen["environment"] == {"OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": ""}
        assert seen["threads"] == 2
        assert seen["folder"] == str(tmp_path)
        future = launcher.submit(1, jobs.look_around, None, 600)
        wait_for(lambda: bool(marked(mark)), 60)
    finally:
        launcher.close()
    died(future)
    wait_for(lambda: not marked(mark), 15)
    assert not list(tmp_path.glob("slurm/*/slot_*"))


def test_a_training_uses_every_device_of_its_slot(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    several = {"local": {}, "ray": {"slots": 1, "cpus": 2}, "slurm": {"slots": 1, "cpus": 2}}
    launcher = start(name, devices_per_trial=2, **several[name])
    try:
        assert len(launcher.slots) == 1
        result = launcher.submit(0, train, job(tmp_path / "two")).result(timeout=200)
    finally:
        launcher.close()
    one = train(job(tmp_path / "one"))
    assert result["device"] == f"2 x {one['device']}"
    assert result["curve"][0]["train_loss"] == pytest.approx(one["curve"][0]["train_loss"], rel=1e-5)


@pytest.fixture(scope="module")
def launcher(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """One of two slots."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp(name))
    launcher = start(name)
    launcher.warm_up()
    yield launcher
    launcher.close()
    os.chdir(before)


def test_results_come_back_in_order_from_the_slot_that_was_asked(launcher: Launcher) -> None:
    assert len(launcher.slots) == len(set(launcher.slots)) == 2
    pids: dict[int, set[int]] = {0: set(), 1: set()}
    for i in range(3):
        futures = [launcher.submit(slot, jobs.look_around, [i, slot]) for slot in (0, 1)]
        for slot, future in enumerate(futures):
            seen = future.result(timeout=120)
            assert seen["tag"] == [i, slot]
            pids[slot].add(seen["pid"])
    assert len(pids[0]) == len(pids[1]) == 1
    assert pids[0] != pids[1]
    assert os.getpid() not in pids[0] | pids[1]


def test_plain_data_goes_in_and_out(launcher: Launcher) -> None:
    data = {
        "text": "SqueezeNet ★\n",
        "numbers": [0, -1, 2**40, 0.1, 1e-300],
        "none": None,
        "yes": True,
        "deep": {"a": [{}]},
    }
    assert launcher.submit(0, jobs.look_around, data).result(timeout=120)["tag"] == data
    facts = launcher.submit(1, data_facts, {"name": "digits"}).result(timeout=120)
    assert facts["input_shape"] == [1, 8, 8]


def test_an_error_arrives_as_itself_and_the_worker_lives_on(launcher: Launcher) -> None:
    pid = launcher.submit(0, jobs.look_around).result(timeout=120)["pid"]
    with pytest.raises(DataError) as here:
        data_facts({"name": "no_such"})
    with pytest.raises(DataError) as there:
        launcher.submit(0, data_facts, {"name": "no_such"}).result(timeout=120)
    assert str(there.value) == str(here.value)
    with pytest.raises(ValueError, match="sleep length must be non-negative") as caught:
        launcher.submit(0, jobs.look_around, None, -1).result(timeout=120)
    assert type(caught.value) is ValueError
    assert launcher.submit(0, jobs.look_around).result(timeout=120)["pid"] == pid


def test_a_killed_worker_is_noticed_and_replaced_and_its_neighbour_unharmed(launcher: Launcher) -> None:
    pid, neighbour = (launcher.submit(slot, jobs.look_around).result(timeout=120)["pid"] for slot in (0, 1))
    future = launcher.submit(0, jobs.look_around, None, 600)
    other = launcher.submit(1, jobs.look_around, "unharmed", 2)
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)
    assert "worker" in str(died(future))
    assert other.result(timeout=60)["tag"] == "unharmed"
    assert launcher.submit(0, jobs.look_around).result(timeout=120)["pid"] != pid
    assert launcher.submit(1, jobs.look_around).result(timeout=120)["pid"] == neighbour


def test_a_worker_is_ended_on_request(launcher: Launcher) -> None:
    pid = launcher.submit(1, jobs.look_around).result(timeout=120)["pid"]
    future = launcher.submit(1, jobs.look_around, None, 600)
    time.sleep(1)
    launcher.kill(1)
    died(future)
    wait_for(lambda: ended(pid), 10)
    assert launcher.submit(1, jobs.look_around, "again").result(timeout=120)["tag"] == "again"


def test_a_training_gives_the_same_bits_wherever_it_runs(launcher: Launcher, tmp_path: Path) -> None:
    there = launcher.submit(1, train, job(tmp_path / "there")).result(timeout=200)
    here = train(job(tmp_path / "here"))
    assert curve(there) == curve(here)
    assert there["device"] == here["device"]
    ours, theirs = weights(tmp_path / "here"), weights(tmp_path / "there")
    assert ours.keys() == theirs.keys()
    assert all(ours[key].equal(theirs[key]) for key in ours)


def test_workers_of_a_killed_controller_end(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = json.dumps({"name": name} | CONFIGS[name])
    controller = f"""if __name__ == "__main__":
    from explorer import launchers
    from explorer.launchers import jobs
    launcher = launchers.make({config})
    print(launcher.submit(0, jobs.look_around).result()["pid"], flush=True)
    launcher.submit(0, jobs.look_around, None, 600).result()
"""
    (tmp_path / "controller.py").write_text(controller)
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "controller.py"],
        cwd=tmp_path,
        env=os.environ | {MARK: mark, "PYTHONPATH": str(Path(launchers.__file__).parents[2])},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    time.sleep(1)
    process.kill()
    process.wait()
    if name == "slurm":  # they notice it themselves after a minute; the next start in the folder ends them
        again = start(name)
        again.warm_up()
        wait_for(lambda: ended(pid), 10)
        again.close()
    wait_for(lambda: ended(pid), 10)
    # Ray's two agents look for their parent once a minute.
    wait_for(lambda: not [line for line in marked(mark).values() if "Agent" not in line], 20)
    process.stdout.close()


@pytest.mark.usefixtures("folder")  # an MLflow database
def test_a_search_runs_on_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(
        "defaults: [fire_micro, _self_]\nsearch: {base_e: {low: 16, high: 32}, incr_e: null}\nfixed: {incr_e: 16}\n"
    )
    options = {"local": "launcher.devices=[cpu,cpu]", "ray": "launcher.slots=2", "slurm": "launcher.slots=2"}
    words = ["+space=small", "--config-dir", ".", "n_trials=2", "epochs=1", f"launcher={name}", options[name]]
    command = [sys.executable, "-m", "explorer.search", *words]
    ran = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=400)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert "2 trials" in ran.stdout
    record = load(f"sqlite:///{tmp_path}/study.db", "small")
    assert [trial.state for trial in record.trials] == ["COMPLETE", "COMPLETE"]
    assert not list(tmp_path.glob("runs/.slurm/*"))
