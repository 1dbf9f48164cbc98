"""The measured part of Table 2: what each way of compressing comes to on given weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from explorer.reproduction.sheet import Part, Row

PART = Part(
    "measured",
    ("bytes ", "below fp32", "below AlexNet", "top-1 before", "top-1 after", "change", "top-5 before", "top-5 after"),
)
COMMAND = "python -m explorer.paper table_2.weights=FILE table_2.images=DIR table_2.labels=CSV"


@dataclass(frozen=True)
class Way:
    """One way: its bytes, (top-1, top-5) before and after, from 0 to 1, and the change of top-1 with its error."""

    method: str
    bytes: int
    before: tuple[float, float]
    after: tuple[float, float]
    change: tuple[float, float]
    images: int


@dataclass(frozen=True)
class Measured:
    """All ways.

    Attributes:
        weights: name of the file that they were measured on, or of the data that the network was trained on.
        network: in words.
        seeds: of its trainings; none where the weights were given, and nothing was retrained.
        alexnet: bytes in fp32 of AlexNet for the same input and classes.
        ways: in the table's order, the first of them dense.
    """

    weights: str
    network: str
    seeds: tuple[int, ...]
    alexnet: int
    ways: tuple[Way, ...]

    @staticmethod
    def read(data: Mapping[str, Any]) -> Measured:
        """From JSON.

        Raises:
            KeyError, TypeError: if it is no such thing.
        """
        ways = [
            Way(
                str(one["method"]),
                int(one["bytes"]),
                _pair(one["before"]),
                _pair(one["after"]),
                _pair(one["change"]),
                int(one["images"]),
            )
            for one in data["ways"]
        ]
        seeds = tuple(int(seed) for seed in data["seeds"])
        return Measured(str(data["weights"]), str(data["network"]), seeds, int(data["alexnet"]), tuple(ways))


def beside(rows: Sequence[Row], measured: Measured) -> list[Row]:
    """The rows, as printed and counted, with empty measured cells, and below them a row for each way."""
    width = len(rows[0].cells)
    found = [Row(row.label, (*row.cells, *[""] * len(PART.heads)), row.differs) for row in rows]
    for way in measured.ways:
        top1, top5 = ([f"{100 * value:.1f}" for value in pair] for pair in zip(way.before, way.after, strict=True))
        change, error = (100 * value for value in way.change)
        below = (f"{measured.ways[0].bytes / way.bytes:.1f}x", f"{measured.alexnet / way.bytes:,.0f}x")
        cells = (f"{way.bytes:,}", *below, *top1, f"{change:+.1f} ± {error:.1f}", *top5)
        found.append(Row(f"{measured.network}, {way.method}", (*[""] * width, *cells)))
    return found


def words(measured: Measured | None) -> str:
    """What it was measured on, or the command that measures."""
    if measured is None or not measured.ways:
        return f"Ways of compressing are not measured yet ({COMMAND})"
    images = measured.ways[0].images
    if measured.seeds:
        return (
            f"{measured.network}: trained here on {measured.weights}, not on ImageNet, for want of weights "
            f"({COMMAND}). Means of {len(measured.seeds)} trainings, top-1 and top-5 on {images} validation images, "
            "change with its standard error over the trainings; AlexNet for the same input and classes. Every way was "
            "trained again after its step, on the train split alone. SVD: ranks for half of the bytes. Pruning: the "
            "densities of the paper's Table 1. 8 and 6 bits: codebooks of what is left, coded."
        )
    return (
        f"Weights of {measured.weights}; top-1 and top-5 on {images} images, none of which ours was calibrated on "
        f"(standard error about {100 * (0.6 * 0.4 / images) ** 0.5:.0f} points, but the same images in every row: "
        "change is paired, with its error). "
        "These weights came pruned and with 255 values a layer, so pruning and 8 bits lose nothing. 6 bits: the best "
        "codebook of 63 values a layer. SVD: bytes of the factors. Nothing was trained here."
    )


def _pair(values: Any) -> tuple[float, float]:
    one, five = values
    return float(one), float(five)
