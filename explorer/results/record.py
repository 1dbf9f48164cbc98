"""A study and its trials as values: read once from Optuna's storage, then used by plots, tracker and commands.

Optuna's trial holds everything; these records give it names and types. The user attributes have the names of the fields
below. Records never change, so properties are computed once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna

PLACES = ("dir", "labels")
"""Keys of a study's data that say where they lie, and may change while the data do not."""


@dataclass(frozen=True)
class TrialRecord:
    """One network of a study.

    Attributes:
        number: Optuna's trial number.
        state: Optuna's state: RUNNING, COMPLETE, PRUNED (stopped early) or FAIL.
        metaparameters: the point of the space; empty for an anchor from outside it.
        anchor: name of the published network, or None.
        uniform: whether it belongs to the sample for statistics: drawn uniformly whatever the sampler, never stopped.
        identity: of the architecture.
        params, bytes, macs: exact cost.
        architecture: its JSON.
        seeds: one training each.
        curves: for each seed, in the same order, one dict an epoch: epoch (from 1), train_loss, val_loss, val_acc, lr,
            seconds.
        device: where it trained, in words.
        devices: how many devices it trained on at once.
        started, ended: seconds since 1970; ended is 0 while it runs.
        adjusted: keys of the recipe that were changed for this trial, such as batch_size after memory ran out.
        reason: why it failed or stopped, or "".
    """

    number: int
    state: str
    metaparameters: dict[str, Any]
    anchor: str | None
    identity: str
    params: int
    bytes: int
    macs: int
    architecture: str
    seeds: tuple[int, ...]
    curves: tuple[tuple[dict[str, float], ...], ...] = ()
    device: str = ""
    devices: int = 1
    started: float = 0.0
    ended: float = 0.0
    adjusted: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    uniform: bool = False

    @cached_property
    def mean_curve(self) -> tuple[float, ...]:
        """Mean val_acc over the seeds after each epoch that all of them have finished."""
        curves = [[epoch["val_acc"] for epoch in curve[: self.epochs]] for curve in self.curves]
        return tuple(curves[0]) if len(curves) == 1 else tuple(map(mean, zip(*curves, strict=True)))

    @cached_property
    def epochs(self) -> int:
        """Epochs every seed has finished."""
        return min((len(curve) for curve in self.curves), default=0) if len(self.curves) == len(self.seeds) else 0

    @cached_property
    def accuracies(self) -> tuple[float, ...]:
        """val_acc of each seed after its last epoch."""
        return tuple(curve[-1]["val_acc"] for curve in self.curves if curve)

    @cached_property
    def accuracy(self) -> float | None:
        """Mean val_acc over the seeds of a finished trial; None while it runs, and if it failed."""
        return mean(self.accuracies) if self.state in ("COMPLETE", "PRUNED") and self.accuracies else None

    @cached_property
    def seconds(self) -> float:
        """Training time of all seeds."""
        return sum(epoch.get("seconds", 0.0) for curve in self.curves for epoch in curve)

    def error(self, images: int) -> float:
        """Standard error of `accuracy`: over the seeds if there are several, else binomial over `images`."""
        if len(self.accuracies) > 1:
            return stdev(self.accuracies) / math.sqrt(len(self.accuracies))
        p = self.accuracies[0] if self.accuracies else 0.0
        # Wilson's centre keeps the error above zero at an accuracy of 0 or 1.
        centre = (p * images + 2) / (images + 4)
        return math.sqrt(centre * (1 - centre) / (images + 4))


@dataclass(frozen=True)
class StudyRecord:
    """A study.

    Attributes:
        name: of the study.
        config: what defines it, as plain data: space, data, recipe, sampler, stopping, seed, seeds, epochs.
        facts: data set and machine: input_shape, classes, images (of train, val and test), fingerprint (of the data),
            versions, git_commit, key (16 random hex digits, by which other programs know the study). Studies of earlier
            versions lack fingerprint and key.
        trials: in the order of their numbers.
    """

    name: str
    config: dict[str, Any]
    facts: dict[str, Any]
    trials: tuple[TrialRecord, ...] = field(default=())

    @property
    def val_images(self) -> int:
        """Size of the validation split."""
        return int(self.facts["images"]["val"])

    @cached_property
    def finished(self) -> tuple[TrialRecord, ...]:
        """Trials trained to their last epoch."""
        return tuple(trial for trial in self.trials if trial.state == "COMPLETE")


def read(study: optuna.Study) -> StudyRecord:
    """Reads a study out of Optuna's storage."""
    attributes = study.user_attrs
    trials = tuple(read_trial(trial) for trial in study.get_trials(deepcopy=False))
    return StudyRecord(study.study_name, attributes["config"], attributes["facts"], trials)


def read_trial(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    """Reads one trial."""
    attributes = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=trial.state.name,
        metaparameters=dict(trial.params),
        anchor=attributes.get("anchor"),
        identity=attributes["identity"],
        params=attributes["params"],
        bytes=attributes["bytes"],
        macs=attributes["macs"],
        architecture=attributes["architecture"],
        seeds=tuple(attributes["seeds"]),
        curves=tuple(tuple(attributes.get(f"curve_{seed}", ())) for seed in attributes["seeds"]),
        device=attributes.get("device", ""),
        devices=attributes.get("devices", 1),
        started=started(trial),
        ended=_seconds(attributes.get("ended"), trial.datetime_complete),
        adjusted=attributes.get("adjusted", {}),
        reason=attributes.get("reason", ""),
        uniform=attributes.get("uniform", False),
    )


def started(trial: optuna.trial.FrozenTrial) -> float:
    """When a trial began, in seconds since 1970; 0 if it did not."""
    return _seconds(trial.user_attrs.get("started"), trial.datetime_start)


def _seconds(stored: float | None, naive: datetime | None) -> float:
    """Seconds since 1970; trials of earlier versions have Optuna's time alone, which is local to whoever wrote it."""
    if stored is not None:
        return stored
    return naive.timestamp() if naive else 0.0
