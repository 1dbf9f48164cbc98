"""The conditions under which latencies are comparable."""

from __future__ import annotations

from dataclasses import dataclass

ONNXRUNTIME, TORCH = "onnxruntime", "torch"
RUNTIMES = (ONNXRUNTIME, TORCH)
FP32, INT8 = "fp32", "int8"
PRECISIONS = (FP32, INT8)


class LatencyError(ValueError):
    """Latencies that cannot be had; one line for a person."""


@dataclass(frozen=True)
class Conditions:
    """Where and how a network is run.

    Attributes:
        device: the processor, in words.
        runtime, version: what runs it.
        precision: of weights and activations.
        threads: that the runtime may use.
    """

    device: str
    runtime: str
    version: str
    precision: str
    threads: int

    @property
    def words(self) -> str:
        """AMD EPYC, onnxruntime 1.30.0, fp32, 1 thread."""
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.device}, {self.runtime} {self.version}, {self.precision}, {threads}"


def here(runtime: str, precision: str, threads: int) -> Conditions:
    """The conditions on this machine."""
    from importlib.metadata import version

    from explorer.training.processor import processor

    return Conditions(processor(), runtime, version(runtime), precision, threads)
