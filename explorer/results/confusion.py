"""Which classes a network takes for which: the confusion matrix, and what always saying one class would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean


@dataclass(frozen=True)
class Confusion:
    """How the images of a part were classified.

    Attributes:
        counts: of each true class (row) how many images were taken for each class (column).
        class_names: in the order of their numbers; empty if unknown.
    """

    counts: Sequence[Sequence[int]]
    class_names: Sequence[str] = ()

    def name(self, number: int) -> str:
        """Of a class."""
        return self.class_names[number] if self.class_names else str(number)

    @property
    def majority(self) -> tuple[int, float]:
        """The class with the most images, and the share of images that always saying it would get right."""
        sizes = [sum(row) for row in self.counts]
        largest = max(range(len(sizes)), key=lambda number: sizes[number])
        return largest, sizes[largest] / sum(sizes)

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the classes of the share of their images that are right; classes without images do not count."""
        return mean(row[number] / sum(row) for number, row in enumerate(self.counts) if sum(row))

    def mistakes(self, most: int) -> list[tuple[int, int, int]]:
        """(true class, class it was taken for, images), the most frequent first."""
        found = [
            (truth, taken, count)
            for truth, row in enumerate(self.counts)
            for taken, count in enumerate(row)
            if truth != taken and count
        ]
        return sorted(found, key=lambda one: -one[2])[:most]

    def lines(self) -> list[str]:
        """What it says, for people."""
        largest, share = self.majority
        lines = [f"balanced accuracy {self.balanced_accuracy:.4f}; always {self.name(largest)!r} would be {share:.4f}"]
        mistakes = [
            f"{self.name(truth)!r} for {self.name(taken)!r} ({count:,} of {sum(self.counts[truth]):,})"
            for truth, taken, count in self.mistakes(3)
        ]
        return lines + ([f"most often it takes {', '.join(mistakes)}"] if mistakes else [])
