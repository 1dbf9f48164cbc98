"""Stratified splits that depend on the labels and a seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from explorer.data import DataError

Indices: TypeAlias = NDArray[np.int64]


def carve(
    labels: Sequence[int] | NDArray[np.int64], share: float, seed: int, key: str, images: int | None = None
) -> tuple[Indices, Indices]:
    """Splits images into those that stay and those carved off, with the same mix of classes in both.

    Args:
        labels: class of each image.
        share: images to carve off: a whole number of them, or a fraction below 1; exactly 1.0 takes all, 0 none.
        seed: decides which.
        key: the config's key for `share`, for the message.
        images: what a fraction is of, where that is more than these images.

    Returns:
        Sorted indices (kept, carved).

    Raises:
        DataError: if the classes cannot all be in both parts.
    """
    from sklearn.model_selection import train_test_split

    everything = np.arange(len(labels))
    nothing = everything[:0]
    count = len(labels) if share == 1.0 and isinstance(share, float) else share
    if isinstance(share, float) and share < 1:
        count = round(share * (images or len(labels)))
    if not 0 <= count <= len(labels) or count != int(count):
        raise DataError(f"{key} is {share!r}, expected a number of images up to {len(labels)}, or a fraction")
    if count == 0 or count == len(labels):
        return (everything, nothing) if count == 0 else (nothing, everything)
    try:
        kept, carved = train_test_split(everything, test_size=int(count), stratify=labels, random_state=seed)
    except ValueError as error:
        raise DataError(f"{key} is {share!r}, but the {len(labels)} images cannot be split so: {error}") from None
    return np.sort(kept), np.sort(carved)
