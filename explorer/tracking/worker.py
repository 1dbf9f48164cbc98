"""A mirror in a process of its own: MLflow takes seconds to import, and the controller's Python is wanted elsewhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.trial_index import changed
from explorer.tracking.address import reason
from explorer.tracking.client import load
from explorer.tracking.mirror import Mirror, open_mirror
from explorer.training.parent import end_with_parent

NICE, SESSION_NICE = 5, 10
"""How it gives way to others: by its own weight, and by that of its session, which is taken back at the end."""
TRIES = 10
SERVE = "import sys; from explorer.tracking.worker import serve; serve(int(sys.argv[1]))"


class Worker:
    """The mirror of a study, in another process. It gives way to trainings, and ends when this process ends.

    On a machine whose cores are taken, a process of the least weight takes a minute for what takes a second: when the
    trainings are over, `hurry`. Among sessions Linux weighs by a value (autogroup) that its owner can lower again;
    where it does not, by the process's own, which stays, and so is small.

    It is in a session of its own, so that what a terminal sends to the whole group does not reach it: the search
    decides when it is done.

    Args:
        uri: of the tracking server.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._sent: tuple[TrialRecord, ...] = ()
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(theirs.fileno())],
                stdin=subprocess.PIPE,  # nothing is written to it: it closes when this process ends, however it ends
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        self._weigh(SESSION_NICE)

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def sync(self, record: StudyRecord, ended: bool) -> tuple[str | None, float]:
        """Brings the server up to date; sends the trials that are not the very records of the last call.

        Args:
            record: the study.
            ended: whether the search is over: then nothing is left RUNNING.

        Returns:
            What went wrong, in one line, or None; the seconds that it took.

        Raises:
            OSError: if the process is gone.
        """
        part = replace(record, trials=changed(record.trials, self._sent))
        with suppress(EOFError, OSError):
            self._pipe.send((self._uri, part, ended))
            self._sent = record.trials
            answer: tuple[str | None, float] = self._pipe.recv()
            return answer
        raise OSError("the process that writes to it is gone")

    def hurry(self) -> None:
        """Takes its session's low priority back: somebody waits for what it still has to write."""
        if self.alive:
            self._weigh(0)

    def kill(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()

    def close(self) -> None:
        """Ends the process and closes its pipes."""
        self._process.kill()
        self._process.communicate()
        self._pipe.close()

    def _weigh(self, nice: int) -> None:
        for _ in range(TRIES):
            try:
                Path(f"/proc/{self._process.pid}/autogroup").write_text(str(nice))
            except BlockingIOError:  # users, all together, may do it ten times a second
                time.sleep(0.1)
            except OSError:  # another system, or a process that has ended
                return
            else:
                return


def serve(descriptor: int) -> None:
    """What the process does: it mirrors what it is sent, until nobody is left to send.

    Args:
        descriptor: of its end of the pipe.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with_parent(sys.stdin.fileno())
    load()  # takes seconds, which are no part of the first sync
    with suppress(EOFError, BrokenPipeError):
        _answer(Connection(descriptor))


def _answer(pipe: Connection) -> None:
    trials: dict[int, TrialRecord] = {}
    mirror: Mirror | None = None
    while True:
        uri, part, ended = pipe.recv()
        trials |= {trial.number: trial for trial in part.trials}
        record = replace(part, trials=tuple(trials.values()))
        begun, error = time.monotonic(), None
        try:
            mirror = mirror or open_mirror(uri, record)
            mirror.sync(record, ended)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it must not reach the search
            mirror, error = None, reason(failure, uri)
        pipe.send((error, time.monotonic() - begun))
