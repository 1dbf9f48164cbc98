"""Commands as `python -m NAME` runs them, without the seconds of their imports.

Where the process is the subject (signals, what it imports, its environment at the start) a test starts a real one.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def command(
    *words: str, cwd: Path | None = None, timeout: float = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What `python -m WORDS` gives in a folder, with this process's environment.

    Args:
        words: the module and its arguments.
        cwd: the folder; this process's own by default.
        environment: more variables; PYTHONPATH, but nothing else that Python, torch or MLflow reads at its start.
        timeout: seconds after which it is killed, with all that it started.

    Raises:
        subprocess.TimeoutExpired: if it was.
    """
    arguments = [sys.executable, "-m", *words]
    if sys.platform != "linux":  # elsewhere a process that has used the system's frameworks is not to be forked
        return subprocess.run(
            arguments,
            cwd=cwd,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    request = {"words": words, "folder": str((cwd or Path.cwd()).absolute()), "environment": os.environ | environment}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
        with theirs:
            descriptors = [nothing.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
            socket.send_fds(_server(), [json.dumps(request).encode()], descriptors)
        ours.settimeout(300)  # for its imports, on a busy machine
        started = ours.recv(32)
        assert started, "the warm server has ended; what it said is on stderr"
        pid = int(started)
        ours.settimeout(timeout)
        try:
            code = int(ours.recv(32))
        except TimeoutError:
            os.killpg(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(arguments, timeout) from None
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(arguments, code, *texts)


@cache
def _server() -> socket.socket:
    """One for this process; it ends when this process does, however it does, as the socket closes."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm_server", str(theirs.fileno())],
            cwd=ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop() -> None:
        ours.close()
        process.wait(60)

    atexit.register(stop)
    return ours
