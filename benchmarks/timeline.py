"""python -m benchmarks.timeline: where the milliseconds of one trial in a warm worker go.

Trains networks on digits as a worker does, and looks about a thousand times a second of processor time at what runs;
each look counts for the processor time since the one before, so that a long call into torch is not undercounted.
Processor time, so that what else the machine does changes little. Prints a table, milliseconds a trial.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from collections import Counter
from types import FrameType
from typing import Any

# What a worker of a CPU slot finds; before torch is imported.
os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

from benchmarks.networks import NETWORKS, recipe

PARTS = (
    ("checkpoint", "explorer/training/checkpoint.py", ""),
    ("progress and numbers", "explorer/training/callback.py", ""),
    ("build and initial weights", "explorer/training/network.py", "build"),
    ("build and initial weights", "explorer/training/classifier.py", "__init__"),
    ("build and initial weights", "explorer/training/classifier.py", "revive"),
    ("Trainer", "explorer/training/job.py", "_trainer"),
    ("evaluation", "evaluation_loop.py", "run"),
    ("batches", "explorer/data/memory.py", ""),
    ("forward", "explorer/training/network.py", "forward"),
    ("backward", "torch/autograd/graph.py", ""),
    ("clipping", "torch/nn/utils/clip_grad.py", ""),
    ("optimizer", "torch/optim/adam.py", "_fused_adam"),
    ("optimizer", "torch/optim/adam.py", "_init_group"),
    ("optimizer", "torch/optim/optimizer.py", "zero_grad"),
    ("loss", "torch/nn/functional.py", "cross_entropy"),
    ("Lightning and the rest", "", ""),
)
"""(Part, end of a file's name, function): a stack belongs to the first part of which it holds a frame."""


def main() -> None:
    """Profiles and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=2, help="of a trial, on digits")
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    columns = {name: profile(name, options.epochs, options.trials) for name in NETWORKS}
    print(f"| ms of processor time a trial of {options.epochs} epochs | {' | '.join(columns)} |")
    print("|---|" + "---:|" * len(columns))
    for part in dict.fromkeys(part for part, _, _ in PARTS):
        print(f"| {part} | {' | '.join(f'{spent[part]:.1f}' for spent in columns.values())} |")
    print(f"| all | {' | '.join(f'{sum(spent.values()):.1f}' for spent in columns.values())} |")


def profile(network: str, epochs: int, trials: int) -> Counter[str]:
    """Milliseconds of each part in a trial, mean over `trials`."""
    from explorer.training.job import Job, run

    def trial() -> None:
        with tempfile.TemporaryDirectory() as folder:
            run(Job(NETWORKS[network]().to_json(), recipe(), {"name": "digits"}, 0, 0, epochs, 16, folder))

    trial()  # the worker is warm
    trial()
    spent: Counter[str] = Counter()
    last = 0.0

    def look(_: int, frame: FrameType | None) -> None:
        nonlocal last
        now = time.process_time()
        spent[part_of(frame)] += 1000 * (now - last) / trials
        last = now

    before: Any = signal.signal(signal.SIGPROF, look)
    last = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    for _ in range(trials):
        trial()
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
    return spent


def part_of(frame: FrameType | None) -> str:
    """The part of a trial in which a stack is."""
    frames: list[tuple[str, str]] = []
    while frame is not None:
        frames.append((frame.f_code.co_filename, frame.f_code.co_name))
        frame = frame.f_back
    return next(
        part
        for part, file, function in PARTS
        if any(name.endswith(file) and function in ("", own) for name, own in frames)
    )


if __name__ == "__main__":
    main()
