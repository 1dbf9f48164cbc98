"""The measured part of Table 2: what each way of compressing comes to on given weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.reproduction.sheet import Part, Row

PART = Part(
    "measured",
    ("bytes ", "below fp32", "below AlexNet", "top-1 before", "top-1 after", "top-5 before", "top-5 after"),
)
COMMAND = "python -m explorer.paper table_2.weights=FILE table_2.images=DIR table_2.labels=CSV"


@dataclass(frozen=True)
class Way:
    """One way: its bytes, and (top-1, top-5) before and after, from 0 to 1."""

    method: str
    bytes: int
    before: tuple[float, float]
    after: tuple[float, float]
    images: int


@dataclass(frozen=True)
class Measured:
    """All ways, on the weights of one file."""

    weights: str
    ways: tuple[Way, ...]

    @staticmethod
    def read(data: Mapping[str, Any]) -> Measured:
        """From JSON.

        Raises:
            KeyError, TypeError: if it is no such thing.
        """
        ways = [
            Way(str(one["method"]), int(one["bytes"]), _pair(one["before"]), _pair(one["after"]), int(one["images"]))
            for one in data["ways"]
        ]
        return Measured(str(data["weights"]), tuple(ways))


def beside(rows: Sequence[Row], measured: Measured, dense: int, alexnet: int) -> list[Row]:
    """The rows with empty measured cells, and below them a row for each way.

    Args:
        rows: as printed and counted.
        measured: the ways.
        dense, alexnet: bytes of the two networks in fp32.
    """
    width = len(rows[0].cells)
    found = [Row(row.label, (*row.cells, *[""] * len(PART.heads)), row.differs) for row in rows]
    for way in measured.ways:
        scores = [f"{100 * value:.1f}" for pair in zip(way.before, way.after, strict=True) for value in pair]
        cells = (f"{way.bytes:,}", f"{dense / way.bytes:.1f}x", f"{alexnet / way.bytes:.0f}x", *scores)
        found.append(Row(f"SqueezeNet here, {way.method}", (*[""] * width, *cells)))
    return found


def words(measured: Measured | None) -> str:
    """What it was measured on, or the command that measures."""
    if measured is None or not measured.ways:
        return f"Ways of compressing are not measured yet ({COMMAND})"
    images = measured.ways[0].images
    return (
        f"Weights of {measured.weights}; top-1 and top-5 on {images} images, none of which ours was calibrated on "
        f"(standard error about {100 * (0.6 * 0.4 / images) ** 0.5:.0f} points, but the same images in every row). "
        "These weights came pruned and with 255 values a layer, so pruning and 8 bits lose nothing. 6 bits: the best "
        "codebook of 63 values a layer. SVD: bytes of the factors. Nothing was trained here."
    )


def _pair(values: Any) -> tuple[float, float]:
    one, five = values
    return float(one), float(five)
