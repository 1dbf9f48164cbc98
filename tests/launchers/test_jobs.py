"""What crosses to a worker on another machine: text that names a function, and nothing that runs by itself."""

import json
import math
import os
import pickle

import pytest

from explorer.data import DataError
from explorer.launchers import WorkerDied, jobs
from explorer.training.worker import data_facts, train


def test_every_function_on_the_list_is_there() -> None:
    for name in jobs.FUNCTIONS:
        module, _, function = name.partition(":")
        assert callable(getattr(__import__(module, fromlist=["_"]), function))


def test_a_job_is_json_and_its_answer_is_json() -> None:
    job = jobs.pack(data_facts, ({"name": "digits"},))
    assert json.loads(job) == {"function": "explorer.training.worker:data_facts", "arguments": [{"name": "digits"}]}
    assert jobs.unpack(jobs.run(job))["classes"] == 10


def test_numbers_come_back_as_they_were() -> None:
    numbers = [0.1, 1e-300, 1.7976931348623157e308, 2**63, -0.0, math.inf]
    back = jobs.unpack(jobs.run(jobs.pack(jobs.look_around, (numbers,))))["tag"]
    assert back == numbers
    assert math.isnan(jobs.unpack(jobs.run(jobs.pack(jobs.look_around, (math.nan,))))["tag"])


@pytest.mark.parametrize(
    "function",
    ["os:system", "builtins:eval", "explorer.study.controller:Controller", "explorer.launchers.jobs:run", "", 3, None],
)
def test_a_worker_runs_nothing_but_what_is_on_its_list(function: object) -> None:
    with pytest.raises(jobs.JobError, match=r"workers do not run .*, expected one of explorer\.training\.worker:train"):
        jobs.unpack(jobs.run(json.dumps({"function": function, "arguments": ["touch here"]})))


def test_what_is_not_on_the_list_is_not_sent() -> None:
    with pytest.raises(jobs.JobError, match="workers do not run posix:system"):
        jobs.pack(os.system, ("true",))


def test_arguments_are_plain_data() -> None:
    with pytest.raises(jobs.JobError, match=r"the arguments of explorer\.training\.worker:train are no plain data"):
        jobs.pack(train, (object(),))


def test_a_pickle_is_refused() -> None:
    with pytest.raises(jobs.JobError, match="a job is no JSON"):
        jobs.unpack(jobs.run(pickle.dumps(os.getcwd).decode("latin1")))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("upside down"),
        KeyError("missing"),
        OSError(28, "No space left on device", "a/b"),
        FileNotFoundError(2, "No such file or directory"),
        MemoryError(),
        DataError("no images in a/b"),
        WorkerDied("it is gone"),
    ],
    ids=repr,
)
def test_an_error_comes_back_as_itself(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(jobs, "look_around", fail)
    with pytest.raises(type(error)) as caught:
        jobs.unpack(jobs.run(json.dumps({"function": "explorer.launchers.jobs:look_around", "arguments": []})))
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    assert getattr(caught.value, "errno", None) == getattr(error, "errno", None)


class Odd(Exception):  # noqa: N818
    """Nobody else knows it, and it is not made of its message."""

    def __init__(self, number: int, *, why: str) -> None:
        super().__init__(f"{why} {number}")


def test_an_error_of_an_unknown_type_keeps_name_and_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise Odd(3, why="odd")

    monkeypatch.setattr(jobs, "look_around", fail)
    with pytest.raises(jobs.JobFailed, match=r"^odd 3$") as caught:
        jobs.unpack(jobs.run(json.dumps({"function": "explorer.launchers.jobs:look_around", "arguments": []})))
    assert type(caught.value).__name__ == "Odd"


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "print", "__import__"])
def test_an_answer_raises_errors_alone(name: str) -> None:
    told = {"type": name, "module": "builtins", "arguments": ["os"], "message": "os", "errno": None}
    with pytest.raises(jobs.JobFailed):
        jobs.unpack(json.dumps({"error": told}))
