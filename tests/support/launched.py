"""Launchers as the tests start them, and their processes as the machine sees them."""

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from explorer import launchers
from explorer.arch.families.fire import fire
from explorer.launchers import Launcher, WorkerDied
from tests.support.process_tree import children, command_line

MARK = "EXPLORER_TEST_RUN"
"""An environment variable that every process started by a test inherits, wherever its launcher starts it."""
CONFIGS: dict[str, dict[str, Any]] = {
    "local": {"devices": ["cpu", "cpu"]},
    "ray": {"slots": 2},
    "slurm": {"slots": 2, "folder": "slurm"},
}


def need(name: str) -> None:
    """Skips where a launcher cannot run, and says why."""
    package = {"ray": "ray", "slurm": "submitit"}.get(name)
    if package and find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'explorer[{name}]'")
    if name == "slurm":
        try:
            subprocess.run(["sinfo"], check=True, capture_output=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            pytest.skip("no SLURM answers here; .ci/slurm starts one")


def start(name: str, **options: Any) -> Launcher:
    return launchers.make({"name": name} | CONFIGS[name] | options)


def job(folder: Path) -> dict[str, Any]:
    """One epoch of a small network."""
    network = fire((1, 8, 8), 10, modules=1, base_e=16, final_relu=False).to_json()
    recipe = {"epochs": 1, "batch_size": 64, "optimizer": "adamw", "lr": 0.01}
    epochs = {"first_epoch": 0, "last_epoch": 1, "epochs": 1}
    job = {"architecture": network, "recipe": recipe, "data": {"name": "digits"}, "seed": 3, "folder": str(folder)}
    return job | epochs


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def marked(mark: str) -> dict[int, str]:
    """Processes of a test, with their command lines; not those about to end, nor multiprocessing's own of this process:
    its resource tracker, and its fork server, which any later launcher uses.

    They carry the test's mark, or, as Ray's workers write their title over their environment, work in its folder.
    """
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        try:
            own = f"{MARK}={mark}".encode() in (process / "environ").read_bytes()
            if (own or (process / "cwd").readlink() == Path.cwd()) and pid != os.getpid() and not ended(pid):
                found[pid] = command_line(pid).replace(b"\0", b" ").decode()
        except OSError:
            continue
    lasting = [pid for pid in children(os.getpid()) if b"multiprocessing.forkserver" in command_line(pid)]
    return {pid: line for pid, line in found.items() if "resource_tracker" not in line and pid not in lasting}


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def died(future: Future[Any], within: float = 5) -> WorkerDied:
    with pytest.raises(WorkerDied) as caught:
        future.result(timeout=within)
    return caught.value


def listening(pids: list[int]) -> set[str]:
    """Addresses on which processes accept connections, as /proc writes them: hexadecimal, byte order of the machine."""
    sockets = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(os.readlink(handle))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = row.split()[:10]
            if state == "0A" and f"socket:[{inode}]" in sockets:
                found.add(local.partition(":")[0])
    return found
