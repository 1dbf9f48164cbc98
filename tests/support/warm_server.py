"""python -m tests.support.warm_server DESCRIPTOR: imports what the commands import, and forks one for each request.

Each command is a process of its own with its own folder, environment, output and exit code, as `python -m NAME` starts
it; only the seconds of imports are spared. So are those of the two Python processes that a search starts itself, the
fork server of its workers and the tracker's: two forks wait beside every command to become them.
"""

from __future__ import annotations

import _posixsubprocess
import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from multiprocessing import process
from pathlib import Path
from typing import Any

import explorer

HEAVY = (
    "alembic.command", "constriction", "mlflow.onnx", "onnx", "onnxscript", "plotly.graph_objects",
    "plotly.offline", "pytorch_lightning", "rich.progress", "scipy.stats", "sklearn.datasets",
    "sklearn.model_selection",
    "sqlalchemy.dialects.sqlite", "torch._dynamo", "torch.onnx",
)  # fmt: skip
"""What the commands import where they need it, beside our own modules. onnxruntime would start a thread."""
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "JE_ARROW_MALLOC_CONF": "background_thread:false"}
"""What keeps the imports from starting threads: of MLflow's reports on its use, and of Arrow's memory allocator."""
PYTHONS = ("from multiprocessing.forkserver import main", "import sys; from explorer.tracking.")
"""How the code of the Python processes begins that a command starts and that a waiting fork becomes."""
HIGH = 200
"""Descriptors from here on are nobody's: those received wait here for their places."""


def main() -> None:
    """Answers requests until the tests end. Returns in every fork once it has done what it is for."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.environ.update(QUIET)
    modules = [module.name for module in pkgutil.walk_packages(explorer.__path__, "explorer.")]
    for name in [*(name for name in modules if name.count(".") > 1), *HEAVY]:  # a command is imported as it is run
        import_module(name)
    threads = len(list(Path("/proc/self/task").iterdir()))
    assert threads == 1, f"{threads} threads: no process to fork from"
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that `watch`
    while True:
        content, descriptors, *_ = socket.recv_fds(control, 2**20, 4)
        if not content:
            return
        if os.fork() == 0:
            control.close()
            watch(json.loads(content), descriptors)
            return
        for each in descriptors:
            os.close(each)


def watch(request: dict[str, Any], descriptors: list[int]) -> None:
    """Forks the command and tells how it ended over the last of the descriptors; the first three are its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *own, link = (socket.socket(fileno=each) if i == 3 else each for i, each in enumerate(descriptors))
    if pid := os.fork():
        for each in own:
            os.close(each)
        link.send(str(pid).encode())
        link.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
        os._exit(0)
    link.close()
    os.setsid()
    place(dict(enumerate(own)))
    settle(request)
    waiting = [wait() for _ in PYTHONS]
    if None not in waiting:
        replace_python(waiting)
        sys.argv = ["-m", *request["words"][1:]]
        leave_after(lambda: runpy.run_module(request["words"][0], run_name="__main__", alter_sys=True))


def leave_after(work: Callable[[], object]) -> None:
    """Ends this process as Python does, but for taking down every module: with those imported here, a second."""
    code: object = 0
    try:
        work()
    except SystemExit as end:
        code = 0 if end.code is None else end.code
    except Exception:  # noqa: BLE001 - as Python does at the end of a program
        sys.excepthook(*sys.exc_info())
        code = 1
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code & 0xFF)


def place(descriptors: dict[int, int]) -> None:
    """Moves received descriptors to where their process expects them: {number: received}."""
    import fcntl

    high = {number: fcntl.fcntl(received, fcntl.F_DUPFD, HIGH) for number, received in descriptors.items()}
    for received in descriptors.values():
        os.close(received)
    for number, moved in high.items():
        os.dup2(moved, number, inheritable=True)
        os.close(moved)


def settle(request: dict[str, Any]) -> None:
    """Folder and environment of a process; of what Python reads at its start, PYTHONPATH counts."""
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[0] = process.ORIGINAL_DIR = request["folder"]  # type: ignore[attr-defined]  # multiprocessing gives it to what it spawns
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[1:1] = [place for place in places if place and place not in before]


def wait() -> tuple[int, socket.socket] | None:
    """Forks a process that waits until it is told which Python process to be; None in it, once it has been that."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if pid := os.fork():
        theirs.close()
        return pid, ours
    ours.close()
    content, descriptors, *_ = socket.recv_fds(theirs, 2**20, 16)
    if not content:  # the command has ended without it
        os._exit(0)
    request = json.loads(content)
    if request["session"]:
        os.setsid()
    theirs.send(b"ready")
    theirs.close()
    place(dict(zip(request["numbers"], descriptors, strict=True)))
    settle(request)
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    sys.argv = ["-c", *request["words"]]
    leave_after(lambda: exec(request["code"], {"__name__": "__main__"}))  # noqa: S102 - what `python -c` does
    return None


def replace_python(waiting: list[Any]) -> None:
    """From now on a Python process of `PYTHONS` is one that waits, not a new one."""
    start = _posixsubprocess.fork_exec

    def fork_exec(arguments: Any, programs: Any, close: Any, keep: Any, place: Any, variables: Any, *rest: Any) -> Any:
        words = [os.fsdecode(word) for word in arguments]
        code = words[words.index("-c") + 1] if "-c" in words else ""
        if not waiting or not code.startswith(PYTHONS):
            return start(arguments, programs, close, keep, place, variables, *rest)
        standard = dict(zip((0, 1, 2), (rest[0], rest[3], rest[5]), strict=True))
        failure, session = rest[7], rest[9]
        numbers = {number: own for number, own in standard.items() if own != -1}
        numbers |= {own: own for own in keep if own != failure}
        request = {
            "code": code,
            "words": words[words.index("-c") + 2 :],
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "session": session,
            "blocked": [int(each) for each in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
            "numbers": list(numbers),
        }
        pid, link = waiting.pop()
        socket.send_fds(link, [json.dumps(request).encode()], list(numbers.values()))
        link.recv(16)
        link.close()
        return pid

    _posixsubprocess.fork_exec = fork_exec
    subprocess._fork_exec = fork_exec  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
