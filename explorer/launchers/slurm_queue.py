"""SLURM's queue: allocations are asked for through submitit, looked up with squeue, ended with scancel."""

from __future__ import annotations

import contextlib
import io
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from explorer.launchers import LauncherError

ENDED = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "GONE", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED",
    "REVOKED", "TIMEOUT",
}  # fmt: skip
"""States after which an allocation does not come back; GONE is ours, for one that SLURM has forgotten."""
TAKEN = {"CANCELLED", "PREEMPTED", "REVOKED"}
"""Those in which SLURM, or whoever manages it, took the allocation away."""
WAITING = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"}
"""States of an allocation before it starts, or before it starts again."""
COMMAND_SECONDS = 30.0


class Queue:
    """Asks for allocations of one kind.

    Args:
        options: of sbatch, in submitit's names.

    Raises:
        LauncherError: where there is no SLURM or no submitit.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        try:
            import submitit
            from submitit import helpers
        except ImportError:
            raise LauncherError("launcher=slurm needs submitit: pip install 'explorer[slurm]'") from None
        if submitit.SlurmExecutor.affinity() < 0:
            raise LauncherError("launcher=slurm: there is no srun here; run it on a machine of the SLURM cluster")
        self._executor, self._clean = submitit.SlurmExecutor, helpers.clean_env
        self._refused = (submitit.core.utils.FailedJobError, OSError)
        self._options = dict(options)

    def allocate(self, log: Path, worker: Callable[..., None], *arguments: str) -> str:
        """Asks for an allocation that runs a worker; returns its id.

        Raises:
            LauncherError: if SLURM refuses.
        """
        executor = self._executor(folder=log)
        executor.update_parameters(**self._options)
        try:
            # A controller inside an allocation passes nothing of it on; what sbatch says is in the error.
            with self._clean(), contextlib.redirect_stderr(io.StringIO()):
                return str(executor.submit(worker, *arguments).job_id)
        except self._refused as error:
            lines = [line.removeprefix("sbatch: error: ") for line in str(error).strip().splitlines()]
            raise LauncherError(f"SLURM refuses a worker: {'; '.join(lines)}") from None


def states(ids: Sequence[str]) -> dict[str, str] | None:
    """The state of each allocation; None if SLURM does not answer now."""
    if not ids:
        return {}
    asked = _run("squeue", "--noheader", f"--jobs={','.join(ids)}", "--states=all", "--format=%i %T")
    if asked is None or (asked.returncode and "Invalid job id" not in asked.stderr):
        return None
    listed = dict(line.split(maxsplit=1) for line in asked.stdout.splitlines() if " " in line)
    return {id: listed.get(id, "GONE") for id in ids}


def cancel(ids: Sequence[str], kill: bool = False) -> None:
    """Ends allocations.

    Args:
        ids: of SLURM.
        kill: without letting the worker know.
    """
    if ids and kill:
        _run("scancel", "--signal=KILL", *ids)
    if ids:
        _run("scancel", *ids)


def _run(*command: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
