"""A signal stops a command between two calls of the database, not in one."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from explorer.storage.patient import open_storage
from explorer.storage.stopping import INTERRUPTED, SIGNALS, stop_on_signals, uninterrupted

STOPS = 200


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    numbers = (*SIGNALS, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    signal.set_wakeup_fd(-1)  # the tests' own process is not ended by a second signal
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.slow
def test_signals_in_the_middle_of_writes_leave_no_lock(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db", create=True)
    study = storage.create_new_study([StudyDirection.MAXIMIZE], "study")
    trial = storage.create_new_trial(study, create_trial(state=TrialState.RUNNING, params={}))
    moments = random.Random(0)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    for stop in range(STOPS):
        stop_on_signals()
        written = 0
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come anywhere in the loop
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(0.0005, 0.006))
            while True:
                storage.set_trial_user_attr(trial, "written", written)
                written += 1
        with closing(sqlite3.connect(tmp_path / "study.db", timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # fails at once if anybody holds the lock
            other.execute("ROLLBACK")
        storage.set_trial_user_attr(trial, "stops", stop + 1)
        assert storage.get_trial(trial).user_attrs["written"] in (written - 1, written)
    assert storage.get_trial(trial).user_attrs["stops"] == STOPS


def test_outside_of_a_block_a_signal_is_raised_where_it_comes() -> None:
    stop_on_signals()
    reached = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - which line is reached is the question
        with uninterrupted(), uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            reached.append("the end of the block")
        reached.append("the line after it")
    assert reached == ["the end of the block"]
    stop_on_signals()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - a handler runs a moment later
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)


def test_a_second_signal_ends_the_process_in_the_block() -> None:
    lines = (
        "import os, signal, time",
        "from explorer.storage.stopping import stop_on_signals, uninterrupted",
        "stop_on_signals()",
        "with uninterrupted():",
        "    os.kill(os.getpid(), signal.SIGINT)",
        "    print('one', flush=True)",
        "    os.kill(os.getpid(), signal.SIGTERM)",
        "    time.sleep(20)",
        "    print('two', flush=True)",
    )
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (INTERRUPTED, "one\n"), done.stderr


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_while_sqlite_waits_for_a_lock(tmp_path: Path, second: signal.Signals) -> None:
    lines = (
        "import sqlite3, sys",
        "from explorer.storage.stopping import stop_on_signals, uninterrupted",
        "database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)",
        "stop_on_signals()",
        "with uninterrupted():",
        "    print('waits', flush=True)",
        "    database.execute('BEGIN EXCLUSIVE')",
    )
    with closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        command = [sys.executable, "-c", "\n".join(lines), str(tmp_path / "study.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
            assert waiting.stdout is not None
            assert waiting.stdout.readline() == "waits\n"
            time.sleep(0.5)
            for number in (signal.SIGTERM, second):
                assert waiting.poll() is None
                waiting.send_signal(number)
                time.sleep(0.5)
            assert waiting.wait(timeout=20) == INTERRUPTED
