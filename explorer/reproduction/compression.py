"""The measured part of Table 2: what each way of compressing comes to on given weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from explorer.reproduction.sheet import Part, Row, Sheet

PART = Part(
    "measured",
    ("bytes", "below fp32", "below AlexNet", "top-1 before", "top-1 after", "change", "top-5 before", "top-5 after"),
)
COMMAND = "python -m explorer.paper table_2.weights=FILE table_2.images=DIR table_2.labels=CSV"
NOT_YET = f"Ways of compressing are not measured yet ({COMMAND})"
RUNS = "ours, runs as it is in TFLite Micro"
TRAINED = (
    "After its step every way is trained again, on the train split alone, which by itself may raise accuracy.",
    "SVD: ranks for half of the bytes. Pruning: the densities of the paper's Table 1, positions as gaps of 4 bits.",
    "8 and 6 bit: codebooks of 255 and 63 values a layer for what pruning left, in a .sqz file; ours too.",
)
GIVEN = (
    "These weights came pruned and with 255 values a layer, so pruning and 8 bits lose nothing. Nothing was trained.",
    "SVD: bytes of the factors. 6 bit: the best codebook of 63 values a layer. From 8 bit on: bytes of a .sqz file.",
)
RUNNING = (
    "A .sqz file, like the paper's, is unpacked as a whole before it runs. The last row is an int8 file that TFLite "
    "Micro runs as it is, unpacking layer by layer (explorer.compress format=tflite)."
)


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
    """Every way of compressing one network.

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

    @property
    def trained(self) -> bool:
        """Whether the network was trained here."""
        return bool(self.seeds)

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


def sheet(measured: Measured, alone: bool = True) -> Sheet:
    """A row for each way, and what it was measured on; where it is alone, how the other kind is measured."""
    trained = measured.trained
    return Sheet(
        key="table_2_trained" if trained else "table_2_given",
        title=f"Table 2 {'on digits' if trained else 'on given weights'}: what ways of compressing cost and keep",
        about=_on_digits(measured) if trained else _given(measured),
        label=measured.network,
        parts=(PART,),
        rows=tuple(_row(way, measured) for way in measured.ways),
        notes=(*(TRAINED if trained else GIVEN), *((RUNNING,) if measured.ways[-1].method == RUNS else ())),
        measured=f"With weights trained on ImageNet: {COMMAND}" if trained and alone else "",
    )


def _row(way: Way, measured: Measured) -> Row:
    top1, top5 = ([f"{100 * value:.1f}" for value in pair] for pair in zip(way.before, way.after, strict=True))
    change, error = (100 * value for value in way.change)
    below = (f"{measured.ways[0].bytes / way.bytes:.1f}x", f"{measured.alexnet / way.bytes:,.0f}x")
    return Row(way.method, (f"{way.bytes:,}", *below, *top1, f"{round(change, 1) + 0.0:+.1f} ± {error:.1f}", *top5))


def _on_digits(measured: Measured) -> str:
    return (
        f"Trained here on {measured.weights}, not on ImageNet: no weights were given. Means of {len(measured.seeds)} "
        f"trainings; top-1 and top-5 on {measured.ways[0].images} validation images, change of top-1 with its standard "
        "error over the trainings. AlexNet for the same input and classes."
    )


def _given(measured: Measured) -> str:
    images = measured.ways[0].images
    return (
        f"Weights of {measured.weights}; top-1 and top-5 on {images} images, none of which ours was calibrated on "
        f"(standard error about {100 * (0.6 * 0.4 / images) ** 0.5:.0f} points, but the same images in every row: the "
        "change of top-1 is paired, with its error)."
    )


def _pair(values: Any) -> tuple[float, float]:
    one, five = values
    return float(one), float(five)
