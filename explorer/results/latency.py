"""Measured latencies of a network, as values and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

RUNTIMES = {"fp32": ("torch", "onnxruntime"), "int8": ("onnxruntime", "onnxruntime_int8")}
"""What takes turns, by precision: two runtimes in fp32, or onnxruntime in both precisions."""


@dataclass(frozen=True)
class Latency:
    """Time of one call, from images to logits, both in memory.

    Attributes:
        median, p10, p90: of all calls, in milliseconds.
        calls: their number.
    """

    median: float
    p10: float
    p90: float
    calls: int


@dataclass(frozen=True)
class Timed:
    """A network's latency under some conditions.

    Attributes:
        network: its name.
        trial: its number in a study; None for a network of none.
        identity, params, macs: of the network.
        device: in words, threads included.
        batch_size: images of a call.
        load: of the machine before the measurement: mean number of running or waiting processes in one minute.
        versions: of the runtimes.
        latencies: by runtime; see RUNTIMES.
    """

    network: str
    trial: int | None
    identity: str
    params: int
    macs: int
    device: str
    batch_size: int
    load: float
    versions: Mapping[str, str]
    latencies: Mapping[str, Latency]

    @property
    def conditions(self) -> str:
        """The conditions under which latencies are comparable, in words."""
        return f"{self.device}, batch size {self.batch_size}" + ", int8" * (self.runtimes == RUNTIMES["int8"])

    @property
    def runtimes(self) -> tuple[str, ...]:
        """What it was measured with."""
        return tuple(self.latencies)

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Timed:
        """From plain data."""
        latencies = {runtime: Latency(**values) for runtime, values in plain["latencies"].items()}
        return cls(**{**plain, "latencies": latencies})


def latest(latencies: Sequence[Timed]) -> list[Timed]:
    """The latencies under the same conditions as the last one."""
    return [each for each in latencies if each.conditions == latencies[-1].conditions]
