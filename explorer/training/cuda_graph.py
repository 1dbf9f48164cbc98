"""A training step recorded once as a CUDA graph and then replayed: one launch instead of hundreds.

The time of a small network's step is that of launching its kernels. torch.compile would take longer than its whole
training; a graph is recorded in milliseconds. A replay reads and writes the recorded addresses, so every batch is
copied into the same tensors.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

Step: TypeAlias = Callable[..., None]
"""Takes tensors and writes its results into others; no part of it may wait for the device."""
WARM_UP = 3
"""Ordinary steps before one is recorded: by then the libraries have chosen algorithms and allocated memory."""

log = logging.getLogger(__name__)


def replayed(step: Step, device: torch.device) -> Step:
    """The step, replayed from a CUDA graph on a GPU; elsewhere unchanged."""
    return Replayed(step, record, beside) if device.type == "cuda" else step


class Replayed:
    """A step that is recorded for each shape of its arguments (batches of an epoch differ by one image).

    The steps before the recording are ordinary ones, and recording itself computes nothing, so the training is the same
    as with ordinary steps.

    Attributes:
        reason: why steps are no longer recorded; "" while they are.
    """

    def __init__(
        self, step: Step, record: Callable[[Callable[[], None]], Callable[[], None]], warm_up: Callable[..., None]
    ) -> None:
        """Takes a step.

        Args:
            step: the step.
            record: turns a call into one that replays it; raises RuntimeError where that is impossible.
            warm_up: calls an ordinary step before the recording.
        """
        self.step, self.record, self.warm_up = step, record, warm_up
        self.reason = ""
        self._seen: Counter[tuple[torch.Size, ...]] = Counter()
        self._recorded: dict[tuple[torch.Size, ...], tuple[tuple[Tensor, ...], Callable[[], None]]] = {}

    def __call__(self, *given: Tensor) -> None:
        """Takes the step."""
        shapes = tuple(tensor.shape for tensor in given)
        self._seen[shapes] += 1
        if self.reason:
            self.step(*given)
        elif self._seen[shapes] <= WARM_UP:
            self.warm_up(self.step, *given)
        elif shapes in self._recorded or self._record(shapes, given):
            held, replay = self._recorded[shapes]
            for place, tensor in zip(held, given, strict=True):
                place.copy_(tensor)
            replay()
        else:
            self.step(*given)

    def _record(self, shapes: tuple[torch.Size, ...], given: tuple[Tensor, ...]) -> bool:
        held = tuple(tensor.clone() for tensor in given)
        try:
            self._recorded[shapes] = (held, self.record(lambda: self.step(*held)))
        except RuntimeError as error:
            self.reason = str(error).splitlines()[0]
            log.warning("steps are taken one by one, as they cannot be recorded: %s", self.reason)
        return not self.reason


def record(call: Callable[[], None]) -> Callable[[], None]:
    """Records a call on the current GPU without computing; returns its replay."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def beside(step: Step, *given: Tensor) -> None:
    """Takes a step on a side stream, as warm-up before a CUDA graph requires."""
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        step(*given)
    torch.cuda.current_stream().wait_stream(stream)
