"""Latency on this machine's processor. Networks and runtimes take turns, so that other load affects all alike."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.results.latency import Latency, Timed
from explorer.training import files
from explorer.training.memory import check_fits

if TYPE_CHECKING:
    from torch import Tensor

WARM_UP = 0.1
"""Seconds of calls before anything is measured."""
TURN = 0.02
"""Seconds that a turn should take; it has from LEAST to MOST calls."""
LEAST, MOST = 3, 200


@dataclass(frozen=True)
class Subject:
    """A network to be measured.

    Attributes:
        network: its name.
        architecture: of it.
        trial: its number in a study.
        weights: trained ones; None: random ones, which take the same time.
    """

    network: str
    architecture: Architecture
    trial: int | None = None
    weights: Mapping[str, Tensor] | None = None


@dataclass(frozen=True)
class Ready:
    """A network in each of some runtimes, to be called with the same images."""

    subject: Subject
    batch_size: int
    threads: int
    calls: Mapping[str, Callable[[], object]]


def prepare(
    subjects: Sequence[Subject],
    threads: int,
    batch_size: int,
    done: Callable[[int], None] = lambda _: None,
    precision: str = "fp32",
) -> list[Ready]:
    """Builds the networks and exports them to ONNX.

    Args:
        subjects: the networks.
        threads: that both runtimes may use.
        batch_size: images of a call.
        done: called with 1 after each network.
        precision: fp32: torch beside onnxruntime; int8: onnxruntime in fp32 beside onnxruntime in int8.

    Raises:
        TooLargeError: if a network does not fit into this machine.
        ExportError: if a network's ONNX does not compute what torch computes.
    """
    for subject in subjects:
        check_fits(subject.network, subject.architecture, batch_size, onnx=True)
    ready = []
    with tempfile.TemporaryDirectory() as folder:
        for i, subject in enumerate(subjects):
            calls = _calls(subject, Path(folder, str(i)), threads, batch_size, precision)
            ready.append(Ready(subject, batch_size, threads, calls))
            done(1)
    return ready


def measure(ready: Sequence[Ready], rounds: int, done: Callable[[int], None] = lambda _: None) -> list[Timed]:
    """Measures the networks.

    In each round every network has a turn with each runtime: torch (eager, channels-last) and onnxruntime, or
    onnxruntime in fp32 and in int8. The first call of a turn, with cold caches, does not count. Other load on the
    machine counts; it shows in the 90th percentile rather than in the median.

    Args:
        ready: the networks, all with the same number of threads.
        rounds: number of them.
        done: called with 1 after each round.
    """
    import torch

    from explorer.training.job import device_name

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with torch_threads(ready[0].threads), torch.inference_mode():
        turns = [(call, _warm(call)) for each in ready for call in each.calls.values()]
        seconds: list[list[float]] = [[] for _ in turns]
        for _ in range(rounds):
            for (call, count), spent in zip(turns, seconds, strict=True):
                spent.extend(_turn(call, count))
            done(1)
        device = device_name(torch.device("cpu"))
    count = len(ready[0].calls)
    return [_timed(each, seconds[count * i : count * (i + 1)], device, load) for i, each in enumerate(ready)]


def _timed(ready: Ready, seconds: Sequence[Sequence[float]], device: str, load: float) -> Timed:
    from importlib.metadata import version

    import numpy as np

    latencies = {}
    for runtime, spent in zip(ready.calls, seconds, strict=True):
        p10, median, p90 = (round(1000 * float(value), 6) for value in np.percentile(spent, [10, 50, 90]))
        latencies[runtime] = Latency(median, p10, p90, len(spent))
    counted = cost(ready.subject.architecture)
    return Timed(
        network=ready.subject.network,
        trial=ready.subject.trial,
        identity=ready.subject.architecture.identity,
        params=counted.params,
        macs=counted.macs,
        device=device,
        batch_size=ready.batch_size,
        load=round(load, 2),
        versions={runtime: version(runtime.partition("_")[0]) for runtime in ready.calls},
        latencies=latencies,
    )


def _calls(
    subject: Subject, folder: Path, threads: int, batch_size: int, precision: str
) -> dict[str, Callable[[], object]]:
    """A network in each runtime, ready to be called with the same images."""
    import torch

    from explorer.training.export import save
    from explorer.training.network import build, channels_last
    from explorer.training.onnx_int8 import quantize

    network = build(subject.architecture)
    if subject.weights is not None:
        network.load_state_dict(dict(subject.weights))
    network.eval()
    save(subject.architecture, network.state_dict(), folder)  # checks that onnxruntime's logits are torch's
    images = torch.randn(batch_size, *subject.architecture.input_shape, generator=torch.Generator().manual_seed(0))
    laid_out = channels_last(images)
    session, feed = _session(folder / files.ONNX, threads), {"images": images.numpy()}
    in_onnx = {"onnxruntime": lambda: session.run(["logits"], feed)}
    if precision == "fp32":
        return {"torch": lambda: network(laid_out), **in_onnx}
    quantize(folder / files.ONNX, folder / files.ONNX_INT8, images)  # random images give scales that take the same time
    smaller = _session(folder / files.ONNX_INT8, threads)
    return {**in_onnx, "onnxruntime_int8": lambda: smaller.run(["logits"], feed)}


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Otherwise its threads keep spinning after a call, on the cores of torch's turn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _warm(call: Callable[[], object]) -> int:
    """Calls until caches, pools and clock are warm; returns how many calls make a turn."""
    until, count = perf_counter() + WARM_UP, 0
    while count < LEAST or perf_counter() < until:
        call()
        count += 1
    begun = perf_counter()
    call()
    return min(max(round(TURN / max(perf_counter() - begun, 1e-9)), LEAST), MOST)


def _turn(call: Callable[[], object], count: int) -> list[float]:
    """Seconds of each call of a turn."""
    spent = []
    gc.disable()
    try:
        call()
        for _ in range(count):
            begun = perf_counter()
            call()
            spent.append(perf_counter() - begun)
    finally:
        gc.enable()
    return spent


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """That many threads for torch."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
