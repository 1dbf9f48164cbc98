"""A network and its operators timed, each in its place: by onnxruntime's own profile, or as torch runs them.

An operator that is timed alone pays for bringing its maps into the layout of the runtime and back; in a network its
neighbours have them there.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture
from explorer.timing import graph
from explorer.timing.conditions import INT8, TORCH, VELA, Conditions
from explorer.timing.operators import operators

if TYPE_CHECKING:
    from onnx import ModelProto

SECONDS = 0.1
"""That a network is called for, three times: before its operators are timed, meanwhile, and after."""
LEAST, PROFILED = 12, 200
"""Calls at least; calls at most while operators are timed, each of which leaves a line for each of them."""
KEPT = 0.75
"""Of an operator's times the lowest are counted: other work on the machine only adds."""


@dataclass(frozen=True)
class Measured:
    """What a network took.

    Attributes:
        architecture: the network.
        took: microseconds for one image, from images to logits, both in memory: the median of all calls. On an NPU
            cycles; infinite where an operator is left to the processor.
        operators: the same of each of its operators, with the runtime's own layout changes; see `operators`.
        nodes: how many of the runtime's steps each of them is; each was timed at a cost of its own.
    """

    architecture: Architecture
    took: float
    operators: tuple[float, ...]
    nodes: tuple[int, ...]


def measure(architecture: Architecture, conditions: Conditions) -> Measured:
    """Times a network on this machine, with random weights, which take the same time, or asks Vela for its cycles."""
    if conditions.runtime == VELA:
        from explorer.timing.npu import ask

        return Measured(architecture, *ask(architecture, conditions.device))
    return (_in_torch if conditions.runtime == TORCH else _in_onnxruntime)(architecture, conditions)


def _in_torch(architecture: Architecture, conditions: Conditions) -> Measured:
    import torch

    from explorer.timing.eager import timed
    from explorer.training.latency import torch_threads
    from explorer.training.network import build, channels_last

    found = operators(architecture)
    network, image = build(architecture).eval(), channels_last(torch.randn(1, *architecture.input_shape))
    with torch_threads(conditions.threads), torch.inference_mode():
        calls = _calls(lambda: network(image))
        passes = timed(found, image, min(len(calls), PROFILED) + 2)
        calls += _calls(lambda: network(image))
    return Measured(architecture, 1e6 * median(calls), tuple(_lowest(each) for each in passes), (1,) * len(found))


def _in_onnxruntime(architecture: Architecture, conditions: Conditions) -> Measured:
    import numpy as np

    found = operators(architecture)
    model = graph.write(found, architecture.input_shape)
    images = np.random.default_rng(0).standard_normal((1, *architecture.input_shape), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        if conditions.precision == INT8:
            model = _in_int8(model, images, Path(folder))
        feed, content = {graph.IMAGES: images}, model.SerializeToString()
        timed = _session(content, conditions.threads)
        calls = _calls(lambda: timed.run(None, feed))
        profiled = _session(content, conditions.threads, Path(folder))
        for _ in range(min(len(calls), PROFILED) + 2):
            profiled.run(None, feed)
        steps = list(_steps(profiled, Path(folder)))
        calls += _calls(lambda: timed.run(None, feed))
    spent, nodes = [0.0] * len(found), [0] * len(found)
    for operator, microseconds in steps:
        spent[operator] += microseconds
        nodes[operator] += 1
    return Measured(architecture, 1e6 * median(calls), tuple(round(each, 3) for each in spent), tuple(nodes))


def _session(content: bytes, threads: int, profile: Path | None = None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3  # it warns of the file below, which is for this processor alone
    if profile is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile / "profile")
        options.optimized_model_filepath = str(profile / "optimized.onnx")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _calls(call: Callable[[], object]) -> list[float]:
    """Seconds of each call; the first two, with cold caches, do not count."""
    call()
    call()
    spent: list[float] = []
    until = perf_counter() + SECONDS
    while len(spent) < LEAST or perf_counter() < until:
        begun = perf_counter()
        call()
        spent.append(perf_counter() - begun)
    return spent


def _lowest(seconds: Sequence[float]) -> float:
    """Microseconds: the mean of the lowest times, without the first two."""
    lowest = sorted(seconds[2:])[: max(1, int(KEPT * (len(seconds) - 2)))]
    return round(1e6 * sum(lowest) / len(lowest), 3)


def _steps(session: Any, folder: Path) -> Iterable[tuple[int, float]]:
    """The runtime's steps: the operator that each belongs to, and its microseconds."""
    import onnx

    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[str, list[float]] = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            times[event["name"].removesuffix("_kernel_time")].append(event["dur"] / 1e6)
    for node in onnx.load(folder / "optimized.onnx", load_external_data=False).graph.node:
        named = (graph.number(name) for name in (node.name, *node.output, *node.input))
        operator = next((number for number in named if number is not None), None)
        if operator is not None and node.name in times:
            yield operator, _lowest(times[node.name])


def _in_int8(model: ModelProto, images: Any, folder: Path) -> ModelProto:
    import onnx
    import torch

    from explorer.training.onnx_int8 import quantize

    raw, made = folder / "raw.onnx", folder / "int8.onnx"
    onnx.save(model, raw)
    quantize(raw, made, torch.from_numpy(images))
    return onnx.load(made)
