"""Data sets that torchvision knows where to find."""

from __future__ import annotations

import os
from typing import Any

from explorer.data import DataError


def torchvision_sets(name: str, kind: str, folder: str, download: bool, expected: str) -> tuple[Any, Any]:
    """The training set and the test set of a class of torchvision.datasets.

    Args:
        name: of the data set, for messages.
        kind: name of the class.
        folder: looked in, and downloaded to.
        download: whether to fetch what is absent.
        expected: what the folder ought to hold, for messages.

    Raises:
        DataError: if the files are absent or altered and cannot be fetched, or without torchvision.
    """
    try:
        from torchvision import datasets
    except ImportError:
        raise DataError(
            f"data={name} needs torchvision, which is not installed: python -m pip install 'explorer[vision]'"
        ) from None
    where = os.path.abspath(folder)
    dataset = getattr(datasets, kind)
    try:
        return dataset(folder, train=True, download=download), dataset(folder, train=False, download=download)
    except (RuntimeError, OSError) as error:
        # torchvision checks every file's checksum, and says RuntimeError both for absent and for altered ones.
        tried = f"and the download failed ({_line(error)})" if download else "and data.download is false"
        raise DataError(f"no {name} in {where}, {tried}; put {expected} there, or set data.dir") from None


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
