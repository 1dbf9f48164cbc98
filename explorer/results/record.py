"""A study and its trials as values: read once from Optuna's storage, then used by plots, tracker and commands.

Optuna's trial holds everything; these records give it names and types. The user attributes have the names of the fields
below. Records never change, so properties are computed once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.arch.size import Size, parse
from explorer.results.metric import metric_of, short_name

if TYPE_CHECKING:
    import optuna

PLACES = ("dir", "labels", "cache", "workers")
"""Keys of a study's data that say where they lie and how they are read, and may change while the data do not."""
EARLIER = {
    "data.draft": False,
    "data.zoom": 1.0,
    "data.jitter": 0.0,
    "data.unreadable": "stop",
    "metric": "accuracy",
    "size": "params",
}
"""Values of keys that studies of earlier versions do not have."""
ACCURACY = "val_acc"
REQUIRED = {"identity": str, "params": int, "bytes": int, "macs": int, "architecture": str, "seeds": list}
"""Attributes of every trial, and their types."""


@dataclass(frozen=True)
class TrialRecord:
    """One network of a study.

    Attributes:
        number: Optuna's trial number.
        state: Optuna's state: RUNNING, COMPLETE, PRUNED (stopped early) or FAIL.
        metaparameters: the point of the space; empty for an anchor from outside it.
        anchor: name of the published network, or None.
        metric: what the study maximises, by its name in the curves.
        size_name: what it minimises; see `explorer.arch.size`.
        peak: activations as stored; 0 in studies of earlier versions.
        uniform: whether it belongs to the sample for statistics: drawn uniformly whatever the sampler, never stopped.
        identity: of the architecture.
        params, bytes, macs: exact cost.
        architecture: its JSON.
        seeds: one training each.
        curves: for each seed, in the same order, one dict an epoch: epoch (from 1), train_loss, val_loss, val_acc, lr,
            seconds; and the study's metric, where it is another, and after the last epoch of a rung its error.
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
    metric: str = ACCURACY
    size_name: str = "params"
    peak: int = 0

    @cached_property
    def activations(self) -> int:
        """Bytes of activations at once in fp32."""
        return self.peak or cost(Architecture.from_json(self.architecture)).activations

    @cached_property
    def size(self) -> float:
        """What the study minimises."""
        return float(parse(self.size_name).of(self))

    @cached_property
    def mean_curve(self) -> tuple[float, ...]:
        """Mean `metric` over the seeds after each epoch that all of them have finished."""
        curves = [[epoch[self.metric] for epoch in curve[: self.epochs]] for curve in self.curves]
        return tuple(curves[0]) if len(curves) == 1 else tuple(map(mean, zip(*curves, strict=True)))

    @cached_property
    def epochs(self) -> int:
        """Epochs every seed has finished."""
        return min((len(curve) for curve in self.curves), default=0) if len(self.curves) == len(self.seeds) else 0

    @cached_property
    def accuracies(self) -> tuple[float, ...]:
        """`metric` of each seed after its last epoch."""
        return tuple(curve[-1][self.metric] for curve in self.curves if curve)

    @cached_property
    def accuracy(self) -> float | None:
        """Mean `metric` over the seeds of a finished trial; None while it runs, and if it failed."""
        return mean(self.accuracies) if self.state in ("COMPLETE", "PRUNED") and self.accuracies else None

    @cached_property
    def seconds(self) -> float:
        """Training time of all seeds."""
        return sum(epoch.get("seconds", 0.0) for curve in self.curves for epoch in curve)

    def error(self, images: int) -> float:
        """Standard error of `accuracy`: over the seeds if there are several, else over `images`: binomial, or where the
        metric is no share of them as the training's bootstrap found it."""
        if len(self.accuracies) > 1:
            return stdev(self.accuracies) / math.sqrt(len(self.accuracies))
        last = next((curve[-1] for curve in self.curves if curve), {})
        if f"{self.metric}_error" in last:
            return last[f"{self.metric}_error"]
        p = self.accuracies[0] if self.accuracies else 0.0
        # Wilson's centre keeps the error above zero at an accuracy of 0 or 1.
        centre = (p * images + 2) / (images + 4)
        return math.sqrt(centre * (1 - centre) / (images + 4))


