"""Studies as the storage has them, read."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import TrialState

from explorer.results.reading import read_trials, started
from explorer.results.record import StudyRecord
from explorer.storage.patient import DATABASE_ERRORS, StudyError, open_storage, there, why

SAID = 5
"""Trials that are left out of which a line says why."""
RESTORE = "put back a copy of the database, or search on under another name with study=NAME"


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
        attributes = attributes_of(storage, studies[name], name)
        if "facts" not in attributes:
            raise StudyError(f"study {name} was not made by explorer, or is being made now")
        record = without_trials(name, attributes)
        found = storage.get_all_trials(studies[name], deepcopy=False)
        trials, left_out = read_trials(found, record.metric, record.size_name)
        waiting = {trial.number for trial in found if trial.state == TrialState.WAITING}
        say_left_out(name, {number: why for number, why in left_out.items() if number not in waiting})
        return replace(record, trials=tuple(trials))
    except DATABASE_ERRORS as error:
        raise StudyError(f"the storage cannot be read: {why(error, url)}") from None


def without_trials(name: str, attributes: Mapping[str, Any]) -> StudyRecord:
    """A study without its trials."""
    changes = tuple(attributes.get("changes", ()))
    return StudyRecord(name, attributes["config"], attributes["facts"], changes=changes)


def attributes_of(storage: RDBStorage, study_id: int, name: str) -> dict[str, Any]:
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


def say_left_out(name: str, left_out: Mapping[int, str]) -> None:
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
    attributes = attributes_of(storage, studies[name], name) if name in studies else {}
    return attributes if "facts" in attributes else None
