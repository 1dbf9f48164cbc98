"""A compressed network of a study: bytes and accuracy, as values and as plain data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any


@dataclass(frozen=True)
class Memory:
    """What a network needs with some of its layers unpacked once and for all.

    Attributes:
        plain: the layer that is packed no more, beside those before it; None: every one is packed that can be.
        flash: bytes of its file.
        ram: bytes of TFLite Micro's arena.
    """

    plain: str | None
    flash: int
    ram: int


@dataclass(frozen=True)
class Compressed:
    """One network, compressed after each of some trainings.

    Attributes:
        study, trial, identity: which network.
        plan: the target of the compression, in words; trial and plan name the result.
        params: of the network.
        seeds: of the trainings.
        bytes: of each seed's file.
        before, after: the study's metric of each seed's network as trained, and as decoded from its file.
        nonzero: weights of each seed's network that are not zero.
        val_images: size of the validation split.
        metric: its name.
        errors: of `after` over the images; None where they are binomial.
        format: of the files: sqz, or tflite.
        ram: of each seed's file, bytes of TFLite Micro's arena; empty for sqz.
    """

    study: str
    trial: int
    identity: str
    plan: str
    params: int
    seeds: tuple[int, ...]
    bytes: tuple[int, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    nonzero: tuple[int, ...]
    val_images: int
    metric: str = "val_acc"
    errors: tuple[float | None, ...] = ()
    format: str = "sqz"
    ram: tuple[int, ...] = ()

    @property
    def files(self) -> list[str]:
        """Names of the seeds' files, in their folder."""
        return [f"{seed}.{self.format}" for seed in self.seeds]

    @property
    def size(self) -> float:
        """Mean bytes of a file."""
        return mean(self.bytes)

    @property
    def ratio(self) -> float:
        """The parameters' bytes in fp32 over the file's."""
        return 4 * self.params / self.size

    @property
    def accuracy(self) -> float:
        """Mean metric of the decoded networks."""
        return mean(self.after)

    @property
    def error(self) -> float:
        """Standard error of `accuracy`: of the seeds, or, of a single one, the images'."""
        if len(self.after) > 1:
            return stdev(self.after) / math.sqrt(len(self.after))
        if self.errors and self.errors[0] is not None:
            return self.errors[0]
        return math.sqrt(self.accuracy * (1 - self.accuracy) / self.val_images)

    @property
    def lost(self) -> tuple[float, float]:
        """Mean loss of the metric over the seeds and its standard error (0 for a single seed)."""
        differences = [old - new for old, new in zip(self.before, self.after, strict=True)]
        spread = stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
        return mean(differences), spread

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @staticmethod
    def read(data: dict[str, Any]) -> Compressed:
        """From `plain()`, or from JSON of it."""
        values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in data.items()}
        return Compressed(**values)

    def words(self) -> str:
        """One line for people."""
        lost, error = self.lost
        many = len(self.seeds) > 1
        points = f"{100 * lost:+.2f}" + (f" ± {100 * error:.2f}" if many else "")
        arena = f", arena {mean(self.ram):,.0f}" if self.ram else ""
        size = f"{self.size:,.0f} bytes{arena}, {self.ratio:.1f} times below fp32"
        seeds = f"mean of {len(self.seeds)} seeds" if many else "one seed"
        return f"{size}; {self.metric} {mean(self.before):.4f} -> {self.accuracy:.4f}, {points} points lost ({seeds})"
