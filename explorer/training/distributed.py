"""One function in several processes that train together (torch.distributed): started, watched, ended.

All of them are children of the caller, which only watches: if one is lost the others, which would wait for it for ever,
are ended, and if the caller is lost they end by themselves. Nothing heavy is imported here.
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
"""Environment variable in which a launcher tells a worker how many devices its slot has; a training uses all."""
GRACE = 2.0
"""Seconds in which the process that failed first is told from those that failed because of it."""


class RankDied(Exception):  # noqa: N818 - an event, not a mistake
    """A process of a training is gone without a word; the training may be tried again from its last checkpoint."""


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
                process.kill()  # those that have answered have nothing left to do
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
    """How likely an exception is only the consequence of another's: what torch says of a lost connection, most."""
    if type(error).__module__.startswith("explorer.") and not isinstance(error, RankDied):
        return 0
    return 1 if isinstance(error, RankDied) else 2


def _rank(
    pipe: Connection, rank: int, ranks: int, meeting: str, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """What a process does."""
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
