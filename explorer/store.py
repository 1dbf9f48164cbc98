"""A study in Optuna's storage, written by the controller alone."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from explorer.budget import Spent
from explorer.record import StudyRecord, TrialRecord, read, read_trial
from explorer.samplers import Proposal
from explorer.samplers.shadow import DIRECTIONS
from explorer.storage import DATABASE_ERRORS, StudyError, open_storage, why

DEFINING = ("space", "data", "recipe", "epochs", "seed", "seeds")
"""Keys of a study's config that make its trials comparable; a study never changes them."""


OBJECTIVES = ("val_acc", "params")
"""What Optuna's tools call the two values of a trial."""
SILENCE = 120.0
"""Seconds without a sign after which a controller on another machine is taken for dead; it gives one every 15."""


def load(url: str, name: str | None) -> StudyRecord:
    """Reads a study; without a name the one that was searched last.

    Raises:
        StudyError: if there is no such study.
    """
    storage = open_storage(url)
    try:
        studies = {study.study_name: study._study_id for study in storage.get_all_studies()}
        if not studies:
            raise StudyError("the storage holds no study; run explorer.search first")
        if name is None:
            name = max(studies, key=lambda own: _last_start(storage, studies[own]))
        if name not in studies:
            raise StudyError(f"study is {name!r}, expected one of {', '.join(studies)}")
        if "facts" not in storage.get_study_user_attrs(studies[name]):
            raise StudyError(f"study {name} was not made by explorer, or is being made now")
        return read(optuna.load_study(study_name=name, storage=storage))
    except DATABASE_ERRORS as error:
        raise StudyError(f"the storage cannot be read: {why(error, url)}") from None


def _last_start(storage: RDBStorage, study_id: int) -> float:
    starts = [trial.datetime_start for trial in storage.get_all_trials(study_id, deepcopy=False)]
    return max((start.timestamp() for start in starts if start), default=0.0)


def stored_facts(url: str, name: str) -> dict[str, Any] | None:
    """Facts of a study that is there already.

    Raises:
        StudyError: if the storage cannot be opened, or holds a study of this name that is not ours.
    """
    storage = open_storage(url, create=True)
    for study in storage.get_all_studies():
        if study.study_name == name:
            facts = storage.get_study_user_attrs(study._study_id).get("facts")
            return dict(facts) if facts else None
    return None


