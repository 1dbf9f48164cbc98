"""A file for an Arm Ethos-U NPU, by Arm's compiler Vela, and what Vela predicts of it."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

NPUS = ("ethos-u55-32", "ethos-u55-64", "ethos-u55-128", "ethos-u55-256", "ethos-u65-256", "ethos-u65-512")
SECONDS = 600


class VelaError(ValueError):
    """A file that Vela does not compile, or no Vela; one line."""


@dataclass(frozen=True)
class Compiled:
    """A file for an NPU. All but the file are predictions of Vela, not measurements.

    Attributes:
        file: the .tflite file whose operators are commands to the NPU.
        sram: bytes of working memory.
        cycles: of one image, in all.
        milliseconds: of one image, at Vela's clock for the system.
        clock: of the NPU, in Hz.
        on_cpu: operators that stay on the processor, by kind; empty: all are on the NPU.
    """

    file: bytes
    sram: int
    cycles: int
    milliseconds: float
    clock: float
    on_cpu: dict[str, int]

    @property
    def words(self) -> str:
        """One line for people."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.on_cpu.items())
        where = f"on the processor: {kinds}" if kinds else "all operators on the NPU"
        time = f"{self.milliseconds:.3f} ms at {self.clock / 1e6:,.0f} MHz"
        return f"Vela predicts {self.cycles:,} cycles, {time}, {self.sram:,} bytes of SRAM; {where}"


def available() -> bool:
    """Whether Vela is installed."""
    return find_spec("ethosu") is not None


def compiled(model: bytes, npu: str) -> Compiled:
    """Compiles a file for an NPU, in Vela's default system for it.

    Args:
        model: the bytes of an int8 .tflite file.
        npu: one of NPUS.

    Raises:
        VelaError: if there is no Vela, no such NPU, or it does not compile the file.
    """
    if npu not in NPUS:
        raise VelaError(f"npu is {npu!r}, expected one of {', '.join(NPUS)}")
    if not available():
        raise VelaError("Vela is not installed: pip install 'explorer[vela]'")
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "model.tflite")
        given.write_bytes(model)
        words = [sys.executable, "-m", "ethosu.vela", str(given), "--accelerator-config", npu, "--output-dir", folder]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        made = given.with_name("model_vela.tflite")
        tables = list(Path(folder).glob("*_summary_*.csv"))
        if done.returncode or not made.is_file() or not tables:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise VelaError(f"Vela does not compile the file: {lines[-1]}")
        with tables[0].open(encoding="utf-8", newline="") as table:
            row = next(csv.DictReader(table))
        return Compiled(
            file=made.read_bytes(),
            sram=round(1024 * float(row["sram_memory_used"])),
            cycles=round(float(row["cycles_total"])),
            milliseconds=1000 * float(row["inference_time"]),
            clock=float(row["core_clock"]),
            on_cpu=dict(Counter(re.findall(r"\(supported operators\) operator: (\w+)", done.stdout + done.stderr))),
        )
