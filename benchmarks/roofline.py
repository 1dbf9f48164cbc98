"""python -m benchmarks.roofline: which share of what the device could do a canonical SqueezeNet step reaches.

The roofline (Williams 2009, doi:10.1145/1498765.1498785) of a step is the least time that its arithmetic and its memory
traffic take, layer by layer whichever is longer, at the rates of this device: those of a large matrix product and of a
large copy, measured in the same round. Counted are convolutions forward, and backward for weights and inputs, and the
optimizer's pass over weights and moments; what could be fused into them (ReLU, pools, loss) counts as nothing. A step
is a whole training's time, evaluations, checkpoint and all, by its steps.

A CPU's caches are faster than the copy, so there the share errs upwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

from benchmarks import isolated
from benchmarks.networks import NETWORKS, recipe
from benchmarks.row import Row, not_run, print_rows, versus
from benchmarks.step import OURS, STEPS, trainings
from explorer.arch import Architecture, cost

if TYPE_CHECKING:
    import torch

COMMAND = "python -m benchmarks.roofline"
WHAT, AGAINST = "training step, SqueezeNet v1.0, of its roofline", "arithmetic and traffic at full rate"
EPOCHS, ROUNDS = 3, 5
SIDE = {"cpu": 1024, "cuda": 8192}
"""Of the matrices that are multiplied."""
COPIED = {"cpu": 2**26, "cuda": 2**28}
"""Numbers that are copied."""
BYTES = 4
"""Of a number."""
PASSES = 3
"""Forward, backward for the weights, backward for the input."""
ADAMW = 7
"""Numbers that AdamW reads and writes for each weight: weight, gradient and two moments; all but the gradient again."""


def bound(architecture: Architecture, batch: int, rate: float, bandwidth: float) -> float:
    """The least seconds of a training step.

    Args:
        architecture: of the network.
        batch: images a step.
        rate: floating-point operations a second; a multiply-accumulate is two.
        bandwidth: bytes read or written a second.
    """
    whole = cost(architecture)
    seconds = ADAMW * whole.bytes / bandwidth
    for index, layer in enumerate(own for own in whole.layers if own.macs):
        passes = PASSES - (index == 0)  # nobody asks for the gradient of the images
        numbers = batch * (prod(layer.input_shape) + prod(layer.output_shape)) + layer.params
        seconds += passes * max(2 * batch * layer.macs / rate, BYTES * numbers / bandwidth)
    return seconds


def rows(quick: bool) -> list[Row]:
    """The rows of the table."""
    found = isolated.rows("benchmarks.roofline", "measure", quick)
    if isolated.gpus():
        return found + isolated.rows("benchmarks.roofline", "measure", quick, gpu=True)
    return [*found, not_run(WHAT, AGAINST, "ms a step", COMMAND, bar=None)]


def measure(quick: bool) -> list[Row]:
    """Measures on the device that this process sees."""
    import torch

    from explorer.training.job import device_name

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, batch = list(NETWORKS.values())[-1](), recipe()["batch_size"]
    epochs, rounds = (1, 1) if quick else (EPOCHS, ROUNDS)
    train = trainings(network.to_json(), epochs, device)[OURS]
    train(0)
    took, least = [], []
    for seed in range(rounds):
        rate, bandwidth = _rate(device), _bandwidth(device)
        begun = time.perf_counter()
        train(seed)
        took.append(1000 * (time.perf_counter() - begun) / (STEPS * epochs))
        least.append(1000 * bound(network, batch, rate, bandwidth))
    return [versus(WHAT, AGAINST, took, least, "ms a step", device_name(device), COMMAND, bar=None)]


def _rate(device: torch.device) -> float:
    """Operations a second of a matrix product, in fp32 as the recipe trains."""
    import torch

    side = SIDE[device.type]
    a = torch.ones(side, side, device=device)
    return 2 * side**3 / _fastest(lambda: a @ a, device)


def _bandwidth(device: torch.device) -> float:
    """Bytes a second that a copy reads and writes."""
    import torch

    a = torch.ones(COPIED[device.type], device=device)
    b = torch.empty_like(a)
    return 2 * BYTES * len(a) / _fastest(lambda: b.copy_(a), device)


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of a few."""
    import torch

    times = []
    for _ in range(6):
        begun = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begun)
    return min(times)


if __name__ == "__main__":
    print_rows(rows, __doc__)
