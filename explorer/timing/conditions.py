"""The conditions under which latencies are comparable."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.int8.vela import available

ONNXRUNTIME, TORCH, VELA = "onnxruntime", "torch", "vela"
RUNTIMES = (ONNXRUNTIME, TORCH)
FP32, INT8 = "fp32", "int8"
PRECISIONS = (FP32, INT8)


class LatencyError(ValueError):
    """Latencies that cannot be had; one line for a person."""


@dataclass(frozen=True)
class Conditions:
    """Where and how a network is run.

    Attributes:
        device: the processor, in words; or an NPU by Vela's name.
        runtime, version: what runs it, or, for an NPU, predicts it.
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
        if self.runtime == VELA:
            return f"{self.device}, Vela {self.version}"
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        return f"{self.device}, {self.runtime} {self.version}, {self.precision}, {threads}"

    @property
    def cost(self) -> str:
        """What is known under them: `latency`, in microseconds, or an NPU's `cycles`."""
        return "cycles" if self.runtime == VELA else "latency"

    @property
    def here(self) -> bool:
        """Whether this machine can measure under them; Vela runs anywhere."""
        if self.runtime == VELA:
            return available() and self == npu(self.device)
        return self == here(self.runtime, self.precision, self.threads)


def npu(name: str) -> Conditions:
    """The conditions of an NPU, with the Vela that is installed; LatencyError where none is."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Conditions(name, VELA, version("ethos-u-vela"), INT8, 1)
    except PackageNotFoundError:
        raise LatencyError("cycles need Vela: pip install 'explorer[vela]'") from None


def here(runtime: str, precision: str, threads: int) -> Conditions:
    """The conditions on this machine."""
    from importlib.metadata import version

    from explorer.training.processor import processor

    return Conditions(processor(), runtime, version(runtime), precision, threads)