@dataclass(frozen=True)
class StudyRecord:
    """A study.

    Attributes:
        name: of the study.
        config: what defines it, as plain data: space, data, recipe, metric, size, sampler, stopping, seed,
            seeds, epochs.
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

    @property
    def metric(self) -> str:
        """What it maximises, by its name in the curves: val_acc, or another."""
        return f"val_{short_name(metric_of(self.config))}"

    @property
    def size(self) -> Size:
        """What it minimises."""
        return parse(self.config.get("size", "params"))

    def by_size(self, name: str) -> StudyRecord:
        """The same trials, looked at by another size than the one the study was made for.

        Raises:
            SizeError: if there is none of that name.
        """
        wanted = parse(name).name
        if wanted == self.size.name:
            return self
        trials = tuple(replace(trial, size_name=wanted) for trial in self.trials)
        facts = self.facts | {"made_for": self.size.name}
        return replace(self, config=self.config | {"size": wanted}, facts=facts, trials=trials)

    @cached_property
    def finished(self) -> tuple[TrialRecord, ...]:
        """Trials trained to their last epoch."""
        return tuple(trial for trial in self.trials if trial.state == "COMPLETE")


class Unreadable(str):
    """An attribute in a database that is no JSON."""


class TrialError(ValueError):
    """A trial that another program made, or that has lost something: why it is left out."""


def read_trials(
    trials: Iterable[optuna.trial.FrozenTrial], metric: str = ACCURACY, size: str = "params"
) -> tuple[list[TrialRecord], dict[int, str]]:
    """The trials of a study with this metric and size that can be read, and why the others cannot, by number."""
    records, left_out = [], {}
    for trial in trials:
        try:
            records.append(read_trial(trial, metric, size))
        except TrialError as error:
            left_out[trial.number] = str(error)
    return records, left_out


def read_trial(trial: optuna.trial.FrozenTrial, metric: str = ACCURACY, size: str = "params") -> TrialRecord:
    """Reads one trial; one that was taken over and does not run yet counts as running.

    Raises:
        TrialError: if another program made it, or if something of it is lost.
    """
    attributes = trial.user_attrs
    if "identity" not in attributes:
        raise TrialError("was made by another program")
    broken = next((name for name, value in attributes.items() if isinstance(value, Unreadable)), None)
    if broken is not None:
        raise TrialError(f"has a broken {broken}")
    for name, kind in REQUIRED.items():
        if not isinstance(attributes.get(name), kind):
            raise TrialError(f"has {'a broken' if name in attributes else 'no'} {name}")
    state = "RUNNING" if trial.state.name == "WAITING" else trial.state.name
    curves = tuple(_curve(attributes, seed, metric) for seed in attributes["seeds"])
    if state == "COMPLETE" and not all(curves):
        lost = next(seed for seed, curve in zip(attributes["seeds"], curves, strict=True) if not curve)
        raise TrialError(f"has no curve_{lost}")
    return TrialRecord(
        number=trial.number,
        state=state,
        metaparameters=dict(trial.params),
        anchor=attributes.get("anchor"),
        identity=attributes["identity"],
        params=attributes["params"],
        bytes=attributes["bytes"],
        macs=attributes["macs"],
        architecture=attributes["architecture"],
        seeds=tuple(attributes["seeds"]),
        curves=curves,
        device=attributes.get("device", ""),
        devices=attributes.get("devices", 1),
        started=started(trial),
        ended=_seconds(attributes.get("ended"), trial.datetime_complete),
        adjusted=attributes.get("adjusted", {}),
        reason=attributes.get("reason", ""),
        uniform=attributes.get("uniform", False),
        metric=metric,
        size_name=size,
        peak=attributes.get("activations", 0),
    )


def _curve(attributes: Mapping[str, Any], seed: Any, metric: str) -> tuple[dict[str, float], ...]:
    curve = attributes.get(f"curve_{seed}", ())
    try:
        if all(isinstance(epoch[metric], int | float) for epoch in curve):
            return tuple(curve)
    except (TypeError, KeyError):
        pass
    raise TrialError(f"has a broken curve_{seed}")


def started(trial: optuna.trial.FrozenTrial) -> float:
    """When a trial began, in seconds since 1970; 0 if it did not."""
    return _seconds(trial.user_attrs.get("started"), trial.datetime_start)


def _seconds(stored: float | None, naive: datetime | None) -> float:
    """Seconds since 1970; trials of earlier versions have Optuna's time alone, which is local to whoever wrote it."""
    if isinstance(stored, int | float):
        return stored
    return naive.timestamp() if naive else 0.0
