"""TFLite Micro's own interpreter: what a device answers, and what its allocator keeps in memory."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from typing import Any

from tflite_micro import runtime

from explorer.int8.quantized import Array

ROOM = 1 << 20
"""Bytes of the arena beside ten times the file, which suffice for what has few weights and large maps."""
PARTS = {
    "eval_tensors": "TfLiteEvalTensor data",
    "tensors": "Persistent TfLiteTensor data",
    "quantization": "Persistent TfLiteTensor quantization data",
    "buffers": "Persistent buffer data",
    "nodes": "NodeAndRegistration struct",
}


class InterpreterError(ValueError):
    """A file that TFLite Micro does not run; one line."""


@dataclass(frozen=True)
class Allocations:
    """Bytes of the arena, as the recording allocator of this 64-bit host counts them.

    Attributes:
        head: activations, at most at once.
        tail: what the runtime keeps beside them.
        parts: of the tail, by the names of PARTS.
    """

    head: int
    tail: int
    parts: dict[str, int]


class Interpreter:
    """A file in TFLite Micro's interpreter with its reference kernels."""

    def __init__(self, file: bytes, arena: int | None = None) -> None:
        """Loads a file.

        Args:
            file: its bytes.
            arena: bytes of memory; None: more than enough.

        Raises:
            InterpreterError: if the file is none that it runs, or the arena is too small.
        """
        try:
            self._runtime: Any = runtime.Interpreter.from_bytes(file, arena_size=arena or 10 * len(file) + 16 * ROOM)
        except RuntimeError as error:
            raise InterpreterError(f"TFLite Micro does not run the file: {error}") from None

    def run(self, image: Array) -> Array:
        """What it answers to an int8 image (1, height, width, channels): int8, as the file's output is."""
        self._runtime.set_input(image, 0)
        self._runtime.invoke()
        answer: Array = self._runtime.get_output(0)
        return answer

    def allocations(self) -> Allocations:
        """What lies in its arena."""
        with tempfile.TemporaryFile() as said:  # its report goes to the process's standard error, past Python's
            kept = os.dup(2)
            os.dup2(said.fileno(), 2)
            try:
                self._runtime.print_allocations()
            finally:
                os.dup2(kept, 2)
                os.close(kept)
            said.seek(0)
            text = said.read().decode()
        head, tail = (int(re.findall(rf"allocation {part} (\d+) bytes", text)[0]) for part in ("head", "tail"))
        found = {key: re.findall(rf"'{words}' used (\d+) bytes", text) for key, words in PARTS.items()}
        return Allocations(head, tail, {key: int(sizes[0]) if sizes else 0 for key, sizes in found.items()})