class Store:
    """One study, open for writing.

    Args:
        url: of the storage.
        name: of the study.
        config: see `StudyRecord.config`.
        facts: see `StudyRecord.facts`.

    Raises:
        StudyError: if the study exists with another space, recipe, data set, seed or length.
    """

    def __init__(self, url: str, name: str, config: dict[str, Any], facts: dict[str, Any]) -> None:
        self.storage = open_storage(url, create=True)
        known = {study.study_name: study._study_id for study in self.storage.get_all_studies()}
        self.study_id = known[name] if name in known else self.storage.create_new_study(list(DIRECTIONS), name)
        stored = self.storage.get_study_user_attrs(self.study_id)
        if "facts" in stored:
            self._compare(name, stored["config"], config)
        elif self.storage.get_n_trials(self.study_id):
            raise StudyError(f"study {name} was not made by explorer; give the search another name with study=NAME")
        else:  # new, or cut off while it was being made
            self.storage.set_study_system_attr(self.study_id, "study:metric_names", list(OBJECTIVES))
            self.storage.set_study_user_attr(self.study_id, "config", config)
            self.storage.set_study_user_attr(self.study_id, "facts", facts)
        attributes = self.storage.get_study_user_attrs(self.study_id)
        self.spent = Spent(wall_seconds=float(attributes.get("wall_seconds", 0.0)))
        """What the study has spent so far."""
        self._base = StudyRecord(name, attributes["config"], attributes["facts"])
        self._claim(name, attributes.get("controller"))
        self.frozen = {trial.number: trial for trial in self.storage.get_all_trials(self.study_id, deepcopy=False)}
        self.trials: dict[int, TrialRecord] = {}
        for trial in self.frozen.values():
            self._keep(read_trial(trial))
        self._ids = {number: trial._trial_id for number, trial in self.frozen.items()}

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
        """Adds a running trial with all that is known of it, in one write.

        Args:
            proposal: its point of the space; None for an anchor from outside it.
            attributes: identity, params, bytes, macs, architecture, seeds, anchor, uniform.
        """
        template = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(proposal.params) if proposal else {},
            distributions=dict(proposal.distributions) if proposal else {},
            system_attrs=dict(proposal.system_attrs) if proposal else {},
            user_attrs=dict(attributes),
        )
        template.datetime_start = datetime.now()  # noqa: DTZ005 - Optuna's times are naive
        trial_id = self.storage.create_new_trial(self.study_id, template)
        trial = read_trial(self.storage.get_trial(trial_id))
        self._ids[trial.number] = trial_id
        return self._keep(trial)

    def sign(self) -> None:
        """Says that a search is still at work, and for how long it has been."""
        self.storage.set_study_user_attr(self.study_id, "wall_seconds", self.spent.wall_seconds)
        self.storage.set_study_user_attr(self.study_id, "controller", _me())

    def release(self) -> None:
        """Says that no search is at work on the study any more."""
        self.storage.set_study_user_attr(self.study_id, "controller", None)

    def _claim(self, name: str, holder: dict[str, Any] | None) -> None:
        """Refuses a second controller, on this machine or another that shares the storage."""
        if holder and _alive(holder):
            where = f"process {holder['pid']} on {holder['host']}"
            raise StudyError(f"another search is at work on study {name} ({where}); wait, or use another study=NAME")
        self.storage.set_study_user_attr(self.study_id, "controller", _me())

    def adjust(self, number: int, changes: dict[str, Any]) -> TrialRecord:
        """Starts a trial anew with some keys of the recipe changed."""
        trial = self.trials[number]
        for seed in trial.seeds:
            self.storage.set_trial_user_attr(self._ids[number], f"curve_{seed}", [])
        self.storage.set_trial_user_attr(self._ids[number], "adjusted", changes)
        return self._keep(replace(trial, curves=tuple(() for _ in trial.seeds), adjusted=changes))

    def save_curve(
        self, number: int, seed: int, curve: list[dict[str, float]], device: str, devices: int = 1
    ) -> TrialRecord:
        """Stores a seed's epochs so far, and on what they were trained."""
        trial = self.trials[number]
        self.storage.set_trial_user_attr(self._ids[number], f"curve_{seed}", curve)
        if device != trial.device:
            self.storage.set_trial_user_attr(self._ids[number], "device", device)
        if devices != trial.devices:
            self.storage.set_trial_user_attr(self._ids[number], "devices", devices)
        curves = tuple(tuple(curve) if s == seed else old for s, old in zip(trial.seeds, trial.curves, strict=True))
        return self._keep(replace(trial, curves=curves, device=device, devices=devices))

    def finish(self, number: int, state: str, reason: str = "") -> TrialRecord:
        """Tells how a trial ended: COMPLETE with its result, PRUNED or FAIL for a reason."""
        trial = replace(self.trials[number], state=state, reason=reason)
        if reason:
            self.storage.set_trial_user_attr(self._ids[number], "reason", reason)
        values = (trial.accuracy or 0.0, float(trial.params)) if state == "COMPLETE" else None
        self.storage.set_trial_state_values(self._ids[number], TrialState[state], values)
        return self._keep(replace(trial, ended=time.time()))

    def _keep(self, trial: TrialRecord) -> TrialRecord:
        """The trial as it is from now on."""
        if trial.number in self.trials:
            self.spent.count(self.trials[trial.number], times=-1)
        self.spent.count(trial)
        self.trials[trial.number] = trial
        return trial

    @staticmethod
    def _compare(name: str, stored: dict[str, Any], now: dict[str, Any]) -> None:
        old, new = (dict(_flat({key: config.get(key) for key in DEFINING})) for config in (stored, now))
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                what = "belongs to another space" if key.startswith("space.") else "was made otherwise"
                change = f"{key} was {old.get(key)}, now {new.get(key)}"
                raise StudyError(f"study {name} {what}: {change}; give the search another name with study=NAME")


def _me() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()}


def _alive(holder: Mapping[str, Any]) -> bool:
    """Whether a controller that signed in is still there: asked of the system here, of its last sign elsewhere."""
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
    return bool(time.time() - holder["time"] < SILENCE)  # the number may be another process's by now


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
