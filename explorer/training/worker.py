"""What a worker does for a controller: it trains a network for some epochs, and describes a data set.

Arguments and results are JSON; a worker knows nothing of studies.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
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


def data_facts(
    data: dict[str, Any],
    check: bool = False,
    progress: str | None = None,
    metric: str = "accuracy",
    init: str | None = None,
) -> dict[str, Any]:
    """What a study keeps of a data set; a worker reads it, so that the controller never imports torch.

    Args:
        data: see `explorer.data.load`.
        check: whether to look at every image.
        progress: a file that says how many were looked at and how many there are, while that goes on.
        metric: of the study, which is tried as well.
        init: of the recipe; where that is a file of weights, they are read as well.

    Returns:
        input_shape, classes, class_names, images (their number in train, val and test), preparation, majority (the
        class with the most training images, and what always saying it would reach in each part), fingerprint, and
        summary, in words.

    Raises:
        DataError: if the data are absent, or an image cannot be read.
        MetricError: if the metric cannot be made, or gives no number.
        RecipeError: if the weights to start from cannot be read.
    """
    from explorer.training.init_files import from_weights
    from explorer.training.job import read_data
    from explorer.training.metric import Metric
    from explorer.training.transfer import trained_network

    if init is not None and from_weights(init):
        trained_network(init)
    module = read_data(data)
    measured = Metric(metric, module.classes)
    if check:
        module.check_images(_counter(progress, sum(module.images.values())))
    facts = {"input_shape": list(module.input_shape), "classes": module.classes, "images": dict(module.images)}
    facts |= {"class_names": list(module.class_names), "preparation": module.preparation_facts()}
    facts |= {"majority": measured.majority(module.part_counts(), module.class_names)}
    return facts | {"fingerprint": module.fingerprint(), "summary": module.summary()}


def confusion(architecture: str, data: dict[str, Any], folder: str, part: str) -> list[list[int]]:
    """How a trained network classifies the images of a part.

    Args:
        architecture: JSON of an Architecture.
        data: see `explorer.data.load`.
        folder: of the training, whose last checkpoint is taken.
        part: train, val or test.

    Returns:
        Of each true class (row) how many images were taken for each class (column).
    """
    import torch

    from explorer.arch import Architecture
    from explorer.training.evaluation import answers
    from explorer.training.job import read_data, weights
    from explorer.training.network import build

    module = read_data(data)
    module.arrange("train")
    network = build(Architecture.from_json(architecture))
    network.load_state_dict(weights(folder))
    counts = torch.zeros(module.classes * module.classes, dtype=torch.long)
    for logits, labels in answers(network, module, part):
        counts += torch.bincount(labels * module.classes + logits.argmax(1), minlength=len(counts))
    rows: list[list[int]] = counts.view(module.classes, module.classes).tolist()
    return rows


def _counter(file: str | None, total: int) -> Callable[[int], None]:
    """Counts into a file, at most ten times a second."""
    counted, written, counting = 0, 0.0, threading.Lock()

    def done(more: int) -> None:
        nonlocal counted, written
        with counting:
            counted += more
            if file is not None and time.monotonic() - written > 0.1:
                written = time.monotonic()
                with suppress(OSError):  # it is no more than a number to look at
                    Path(file).write_text(f"{counted} {total}")

    return done
