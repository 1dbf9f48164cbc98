"""Made-up sweeps of the paper's spaces on 8x8 images: real networks, accuracies as the test wants them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from explorer.arch import cost
from explorer.plots.sweep import SweepInfo, info
from explorer.results.record import StudyRecord, TrialRecord
from explorer.space import parse
from tests.support.sample import CLASSES, INPUT_SHAPE, STARTED, study

SPACES = Path(__file__).parents[2] / "search_spaces"


def sweep_study(parameter: str, accuracies: Mapping[Any, Sequence[float]]) -> StudyRecord:
    """The study paper_PARAMETER.

    Args:
        parameter: the metaparameter swept.
        accuracies: {value: val_acc of each seed}; values left out are not trained.
    """
    name = f"paper_{parameter}"
    space = parse(name, yaml.safe_load((SPACES / f"{name}.yaml").read_text()))
    trials = [
        _trial(number, space.architecture({parameter: value}, INPUT_SHAPE, CLASSES), {parameter: value}, list(each))
        for number, (value, each) in enumerate(accuracies.items())
    ]
    record = study(trials, name)
    return StudyRecord(name, record.config | {"space": space.as_dict()}, record.facts, record.trials)


def sweep(parameter: str, accuracies: Mapping[Any, Sequence[float]]) -> SweepInfo:
    """What the sweep of `sweep_study` shows."""
    return info(sweep_study(parameter, accuracies), parameter)


def every_sweep() -> dict[str, SweepInfo]:
    """All four with three seeds; accuracy rises and flattens."""
    values: dict[str, list[Any]] = {
        "squeeze_ratio": [0.125, 0.25, 0.5, 0.75, 1.0],
        "pct_3x3": [0.01, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 0.99],
        "bypass": ["none", "simple", "complex"],
        "downsampling": [0.0, 0.125, 0.25, 0.375, 0.5],
    }
    return {
        parameter: sweep(
            parameter,
            {value: [0.99 - 0.03 / (i + 1) + 0.002 * seed for seed in range(3)] for i, value in enumerate(swept)},
        )
        for parameter, swept in values.items()
    }


def _trial(number: int, network: Any, metaparameters: dict[str, Any], accuracies: list[float]) -> TrialRecord:
    counted = cost(network)
    return TrialRecord(
        number=number,
        state="COMPLETE",
        metaparameters=metaparameters,
        anchor=None,
        identity=network.identity,
        params=counted.params,
        bytes=counted.bytes,
        macs=counted.macs,
        architecture=network.to_json(),
        seeds=tuple(range(len(accuracies))),
        curves=tuple(({"epoch": 1.0, "val_acc": accuracy, "seconds": 1.0},) for accuracy in accuracies),
        started=STARTED + number,
        ended=STARTED + number + 1,
    )
