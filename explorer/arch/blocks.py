"""What several families are made of."""

from __future__ import annotations

from math import floor

from explorer.arch import layers as L

IDENTITY = L.Sequential("", ())
MOST_BLOCKS = 1_000
"""Of a network: a slip of the pen asks for more, and would take the memory to build them."""


def normed(
    conv: str, norm: str, filters: int, kernel_size: int = 1, stride: int = 1, groups: int = 1
) -> tuple[L.Conv2d, L.BatchNorm2d]:
    """A convolution without bias that only a stride makes the map smaller, and its batch normalisation."""
    padding = kernel_size // 2
    return L.Conv2d(conv, filters, kernel_size, stride, padding, groups, bias=False), L.BatchNorm2d(norm)


def squeeze_excitation(name: str, channels: int, squeeze: int) -> L.Multiply:
    """Scales channels by what the whole map says of them (arXiv:1709.01507): mean, `squeeze` filters, back, sigmoid."""
    scale = (
        L.GlobalAvgPool2d("avgpool"),
        L.Conv2d("fc1", squeeze, 1),
        L.ReLU(),
        L.Conv2d("fc2", channels, 1),
        L.Sigmoid(),
    )
    return L.Multiply("", (IDENTITY, L.Sequential(name, scale)))


def whole(count: float) -> int:
    """A whole number of filters or blocks: rounded half up, never below 1."""
    return max(1, floor(count + 0.5))


def divisible(count: float, by: int = 8) -> int:
    """The nearest multiple of `by`, half up, never 0 and never less than 0.9 of `count`, as in the authors' code."""
    whole = max(by, int(count + by / 2) // by * by)
    return whole if whole >= 0.9 * count else whole + by


def check(name: str, value: object, good: bool, expected: str) -> None:
    """Refuses a metaparameter.

    Raises:
        ArchitectureError: unless it is good.
    """
    if not good:
        raise L.ArchitectureError(f"{name} is {value!r}, expected {expected}")
