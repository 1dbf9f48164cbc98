"""What has to be said beside every measured number."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.plots.sweep import SweepInfo
from explorer.reproduction.trends import CONFIDENCE


def caveat(studies: Sequence[SweepInfo | None]) -> str:
    """In a few sentences: what was measured on, what the intervals cover, and that it is not the paper's data."""
    present = [info for info in studies if info is not None]
    if not present:
        return "Nothing is measured yet; each section names the command that measures it."
    data = sorted({info.data for info in present})
    images = sorted({info.images for info in present})
    one = ", ".join(f"{100 / count:.2f}" for count in images)
    return (
        f"Measured on {', '.join(data)}, not on ImageNet: val_acc is top-1 on the validation images, and only "
        f"trends may be held against the paper's. Differences are paired by seed, with Student's {CONFIDENCE:.0%} "
        "interval over the seeds: it covers the luck of training, not the choice of the "
        f"{', '.join(map(str, images))} images, each of which is worth {one} points. Each interval "
        "stands alone: of twenty, one misses. The paper's accuracies are single trainings."
    )
