"""A file for an Arm Ethos-U NPU, by Arm's compiler Vela, and what Vela predicts of it."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from multiprocessing import get_context
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


@dataclass(frozen=True)
class Step:
    """What an NPU does at a time.

    Attributes:
        writes: name of the tensor that it writes. Vela has a convolution write into the tensor that others are
            concatenated in, or padded.
        macs: multiply-accumulates.
        cycles: that it takes.
    """

    writes: str
    macs: int
    cycles: int


@dataclass(frozen=True)
class Cycles:
    """What an NPU takes for one image, as Vela predicts.

    Attributes:
        total: cycles in all.
        steps: those that take any.
        on_cpu: names of the tensors that are written by the processor.
    """

    total: int
    steps: tuple[Step, ...]
    on_cpu: frozenset[str]


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
    check(npu)
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
        row = _rows(tables[0])[0]
        return Compiled(
            file=made.read_bytes(),
            sram=round(1024 * float(row["sram_memory_used"])),
            cycles=round(float(row["cycles_total"])),
            milliseconds=1000 * float(row["inference_time"]),
            clock=float(row["core_clock"]),
            on_cpu=dict(Counter(re.findall(r"\(supported operators\) operator: (\w+)", done.stdout + done.stderr))),
        )


def cycles(model: bytes, npu: str) -> Cycles:
    """What Vela predicts of a file and of its operators, in a tenth of a second: its process is kept.

    Args:
        model: the bytes of an int8 .tflite file whose tensors have names.
        npu: one of NPUS.

    Raises:
        VelaError: as `compiled`.
    """
    check(npu)
    return _process().submit(_cycles, model, npu).result(SECONDS)


@lru_cache(maxsize=1)
def _process() -> ProcessPoolExecutor:
    """A process of its own: Vela's C++ writes to the terminal."""
    return ProcessPoolExecutor(1, get_context("spawn"))


def _cycles(model: bytes, npu: str) -> Cycles:
    from ethosu.vela import vela  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory() as folder, Path(folder, "said").open("w+", encoding="utf-8") as said:
        given = Path(folder, "model.tflite")
        given.write_bytes(model)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(said.fileno(), stream.fileno())
        try:
            vela.main([str(given), "--accelerator-config", npu, "--output-dir", folder, "--verbose-performance"])
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it raises, it is about this file
            sys.stdout.flush()
            lines = Path(said.name).read_text(encoding="utf-8").strip().splitlines() or [repr(error)]
            raise VelaError(f"Vela does not compile the file: {lines[-1]}") from None
        (summary,), rows = Path(folder).glob("*_summary_*.csv"), _rows(Path(folder, "model_per-layer.csv"))
        steps = (
            Step(row["Name"], int(row["MAC Count"]), round(float(row["Op Cycles"])))
            for row in rows
            if float(row["Op Cycles"])
        )
        on_cpu = frozenset(row["Name"] for row in rows if row["Target"] == "CPU")
        return Cycles(round(float(_rows(summary)[0]["cycles_total"])), tuple(steps), on_cpu)


def check(npu: str) -> None:
    """Raises VelaError if there is no such NPU, or no Vela."""
    if npu not in NPUS:
        raise VelaError(f"npu is {npu!r}, expected one of {', '.join(NPUS)}")
    if not available():
        raise VelaError("Vela is not installed: pip install 'explorer[vela]'")


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
