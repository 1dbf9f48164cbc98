"""A study and its trials as values: read once from Optuna's storage, then used by plots, tracker and commands.

Optuna's trial holds everything; these records give it names and types. The user attributes have the names of the fields
below. Records never change, so properties are computed once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import mean, stdev
from typing import Any

from explorer.arch import Architecture, cost, tflite
from explorer.arch.size import Size, SizeError, parse_all, shown, together
from explorer.arch.tflite.board import Board
from explorer.arch.tflite.board import read as read_board
from explorer.results.curve import column
from explorer.results.metric import measured_name
from explorer.results.text import Text

PLACES = ("dir", "labels", "cache", "workers")
"""Keys of a study's data that say where they lie and how they are read, and may change while the data do not."""
EARLIER = {
    "data.draft": False,
    "data.zoom": 1.0,
    "data.jitter": 0.0,
    "data.unreadable": "stop",
    "recipe.precision": "32-true",
    "metric": "accuracy",
    "size": "params",
    "precision": "fp32",
}
"""Values of keys that studies of earlier versions do not have."""
ACCURACY = "val_acc"


@dataclass(frozen=True)
class TrialRecord:
    """One network of a study.

    Attributes:
        number: Optuna's trial number.
        state: Optuna's state: RUNNING, COMPLETE, PRUNED (stopped early) or FAIL.
        metaparameters: the point of the space; empty for an anchor from outside it.
        anchor: name of the published network, or None.
        metric: what the study maximises, by its name in the curves.
        size_name: what it minimises, of two sizes both; see `explorer.arch.size`.
        peak: activations as stored; 0 in studies of earlier versions.
        predicted: latency or cycles, as stored; nothing in studies that have none.
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
    architecture: Text = Text()  # noqa: RUF009 - a descriptor
    seeds: tuple[int, ...]  # type: ignore[misc]  # mypy takes the descriptor for a default
    curves: tuple[Sequence[dict[str, float]], ...] = ()
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
    predicted: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def activations(self) -> int:
        """Bytes of activations at once in fp32."""
        return self.peak or cost(Architecture.from_json(self.architecture)).activations

    @cached_property
    def flash(self) -> int:
        """Bytes of its int8 file for TFLite Micro; see `explorer.arch.tflite`."""
        return tflite.flash(Architecture.from_json(self.architecture))

    @cached_property
    def ram(self) -> int:
        """Bytes of TFLite Micro's arena."""
        return tflite.ram(Architecture.from_json(self.architecture))

    @property
    def latency(self) -> float:
        """Microseconds for one image, as predicted when the trial began.

        Raises:
            SizeError: if its study predicts none.
        """
        return self._predicted("latency")

    @property
    def cycles(self) -> float:
        """Cycles of an NPU for one image, as predicted when the trial began; SizeError as for `latency`."""
        return self._predicted("cycles")

    def _predicted(self, name: str) -> float:
        if name not in self.predicted:
            raise SizeError(
                f"trial {self.number} has no predicted {name}: its study was searched without; "
                f"python -m explorer.report size={name} predicts it"
            )
        return self.predicted[name]

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """What the study minimises: one number, or two."""
        return tuple(float(size.of(self)) for size in parse_all(self.size_name))

    @property
    def size(self) -> float:
        """What the study minimises; of two the first."""
        return self.sizes[0]

    @property
    def named_sizes(self) -> dict[str, float]:
        """The same by name."""
        return {size.name: number for size, number in zip(parse_all(self.size_name), self.sizes, strict=True)}

    @property
    def sizes_in_words(self) -> str:
        """48,211 params; 48,211 params, 1,203,456 macs."""
        return ", ".join(f"{shown(number)} {name}" for name, number in self.named_sizes.items())

    @cached_property
    def mean_curve(self) -> tuple[float, ...]:
        """Mean `metric` over the seeds after each epoch that all of them have finished."""
        curves = [column(curve, self.metric)[: self.epochs] for curve in self.curves]
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
        return sum(sum(column(curve, "seconds", 0.0)) for curve in self.curves)

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
        changes: of the config, which is that of now: `trial`, the number of the first one after it, and `changed`, for
            each key what it was and what it became.
    """

    name: str
    config: dict[str, Any]
    facts: dict[str, Any]
    trials: tuple[TrialRecord, ...] = field(default=())
    changes: tuple[dict[str, Any], ...] = ()

    @property
    def val_images(self) -> int:
        """Size of the validation split."""
        return int(self.facts["images"]["val"])

    @property
    def metric(self) -> str:
        """What it maximises, by its name in the curves: val_acc, or another; val_int8_acc of networks in int8."""
        return f"val_{measured_name(self.config)}"

    @property
    def sizes(self) -> tuple[Size, ...]:
        """What it minimises: one size, or two."""
        return parse_all(self.config.get("size", "params"))

    @property
    def size(self) -> Size:
        """What it minimises; of two the first."""
        return self.sizes[0]

    @property
    def size_name(self) -> str:
        """What it minimises, by name."""
        return together(self.sizes)

    @property
    def drawn_from(self) -> int:
        """The number of the first trial that was drawn from the space as it is now."""
        of_space = [each["trial"] for each in self.changes if any(key != "size" for key in each["changed"])]
        return max(of_space, default=0)

    def within_limits(self, trial: TrialRecord) -> bool:
        """Whether the limits of now allow a network; they bind no published one."""
        if trial.anchor or not self.changes:  # nothing beyond a limit is ever trained, unless the limit is younger
            return True
        return all(getattr(trial, key) <= limit for key, limit in self.config["space"].get("limits", {}).items())

    @property
    def changes_in_words(self) -> list[str]:
        """A line for each: from trial 24 on: size was params, now macs."""
        return [
            f"from trial {each['trial']} on: " + "; ".join(_change(key, *both) for key, both in each["changed"].items())
            for each in self.changes
        ]

    @property
    def board(self) -> Board | None:
        """What its networks are for, if it was made for a board."""
        return read_board(self.config["board"]) if self.config.get("board") else None

    def by_size(self, name: object) -> StudyRecord:
        """The same trials, looked at by another size than the one the study was made for, or by two.

        Raises:
            SizeError: if there is none of that name.
        """
        wanted = together(parse_all(name))
        if wanted == self.size_name:
            return self
        trials = tuple(replace(trial, size_name=wanted) for trial in self.trials)
        facts = self.facts | {"made_for": self.size_name}
        return replace(self, config=self.config | {"size": wanted}, facts=facts, trials=trials)

    @cached_property
    def finished(self) -> tuple[TrialRecord, ...]:
        """Trials trained to their last epoch."""
        return tuple(trial for trial in self.trials if trial.state == "COMPLETE")

    @cached_property
    def allowed(self) -> tuple[TrialRecord, ...]:
        """Those of them within the limits, of which the front is taken."""
        return tuple(filter(self.within_limits, self.finished))


def _change(key: str, then: Any, now: Any) -> str:
    return f"{key} was {_plainly(then)}, now {_plainly(now)}"


def _plainly(value: Any) -> str:
    return "none" if value in (None, {}, []) else f"{value:,}" if type(value) is int else str(value)
