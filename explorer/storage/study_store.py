"""A study in Optuna's storage: read by everyone, its trials written by the controller alone."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from explorer.results.budget import Spending
from explorer.results.record import StudyRecord, TrialRecord, read_trial, read_trials, started
from explorer.samplers import Proposal
from explorer.samplers.shadow import DIRECTIONS
from explorer.storage.patient import DATABASE_ERRORS, StudyError, open_storage, there, why
from explorer.storage.same_study import check_config, check_data

SAID = 5
"""Trials that are left out of which a line says why."""
RESTORE = "put back a copy of the database, or search on under another name with study=NAME"
SILENCE = 120.0
"""Seconds without a heartbeat after which a controller on another machine is taken for dead; it sends one every 15."""


def load(url: str, name: str | None) -> StudyRecord:
    """Reads a study; without a name the one that was searched last.

    Raises:
        StudyError: if there is no such study.
    """
    storage = open_storage(url)
    try:
        studies = storage.studies()
        if not studies:
            raise StudyError("the storage holds no study; run explorer.search first")
        if name is None:
            name = max(studies, key=lambda study: _last_start(storage, studies[study]))
        if name not in studies:
            raise StudyError(f"study is {name!r}, expected one of {', '.join(studies)}")
        attributes = _attributes(storage, studies[name], name)
        if "facts" not in attributes:
            raise StudyError(f"study {name} was not made by explorer, or is being made now")
        record = StudyRecord(name, attributes["config"], attributes["facts"])
        trials, left_out = read_trials(
            storage.get_all_trials(studies[name], deepcopy=False), record.metric, record.size.name
        )
        _say_left_out(name, left_out)
        return replace(record, trials=tuple(trials))
    except DATABASE_ERRORS as error:
        raise StudyError(f"the storage cannot be read: {why(error, url)}") from None


def _attributes(storage: RDBStorage, study_id: int, name: str) -> dict[str, Any]:
    """Attributes of a study; where it is one of ours, its facts and its config are there.

    Raises:
        StudyError: naming what is broken or lost.
    """
    try:
        attributes = storage.get_study_user_attrs(study_id)
    except json.JSONDecodeError:
        raise StudyError(f"study {name} has a broken attribute; {RESTORE}") from None
    if "facts" in attributes:
        facts, config = attributes["facts"], attributes.get("config")
        for key in ("input_shape", "classes", "images"):
            if not isinstance(facts, dict) or key not in facts:
                raise StudyError(f"study {name} has lost its facts ({key}); {RESTORE}")
        if not isinstance(config, dict) or "space" not in config:
            raise StudyError(f"study {name} has lost its config; {RESTORE}")
    return attributes


def _say_left_out(name: str, left_out: Mapping[int, str]) -> None:
    if left_out:
        why_each = ", ".join(f"trial {number} {reason}" for number, reason in list(left_out.items())[:SAID])
        more = f" and {len(left_out) - SAID:,} more" if len(left_out) > SAID else ""
        print(f"study {name}: left out: {why_each}{more}", file=sys.stderr, flush=True)


def _last_start(storage: RDBStorage, study_id: int) -> float:
    return max(map(started, storage.get_all_trials(study_id, deepcopy=False)), default=0.0)


def stored_attributes(url: str, name: str) -> dict[str, Any] | None:
    """Attributes of a study, its config and facts among them, or None if there is no such study yet. Makes no file.

    Raises:
        StudyError: if the storage cannot be opened.
    """
    if not there(url):
        return None
    storage = open_storage(url, create=True)
    studies = storage.studies()
    attributes = _attributes(storage, studies[name], name) if name in studies else {}
    return attributes if "facts" in attributes else None


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
        self.study_id = ids[name] if name in ids else self.storage.create_new_study(list(DIRECTIONS), name)
        stored = _attributes(self.storage, self.study_id, name)
        if "facts" in stored:
            check_config(name, stored["config"], config, stored["facts"])
            check_data(name, stored["facts"], facts)
            if stored["config"].get("data") != config.get("data"):  # they lie elsewhere now
                moved = stored["config"] | {"data": config["data"]}
                self.storage.set_study_user_attr(self.study_id, "config", moved)
        elif self.storage.get_n_trials(self.study_id):
            raise StudyError(f"study {name} was not made by explorer; give the search another name with study=NAME")
        else:  # new, or cut off while it was being made
            names = [self._base.metric, self._base.size.name]  # of the two values, for Optuna's tools
            self.storage.set_study_system_attr(self.study_id, "study:metric_names", names)
            self.storage.set_study_user_attr(self.study_id, "config", config)
            self.storage.set_study_user_attr(self.study_id, "facts", facts)
        attributes = self.storage.get_study_user_attrs(self.study_id)
        self.spent = Spending(wall_seconds=float(attributes.get("wall_seconds", 0.0)))
        """What the study has spent so far."""
        self._base = replace(self._base, config=attributes["config"], facts=attributes["facts"])
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
        found = self.storage.get_all_trials(self.study_id, deepcopy=False)
        if lost := set(range(len(found))) - {trial.number for trial in found}:
            raise StudyError(f"study {name} has lost trial {min(lost)}, so no other can be added; {RESTORE}")
        for trial in self._take_in(found):
            self._keep(trial)
            if self.frozen[trial.number].state == TrialState.WAITING:  # taken over in the moment of a crash
                self.storage.set_trial_state_values(self._ids[trial.number], TrialState.RUNNING)
        self._unwritten: deque[Callable[[bool], object]] = deque()
        """Writes to come, in order; the argument says whether an earlier attempt was interrupted, perhaps too late."""
        self._interrupted = False

    def look(self) -> list[int]:
        """Takes in what other programs have added since; the numbers of these trials, enqueued ones among them."""
        if len(self._ids) < self.next_number:  # a new trial of ours has no number in the database yet
            return []
        new = range(self.next_number, self.storage.get_n_trials(self.study_id))
        ids = [self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number) for number in new]
        self._take_in([self.storage.get_trial(trial_id) for trial_id in ids])
        return list(new)

    def _take_in(self, found: Sequence[FrozenTrial]) -> list[TrialRecord]:
        """Takes note of trials in the storage; returns the study's own."""
        self.frozen |= {trial.number: trial for trial in found}
        self._ids |= {trial.number: trial._trial_id for trial in found}
        self.next_number += len(found)
        own, left_out = read_trials(found, self._base.metric, self._base.size.name)
        self.left_out |= left_out
        self.enqueued |= {
            number: dict(self.frozen[number].system_attrs["fixed_params"])
            for number in left_out
            if self.frozen[number].state == TrialState.WAITING
            and isinstance(self.frozen[number].system_attrs.get("fixed_params"), dict)
        }
        _say_left_out(self._base.name, {number: left_out[number] for number in left_out if number not in self.enqueued})
        return own

    @property
    def record(self) -> StudyRecord:
        """The study as it stands."""
        return replace(self._base, trials=tuple(self.trials.values()))

    def proposal(self, number: int) -> Proposal | None:
        """Where a trial came from; None for an anchor from outside the space."""
        trial = self.frozen[number]
        uniform = bool(trial.user_attrs.get("uniform"))
        return Proposal(trial.params, trial.distributions, trial.system_attrs, uniform) if trial.params else None

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
        return self._keep(read_trial(template, self._base.metric, self._base.size.name))

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
        trial = self._keep(read_trial(self.frozen[number], self._base.metric, self._base.size.name))
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

    def _write_end(self, number: int, state: TrialState, values: tuple[float, float] | None, again: bool) -> None:
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
        curves = tuple(tuple(curve) if s == seed else old for s, old in zip(trial.seeds, trial.curves, strict=True))
        return self._keep(replace(trial, curves=curves, device=device, devices=devices))

    def finish(self, number: int, state: str, reason: str = "") -> TrialRecord:
        """Ends a trial: COMPLETE with its result, PRUNED or FAIL with a reason."""
        trial = replace(self.trials[number], state=state, reason=reason)
        if reason:
            self._attribute(number, "reason", reason)
        trial = replace(trial, ended=time.time())
        self._attribute(number, "ended", trial.ended)
        values = (trial.accuracy or 0.0, trial.size) if state == "COMPLETE" else None
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
