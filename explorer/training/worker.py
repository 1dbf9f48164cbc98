"""What a controller asks of a worker: to train a network for some epochs, and what a data set is like.

Plain data in, plain data out; a worker knows nothing of studies.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from explorer.training.distributed import DEVICES, RankDied


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job on all devices of the slot: takes the fields of an `explorer.training.job.Job`, gives its Result."""
    from explorer.training.job import Job, run

    devices = int(os.environ.get(DEVICES, "1"))
    try:
        return asdict(run(Job(devices=devices, **job))) | {"devices": devices}
    except RankDied:
        os._exit(1)  # whoever looks after the worker starts another and tries again


def data_facts(data: dict[str, Any]) -> dict[str, Any]:
    """What a study needs to know of a data set, asked of a worker so that the controller never imports torch."""
    from explorer.training.job import read_data

    module = read_data(data)
    return {"input_shape": list(module.input_shape), "classes": module.classes, "images": dict(module.images)}
