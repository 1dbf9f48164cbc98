"""Measures in a process of its own with the environment of a worker: one thread, one device, nothing imported yet."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.row import Row

ROOT = Path(__file__).parents[1]


def environment(gpu: bool = False) -> dict[str, str]:
    """What a worker of a slot finds in its environment."""
    own = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    if gpu:
        own["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    return os.environ | own | {"PYTHONPATH": str(ROOT)}


def rows(module: str, function: str, *arguments: object, gpu: bool = False) -> list[Row]:
    """The rows that `module.function(*arguments)` returns in a process of its own; the arguments are plain data."""
    words = [sys.executable, "-m", "benchmarks.isolated", module, function, json.dumps(arguments)]
    done = subprocess.run(words, env=environment(gpu), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{module}.{function} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    read = json.loads(done.stdout.splitlines()[-1])
    return [Row(**row | {"ratio": row["ratio"] and tuple(row["ratio"])}) for row in read]


def gpus() -> int:
    """GPUs of this machine."""
    from explorer.launchers.local import gpus_here

    return gpus_here()


def main() -> None:
    """The process."""
    module, function, arguments = sys.argv[1:]
    found: list[Row] = getattr(importlib.import_module(module), function)(*json.loads(arguments))
    print(f"\n{json.dumps([asdict(row) for row in found])}")


if __name__ == "__main__":
    main()
