"""What a network is for TFLite Micro on a board: operators, memory, the file; computed from its layers."""

from __future__ import annotations

from functools import lru_cache

from explorer.arch.architecture import Architecture
from explorer.arch.tflite import operators
from explorer.arch.tflite.arena import HOST, Arena, arena, arranged
from explorer.arch.tflite.file_size import file_size
from explorer.arch.tflite.operators import OperatorError, Program

__all__ = ["Arena", "OperatorError", "Program", "arena", "file_size", "flash", "program", "ram"]


@lru_cache(maxsize=4096)
def program(architecture: Architecture) -> Program:
    """The operators of a network, its tensors numbered so that TFLite Micro needs little memory.

    Raises:
        OperatorError: if TFLite Micro has no operator for a layer.
        ArchitectureError: if the network cannot be built.
    """
    return arranged(operators.program(architecture))


@lru_cache(maxsize=4096)
def flash(architecture: Architecture) -> int:
    """Bytes of the int8 file that TFLite Micro runs.

    Raises:
        OperatorError: if TFLite Micro has no operator for a layer.
    """
    return file_size(program(architecture))


@lru_cache(maxsize=4096)
def ram(architecture: Architecture) -> int:
    """Bytes of its arena, as the allocator of a 64-bit host confirms them; a 32-bit board needs less.

    Raises:
        OperatorError: if TFLite Micro has no operator for a layer.
    """
    return arena(program(architecture), HOST).total
