"""The processes of this machine, as /proc shows them."""

from contextlib import suppress
from pathlib import Path


def workers(controller: int) -> list[int]:
    """Worker processes of a controller: they are the children of its fork server."""
    servers = [pid for pid in children(controller) if b"multiprocessing.forkserver" in command_line(pid)]
    return [pid for server in servers for pid in children(server)]


def children(parent: int) -> list[int]:
    """The child processes of a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def command_line(pid: int) -> bytes:
    """Of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
