"""What a worker does for a controller: it trains a network for some epochs, and describes a data set.

Arguments and results are JSON; a worker knows nothing of studies.
"""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import Any

from explorer.training.distributed import DEVICES, RankDied


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job on all devices of the slot.

    Args:
        job: the fields of a `Job`.

    Returns:
        The fields of its `Result`, and `devices`.
    """
    from explorer.training.job import Job, run

    devices = int(os.environ.get(DEVICES, "1"))
    try:
        return asdict(run(replace(Job(**job), devices=devices))) | {"devices": devices}
    except RankDied:
        os._exit(1)  # whoever looks after the worker starts another and tries again


def data_facts(data: dict[str, Any]) -> dict[str, Any]:
    """Shape, classes and images of a data set; a worker reads it, so that the controller never imports torch."""
    from explorer.training.job import read_data

    module = read_data(data)
    return {"input_shape": list(module.input_shape), "classes": module.classes, "images": dict(module.images)}
