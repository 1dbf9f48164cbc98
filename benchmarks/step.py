"""python -m benchmarks.step: a training as a worker does it, against a hand-written loop and Lightning's defaults.

The same network, data (digits), batch size, epochs, optimizer and learning rates, one after the other in each round, in
one process with one thread. Ours is the whole job, from the architecture to its checkpoint on the disk. The
hand-written loop keeps the images on the device as floats, waits for nothing but an epoch's numbers, and evaluates
after each epoch; once as torch's manual has it, once with the tricks of ours (fused optimizer, channels-last).
Lightning's defaults are those of benchmarks/peer.py: a DataLoader, log every step, a scheduler, default logger,
checkpoints and bar.

    python -m benchmarks.step --gpu           # on the first GPU
    python -m benchmarks.step --seeds 10      # do they train the same? val_acc of ours and of the loop
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import time
from collections.abc import Callable
from statistics import mean, stdev
from typing import TYPE_CHECKING

from benchmarks import isolated
from benchmarks.networks import NETWORKS, recipe
from benchmarks.row import Row, not_run, table, versus

if TYPE_CHECKING:
    import torch

COMMAND = "python -m benchmarks.step"
EPOCHS = (16, 6, 3)
"""Of each network: about a second of training."""
STEPS = 17
"""Of an epoch."""
OURS, HAND, SAME, LIGHTNING = "ours", "hand-written loop", "the same with our tricks", "Lightning's defaults"


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    found = isolated.rows("benchmarks.step", "measure", quick)
    if isolated.gpus():
        return found + isolated.rows("benchmarks.step", "measure", quick, gpu=True)
    command = f"{COMMAND} --gpu"
    return [
        *found,
        not_run("training step", HAND, "ms a step", command, bar=1.5),
        not_run("training step", LIGHTNING, "ms a step", command, bar=3.0),
    ]


def measure(quick: bool) -> list[Row]:
    """Measures on the device that this process sees."""
    import torch

    from explorer.training.job import device_name

    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    bars = {HAND: 1.5 if gpu else 1.0, SAME: None, LIGHTNING: 3.0 if gpu else 1.3}
    found = []
    for (name, network), full in list(zip(NETWORKS.items(), EPOCHS, strict=True))[: 1 if quick else None]:
        epochs = 1 if quick else full
        ways = trainings(network().to_json(), epochs, device)
        for train in ways.values():
            train(0)  # whatever is done once is done
        times: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(1 if quick else 5):
            for way, train in ways.items():
                begun = time.perf_counter()
                train(number)
                times[way].append(1000 * (time.perf_counter() - begun) / (STEPS * epochs))
        what, where = f"training step, {name}", device_name(device)
        for peer, bar in bars.items():
            command = COMMAND + " --gpu" * gpu
            found.append(versus(what, peer, times[OURS], times[peer], "ms a step", where, command, bar=bar))
    return found


def trainings(architecture: str, epochs: int, device: torch.device) -> dict[str, Callable[[int], float]]:
    """Ways to train a network on digits: each takes a seed and returns val_acc."""
    import torch

    from benchmarks import hand, peer
    from explorer.training.job import Job, run

    torch.set_flush_denormal(True)  # as a worker does; all of them gain

    def ours(seed: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            job = Job(architecture, recipe(), {"name": "digits"}, seed, 0, epochs, epochs, folder)
            return run(job).curve[-1]["val_acc"]

    def by_hand(tricks: bool) -> Callable[[int], float]:
        def train(seed: int) -> float:
            with contextlib.redirect_stdout(io.StringIO()):
                return hand.train(architecture, epochs, seed, device, tricks)

        return train

    def lightning(seed: int) -> float:
        torch.manual_seed(seed)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            return peer.train_by_defaults(architecture, epochs, folder)

    return {OURS: ours, HAND: by_hand(False), SAME: by_hand(True), LIGHTNING: lightning}


def accuracies(seeds: int) -> None:
    """Prints val_acc of ours and of the loops over so many seeds: 8 epochs of the network of middle size."""
    import torch

    network = list(NETWORKS.values())[1]()
    ours: list[float] = []
    ways = trainings(network.to_json(), 8, torch.device("cpu"))
    del ways[LIGHTNING]  # begins with torch's initial weights, from which this network hardly learns
    for way, train in ways.items():
        found = [train(seed) for seed in range(seeds)]
        ours = ours or found
        apart = [a - b for a, b in zip(ours, found, strict=True)]  # most of the spread is that of the initial weights
        print(f"{way:<26} val_acc {_with_error(found)}, ours less it {_with_error(apart)} ({seeds} seeds)", flush=True)


def _with_error(values: list[float]) -> str:
    return f"{mean(values):.4f} ± {stdev(values) / len(values) ** 0.5:.4f}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, one epoch, the smallest network")
    parser.add_argument("--gpu", action="store_true", help="on the first GPU alone")
    parser.add_argument("--seeds", type=int, help="compare val_acc over so many seeds instead")
    options = parser.parse_args()
    if options.seeds:
        accuracies(options.seeds)
    elif options.gpu and isolated.gpus():
        print(table(isolated.rows("benchmarks.step", "measure", options.quick, gpu=True)))
    else:
        print(table(rows(options.quick)))


if __name__ == "__main__":
    main()
