"""What another process asks of the search that is at work on a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna

from explorer.storage.patient import StudyError, open_storage

STOP = "stop"
"""Attribute of a trial that shall stop at its next rung."""


def enqueue(url: str, name: str, params: Mapping[str, Any]) -> int:
    """Asks that a point be trained next, as Optuna's own tools do; returns the number of its trial.

    Raises:
        StudyError: if there is no such study yet.
    """
    storage = open_storage(url)
    if name not in storage.studies():
        raise StudyError(f"study {name} is being made now; ask again in a moment")
    study = optuna.load_study(study_name=name, storage=storage)
    study.enqueue_trial(dict(params))
    return len(study.get_trials(deepcopy=False)) - 1


def stop(url: str, name: str, number: int) -> None:
    """Asks that a running trial be stopped at its next rung."""
    storage = open_storage(url)
    study = storage.get_study_id_from_name(name)
    storage.set_trial_user_attr(storage.get_trial_id_from_study_id_trial_number(study, number), STOP, True)
