"""A study in Optuna's storage: read by everyone, its trials written by the controller alone."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from explorer.results.budget import Spending
from explorer.results.curve import Curve
from explorer.results.reading import read_trial, read_trials
from explorer.results.record import StudyRecord, TrialRecord
from explorer.samplers import Proposal
from explorer.samplers.shadow import directions
from explorer.storage.patient import StudyError, open_storage
from explorer.storage.requests import STOP
from explorer.storage.same_study import check_config, check_data
from explorer.storage.stored import RESTORE, attributes_of, say_left_out, without_trials

SILENCE = 120.0
"""Seconds without a heartbeat after which a controller on another machine is taken for dead; it sends one every 15."""


class StudyStore:
    """One study, open for writing.

    New trials and results are in memory at once and written by `flush`, so that no slot waits for the database.

    Args:
        url: of the storage.
        name: of the study.
        config: see `StudyRecord.config`.
        facts: see `StudyRecord.facts`.

    Raises:
        StudyError: if the study exists with another space, recipe, data set, seed or length, or if the data changed.
    """

    def __init__(self, url: str, name: str, config: dict[str, Any], facts: dict[str, Any]) -> None:
        self._base = StudyRecord(name, config, facts)
        self.storage = open_storage(url, create=True)
        ids = self.storage.studies()
        own = directions(len(self._base.sizes))
        self.study_id = ids[name] if name in ids else self.storage.create_new_study(own, name)
        stored = attributes_of(self.storage, self.study_id, name)
        if "facts" in stored:
            changed = check_config(name, stored["config"], config, stored["facts"])
            check_data(name, stored["facts"], facts)
            self._change(stored, config, changed)
        elif self.storage.get_n_trials(self.study_id):
            raise StudyError(f"study {name} was not made by explorer; give the search another name with study=NAME")
        else:  # new, or cut off while it was being made
            self._name_values()
            self.storage.set_study_user_attr(self.study_id, "config", config)
            self.storage.set_study_user_attr(self.study_id, "facts", facts)
        attributes = self.storage.get_study_user_attrs(self.study_id)
        self.spent = Spending(wall_seconds=float(attributes.get("wall_seconds", 0.0)))
        """What the study has spent so far."""
        self._base = without_trials(name, attributes)
        self._claim(name, attributes.get("controller"))
        self.frozen: dict[int, FrozenTrial] = {}
        self.trials: dict[int, TrialRecord] = {}
        self.left_out: dict[int, str] = {}
        """Why, of trials that are none of the study's."""
        self.enqueued: dict[int, dict[str, Any]] = {}
        """Points that another program has put into Optuna's queue."""
        self._ids: dict[int, int] = {}
        self.next_number = 0
        """Of the next trial: Optuna counts them."""
        with _uncollected():
            for found in self.storage.trials_in_batches(self.study_id):
                for trial in self._take_in(found):
                    self._keep(trial)
        if lost := set(range(len(self.frozen))) - self.frozen.keys():
            raise StudyError(f"study {name} has lost trial {min(lost)}, so no other can be added; {RESTORE}")
        self._say_left_out(sorted(self.left_out))
        for number in self.trials:
            if self.frozen[number].state == TrialState.WAITING:  # taken over in the moment of a crash
                self.storage.set_trial_state_values(self._ids[number], TrialState.RUNNING)
        self._unwritten: deque[Callable[[bool], object]] = deque()
        """Writes to come, in order; the argument says whether an earlier attempt was interrupted, perhaps too late."""
        self._interrupted = False

    def _change(self, stored: Mapping[str, Any], config: dict[str, Any], changed: dict[str, list[Any]]) -> None:
        """Keeps what has changed, and from which trial on; the data may lie elsewhere too."""
        if changed:
            changes = list(stored.get("changes", ()))
            new = {"trial": self.storage.get_n_trials(self.study_id), "changed": changed}
            if changes[-1:] != [new]:  # the same, if a start was cut off right here
                self.storage.set_study_user_attr(self.study_id, "changes", [*changes, new])
            self._name_values()
        keys = {"data", *(("space", "size", "board") if changed else ())}
        now = {key: value for key, value in stored["config"].items() if key not in keys}
        now |= {key: config[key] for key in keys if key in config}
        if now != stored["config"]:
            self.storage.set_study_user_attr(self.study_id, "config", now)

    def _name_values(self) -> None:
        """Says what the trials' values are, for Optuna's tools."""
        names = [self._base.metric, *(size.name for size in self._base.sizes)]
        self.storage.set_study_system_attr(self.study_id, "study:metric_names", names)

    def look(self) -> list[int]:
        """Takes in what other programs have added since; the numbers of these trials, enqueued ones among them."""
        if len(self._ids) < self.next_number:  # a new trial of ours has no number in the database yet
            return []
        new = range(self.next_number, self.storage.get_n_trials(self.study_id))
        ids = [self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number) for number in new]
        self._take_in([self.storage.get_trial(trial_id) for trial_id in ids])
        self._say_left_out(new)
        return list(new)

    def _take_in(self, found: Sequence[FrozenTrial]) -> list[TrialRecord]:
        """Takes note of trials in the storage; returns the study's own."""
        self.frozen |= {trial.number: trial for trial in found}
        self._ids |= {trial.number: trial._trial_id for trial in found}
        self.next_number += len(found)
        own, left_out = read_trials(found, self._base.metric, self._base.size_name)
        self.left_out |= left_out
        self.enqueued |= {
            number: dict(self.frozen[number].system_attrs["fixed_params"])
            for number in left_out
            if self.frozen[number].state == TrialState.WAITING
            and isinstance(self.frozen[number].system_attrs.get("fixed_params"), dict)
        }
        for trial in own:  # the record has them now
            self.frozen[trial.number].user_attrs = {"uniform": trial.uniform}
        return own

    def _say_left_out(self, numbers: Iterable[int]) -> None:
        unused = self.left_out.keys() - self.enqueued.keys()
        say_left_out(self._base.name, {number: self.left_out[number] for number in numbers if number in unused})

    @property
    def record(self) -> StudyRecord:
        """The study as it stands."""
        return replace(self._base, trials=tuple(self.trials.values()))

    def proposal(self, number: int) -> Proposal | None:
        """Where a trial came from; None for an anchor from outside the space."""
        trial = self.frozen[number]
        uniform = bool(trial.user_attrs.get("uniform"))
        return Proposal(trial.params, trial.distributions, trial.system_attrs, uniform) if trial.params else None

    def asked_to_stop(self, number: int) -> bool:
        """Whether somebody has asked that a trial be stopped; see `explorer.storage.requests.stop`."""
        return number in self._ids and self.storage.has_trial_user_attr(self._ids[number], STOP)

    def create(self, proposal: Proposal | None, attributes: Mapping[str, Any]) -> TrialRecord:
        """Adds a running trial.

        It gets the next number: Optuna counts a study's trials, and a study has one controller.

        Args:
            proposal: its point of the space; None for an anchor from outside it.
            attributes: identity, params, bytes, macs, activations, architecture, seeds, anchor, uniform.
        """
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(proposal.params) if proposal else {},
            distributions=dict(proposal.distributions) if proposal else {},
            system_attrs=dict(proposal.system_attrs) if proposal else {},
            user_attrs=dict(attributes) | {"started": (now := time.time())},
        )
        template.datetime_start = datetime.fromtimestamp(now)  # noqa: DTZ006 - Optuna's times are naive
        template.number = self.next_number
        self.next_number += 1
        self._unwritten.append(partial(self._write_new, template))
        return self._keep(read_trial(template, self._base.metric, self._base.size_name))

    def adopt(self, other: TrialRecord, distributions: Mapping[str, BaseDistribution], origin: str) -> None:
        """Adds a trial that ended in another study of this recipe and these data.

        Args:
            other: the trial.
            distributions: of its parameters.
            origin: the other study and the trial's number in it.
        """
        self.flush()
        fields = ("identity", "params", "bytes", "macs", "activations", "architecture", "anchor", "adjusted", "reason")
        attributes = {name: getattr(other, name) for name in (*fields, "device", "devices", "started", "ended")}
        attributes |= {f"curve_{seed}": list(curve) for seed, curve in zip(other.seeds, other.curves, strict=True)}
        attributes |= {"seeds": list(other.seeds), "from": origin}
        attributes |= other.predicted
        trial = replace(other, number=self.next_number, size_name=self._base.size_name, uniform=False)
        template = optuna.trial.create_trial(
            state=TrialState[other.state],
            params=dict(other.metaparameters),
            distributions=dict(distributions),
            values=(trial.accuracy or 0.0, *trial.sizes) if other.state == "COMPLETE" else None,
            user_attrs=attributes,
        )
        template.number = trial.number
        self._ids[trial.number] = self.storage.create_new_trial(self.study_id, template)
        self.frozen[trial.number] = template
        self.next_number += 1
        self._keep(trial)

    def take_over(self, number: int, proposal: Proposal, attributes: Mapping[str, Any]) -> TrialRecord:
        """Makes an enqueued trial one of the study's, which runs; arguments as of `create`."""
        self.flush()
        trial_id = self._ids[number]
        for name, distribution in proposal.distributions.items():
            value = distribution.to_internal_repr(proposal.params[name])
            self.storage.set_trial_param(trial_id, name, value, distribution)
        last = {"identity": attributes["identity"]}  # by it the trial is known as ours
        for name, value in (dict(attributes) | {"started": time.time()}).items():
            if name not in last:
                self.storage.set_trial_user_attr(trial_id, name, value)
        self.storage.set_trial_user_attr(trial_id, "identity", last["identity"])
        self.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        self.frozen[number] = self.storage.get_trial(trial_id)
        del self.enqueued[number], self.left_out[number]
        trial = self._keep(read_trial(self.frozen[number], self._base.metric, self._base.size_name))
        self.trials = dict(sorted(self.trials.items()))
        return trial

    def flush(self) -> None:
        """Writes what is new since the last time.

        Raises:
            StudyError: if somebody else has added trials, or the database stays away.
        """
        while self._unwritten:
            again, self._interrupted = self._interrupted, True
            self._unwritten[0](again)
            self._unwritten.popleft()
            self._interrupted = False

    def _write_new(self, template: FrozenTrial, again: bool) -> None:
        number, written = template.number, None
        with suppress(KeyError):
            written = again and self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
        trial_id = written or self.storage.create_new_trial(self.study_id, template)
        if self.storage.get_trial_number_from_id(trial_id) != number:
            raise StudyError(f"another program adds trials to study {self._base.name}; the same command goes on")
        self._ids[number] = trial_id

    def _write_attribute(self, number: int, name: str, value: Any, again: bool) -> None:
        with suppress(UpdateFinishedTrialError) if again else nullcontext():
            self.storage.set_trial_user_attr(self._ids[number], name, value)

    def _write_end(self, number: int, state: TrialState, values: tuple[float, ...] | None, again: bool) -> None:
        with suppress(UpdateFinishedTrialError) if again else nullcontext():
            self.storage.set_trial_state_values(self._ids[number], state, values)

    def heartbeat(self) -> None:
        """Stores a heartbeat, and for how long searches have been at work on the study."""
        self.storage.set_study_user_attr(self.study_id, "wall_seconds", self.spent.wall_seconds)
        self.storage.set_study_user_attr(self.study_id, "controller", _me())

    def release(self) -> None:
        """Writes what is unwritten, and gives up the claim on the study."""
        self.flush()
        self.storage.set_study_user_attr(self.study_id, "controller", None)

    def _claim(self, name: str, holder: dict[str, Any] | None) -> None:
        """Refuses a second controller, on this machine or another that shares the storage."""
        if holder and _alive(holder):
            where = f"process {holder['pid']} on {holder['host']}"
            raise StudyError(f"another search is at work on study {name} ({where}); wait, or use another study=NAME")
        self.storage.set_study_user_attr(self.study_id, "controller", _me())

    def adjust(self, number: int, changes: dict[str, Any]) -> TrialRecord:
        """Restarts a trial with some keys of the recipe changed."""
        trial = self.trials[number]
        for seed in trial.seeds:
            self._attribute(number, f"curve_{seed}", [])
        self._attribute(number, "adjusted", changes)
        return self._keep(replace(trial, curves=tuple(() for _ in trial.seeds), adjusted=changes))

    def save_curve(
        self, number: int, seed: int, curve: list[dict[str, float]], device: str, devices: int = 1
    ) -> TrialRecord:
        """Stores a seed's epochs so far, and the device that trained them."""
        trial = self.trials[number]
        self._attribute(number, f"curve_{seed}", curve)
        if device != trial.device:
            self._attribute(number, "device", device)
        if devices != trial.devices:
            self._attribute(number, "devices", devices)
        curves = tuple(Curve(curve) if s == seed else old for s, old in zip(trial.seeds, trial.curves, strict=True))
        return self._keep(replace(trial, curves=curves, device=device, devices=devices))

    def finish(self, number: int, state: str, reason: str = "") -> TrialRecord:
        """Ends a trial: COMPLETE with its result, PRUNED or FAIL with a reason."""
        trial = replace(self.trials[number], state=state, reason=reason)
        if reason:
            self._attribute(number, "reason", reason)
        trial = replace(trial, ended=time.time())
        self._attribute(number, "ended", trial.ended)
        values = (trial.accuracy or 0.0, *trial.sizes) if state == "COMPLETE" else None
        self._unwritten.append(partial(self._write_end, number, TrialState[state], values))
        return self._keep(trial)

    def _attribute(self, number: int, name: str, value: Any) -> None:
        self._unwritten.append(partial(self._write_attribute, number, name, value))

    def _keep(self, trial: TrialRecord) -> TrialRecord:
        """Replaces a trial's record, and returns it."""
        if trial.number in self.trials:
            self.spent.count(self.trials[trial.number], times=-1)
        self.spent.count(trial)
        self.trials[trial.number] = trial
        return trial


def _me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}


def _alive(holder: Mapping[str, Any]) -> bool:
    """Whether a study's controller still runs: its process is looked up here, its heartbeat counts elsewhere."""
    if holder["host"] != socket.gethostname():
        return bool(time.time() - holder["time"] < SILENCE)
    if holder["pid"] == os.getpid():
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return bool(time.time() - holder["time"] < SILENCE)  # another process may have its number now


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing that is read there is garbage, and Python's collector would go through all of it again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collects:
            gc.enable()
