"""What this machine's processor is called."""

from __future__ import annotations

import platform
from functools import lru_cache
from pathlib import Path


@lru_cache
def processor() -> str:
    """Its name, such as Intel Xeon; the machine's kind where the system has none."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
