"""How many trainings share a GPU, from the memory and the utilisation of the first one."""

from __future__ import annotations

import math
import subprocess
import threading
from dataclasses import dataclass

MOST = 16
"""Most trainings on one GPU: each is a process with its own context and core."""
FREE = 0.1
"""Share of the memory that stays free: networks differ, and an allocator reserves more than it uses."""
INTERVAL = 0.25
QUERY = ["nvidia-smi", "--query-gpu=memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits"]


@dataclass(frozen=True)
class Usage:
    """Of a GPU.

    Attributes:
        used, total: memory in MiB.
        utilisation: share of the time during which it is busy.
    """

    used: float
    total: float
    utilisation: float


def trainings(memory: float, total: float, utilisation: float, most: int = MOST) -> int:
    """How many trainings share a GPU: as many as its memory holds and as keep it busy, no more.

    Args:
        memory: of one training, in the unit of `total`; 0 if it could not be measured.
        total: of the GPU.
        utilisation: share of the time during which one training keeps the GPU busy.
        most: limit whatever fits.
    """
    if memory <= 0 or total <= 0:
        return 1
    fit = math.floor((1 - FREE) * total / memory)
    needed = math.ceil(1 / utilisation) if utilisation > 0 else most
    return max(1, min(fit, needed, most))


def usage(gpu: int | str) -> Usage | None:
    """A GPU's current usage; None if nvidia-smi fails."""
    try:
        answer = subprocess.run([*QUERY, f"--id={gpu}"], capture_output=True, text=True, timeout=20, check=True)
        used, total, busy = map(float, answer.stdout.split(","))
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Usage(used, total, busy / 100)


class Watch:
    """Samples a GPU's usage in a thread while the first training runs on it."""

    def __init__(self, gpu: int | str) -> None:
        self._gpu = gpu
        self._before = usage(gpu)
        self._seen: list[Usage] = []
        self._over = threading.Event()
        threading.Thread(target=self._look, name=f"explorer-gpu-{gpu}", daemon=True).start()

    def end(self) -> tuple[int, str]:
        """Stops; returns how many trainings share the GPU, and a line that says why."""
        self._over.set()
        seen = list(self._seen)
        if self._before is None or not seen:
            return 1, f"gpu {self._gpu}: nvidia-smi told nothing while its first training ran; one training at a time"
        memory = max(each.used for each in seen) - self._before.used
        # From the start of the training, not of its worker's imports, to its end.
        at_work = [i for i, each in enumerate(seen) if each.utilisation > 0]
        busy = [each.utilisation for each in seen[at_work[0] : at_work[-1] + 1]] if at_work else [0.0]
        utilisation = sum(busy) / len(busy)
        number = trainings(memory, self._before.total, utilisation)
        return number, (
            f"gpu {self._gpu}: {number} trainings at a time; one takes {memory:,.0f} of {self._before.total:,.0f} MiB"
            f" and keeps it busy {utilisation:.0%} of the time"
        )

    def _look(self) -> None:
        while not self._over.wait(INTERVAL):
            current = usage(self._gpu)
            if current is not None:
                self._seen.append(current)
