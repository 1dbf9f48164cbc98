"""Runs one function in several processes that train together (torch.distributed).

The caller starts the processes and watches them. If one is lost, it ends the others, which would wait for ever; if the
caller is lost, they end by themselves. Nothing heavy is imported here.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from explorer.training.parent import end_with_parent

T = TypeVar("T")
DEVICES = "EXPLORER_DEVICES"
"""Environment variable with the number of devices of a worker's slot; a training uses all of them."""
GRACE = 2.0
"""Seconds to wait for other errors after the first, to find the one that caused them."""


class RankDied(Exception):  # noqa: N818 - an event, not a mistake
    """A process of a training ended without an error; the training may go on from its last checkpoint."""


def together(ranks: int, function: Callable[..., T], *arguments: Any) -> T:
    """Runs `function(rank, ranks, *arguments)` in `ranks` processes, joined by NCCL where there are GPUs, else by gloo.

    Rank k has the k-th visible GPU as its current device. Function, arguments, result and exceptions are pickled.

    Returns:
        What rank 0 returned.

    Raises:
        RankDied: if a process ended without an exception.
        Exception: the first that one of them raised.
    """
    context = get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="explorer-ranks-") as folder:
        meeting = str(Path(folder) / "meeting")
        pipes: dict[Connection, int] = {}
        processes = []
        try:
            for rank in range(ranks):
                mine, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_rank, args=(theirs, rank, ranks, meeting, function, arguments))
                process.start()
                processes.append(process)
                theirs.close()
                pipes[mine] = rank
            results = _watch(pipes)
        finally:
            for process in processes:
                process.kill()  # all have answered, or one has failed
                process.join()
    value: T = results[0]
    return value


def _watch(pipes: dict[Connection, int]) -> dict[int, Any]:
    """What each rank returned; raises as soon as one has failed."""
    results: dict[int, Any] = {}
    failures: dict[int, Any] = {}
    while len(results) < len(pipes):
        waiting = [pipe for pipe, rank in pipes.items() if rank not in results and rank not in failures]
        ready = connection.wait(waiting, GRACE if failures else None)
        if failures and not ready:
            break
        for pipe in waiting:
            if pipe in ready:
                rank = pipes[pipe]
                try:
                    failed, value = pipe.recv()
                except EOFError:
                    failed, value = True, RankDied(f"process {rank} of {len(pipes)} of a training is gone")
                (failures if failed else results)[rank] = value
    if failures:
        raise min(failures.values(), key=_consequence)
    return results


def _consequence(error: BaseException) -> int:
    """Sorts errors: our own first, torch's last, because it reports connections lost through another's error."""
    if type(error).__module__.startswith("explorer.") and not isinstance(error, RankDied):
        return 0
    return 1 if isinstance(error, RankDied) else 2


def _rank(
    pipe: Connection, rank: int, ranks: int, meeting: str, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """Runs in each process: joins the group, calls the function, sends its result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started us decides
    end_with_parent()
    os.environ["LOCAL_RANK"] = str(rank)  # tells Lightning that the processes are there already
    try:
        import torch
        from torch import distributed

        device = torch.device("cuda", rank) if torch.cuda.is_available() else None
        if device:
            torch.cuda.set_device(device)
        distributed.init_process_group(
            "nccl" if device else "gloo",
            init_method=f"file://{meeting}",
            rank=rank,
            world_size=ranks,
            device_id=device,
        )
        value = function(rank, ranks, *arguments)
        distributed.barrier()
        pipe.send((False, value if rank == 0 else None))
        distributed.destroy_process_group()
    except Exception as error:  # noqa: BLE001 - it goes to who started us
        pipe.send((True, error))
