"""A search that starts from another study's trials.

Where recipe and data are the same, networks that were trained there are taken over as they are. Where they differ, the
points of its front are trained first: what was good there is a fair guess here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from explorer.arch import Architecture
from explorer.arch.totals import Predict
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord, TrialRecord
from explorer.samplers.distributions import distributions
from explorer.space import DesignSpace
from explorer.storage.patient import StudyError
from explorer.storage.same_study import check_config, check_data
from explorer.storage.study_store import StudyStore
from explorer.study.proposed import Proposed


def start_from(
    other: StudyRecord, store: StudyStore, space: DesignSpace, predict: Predict | None = None
) -> tuple[str, list[Proposed]]:
    """Takes over what another study has trained alike, or proposes its front.

    Doing it again takes over only what is new there.

    Args:
        other: the other study.
        store: the study that starts.
        space: of the study that starts.
        predict: gives a network's latency or cycles, if they are a size or a limit of the study.

    Returns:
        What was done, in words, and the networks that are to be trained first.
    """
    known = {trial.identity for trial in store.record.trials}
    try:
        _check(other, store.record.config, store.record.facts)
    except StudyError as error:
        why = str(error).partition(";")[0]
        proposed = [
            Proposed(trial.metaparameters, Architecture.from_json(trial.architecture))
            for trial in _inside(front_trials(other), space, predict)
            if trial.metaparameters and trial.identity not in known
        ]
        return f"{why}: {len(proposed)} points of its front are trained first", proposed
    new = [trial for trial in _inside(other.trials, space, predict) if trial.identity not in known]
    for trial in new:
        store.adopt(trial, distributions(space, trial.metaparameters), f"{other.name} {trial.number}")
    return f"{len(new)} trials are those of study {other.name}, trained there", []


def _check(other: StudyRecord, config: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    ours = {key: value for key, value in config.items() if key != "latency"}
    theirs = {key: value for key, value in other.config.items() if key != "latency"}
    size = theirs.get("size", "params")  # what is minimised has no part in a training
    check_config(other.name, theirs, {**ours, "size": size}, other.facts)
    check_data(other.name, other.facts, facts)


def _predicted(trial: TrialRecord, predict: Predict | None) -> dict[str, float]:
    return {} if predict is None else {predict.cost: predict(Architecture.from_json(trial.architecture))}


def _inside(trials: Iterable[TrialRecord], space: DesignSpace, predict: Predict | None) -> Iterator[TrialRecord]:
    """Trials with a result that this study could have made, with the latency that it predicts."""
    for each in trials:
        trial = replace(each, predicted=_predicted(each, predict))
        drawn = space.contains(trial.metaparameters) and space.over_limit(trial) is None
        if trial.accuracy is not None and (trial.anchor in space.anchors or (drawn and not trial.anchor)):
            yield trial
