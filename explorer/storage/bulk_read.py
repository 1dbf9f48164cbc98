"""All trials of a study, read from Optuna's tables in a handful of queries.

Optuna builds an object for every row, which takes eight seconds at 10,000 trials. Here the number of queries does not
depend on the number of rows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages._rdb.models import (
    TrialIntermediateValueModel,
    TrialModel,
    TrialParamModel,
    TrialSystemAttributeModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.trial import FrozenTrial
from sqlalchemy import Engine, select

from explorer.results.reading import Unreadable

BATCH = 500
"""Trials that are read at once."""


def read_trials(engine: Engine, study_id: int) -> list[FrozenTrial]:
    """Every trial of a study, in the order of their ids; equal to what Optuna reads.

    Args:
        engine: of the database.
        study_id: Optuna's.
    """
    rows = trial_rows(engine, study_id)
    return [trial for batch in batches(rows) for trial in read_batch(engine, study_id, batch)]


def trial_rows(engine: Engine, study_id: int) -> list[Any]:
    """The rows of a study's trials: id, number, state, start and end.

    They are read before all else: a search may be writing, and a trial's rows are written together with it.
    """
    trials = TrialModel.__table__
    kept = ("trial_id", "number", "state", "datetime_start", "datetime_complete")
    query = select(*(trials.c[name] for name in kept)).where(trials.c.study_id == study_id)
    with engine.connect() as connection:
        return list(connection.execute(query.order_by(trials.c.trial_id)))


def batches(rows: Sequence[Any]) -> list[Sequence[Any]]:
    """Rows in parts that are read one after the other, so that the texts of all are never in memory at once."""
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def read_batch(engine: Engine, study_id: int, there: Sequence[Any]) -> list[FrozenTrial]:
    """The trials of some rows that follow one another."""
    trials, first, last = TrialModel.__table__, there[0].trial_id, there[-1].trial_id
    with engine.connect() as connection:

        def rows(model: Any, *names: str) -> Sequence[Any]:
            """Columns of a table's rows that belong to these trials, in the order in which they were written."""
            table = model.__table__
            (written,) = table.primary_key.columns
            query = select(*(table.c[name] for name in ("trial_id", *names)))
            query = query.join(trials, table.c.trial_id == trials.c.trial_id).where(trials.c.study_id == study_id)
            query = query.where(table.c.trial_id.between(first, last))
            return connection.execute(query.order_by(written)).all()

        values: dict[int, dict[int, float]] = defaultdict(dict)
        for trial, objective, value, kind in rows(TrialValueModel, "objective", "value", "value_type"):
            values[trial][objective] = TrialValueModel.stored_repr_to_value(value, kind)
        params: dict[int, dict[str, Any]] = defaultdict(dict)
        distributions: dict[int, dict[str, BaseDistribution]] = defaultdict(dict)
        for trial, name, value, text in rows(TrialParamModel, "param_name", "param_value", "distribution_json"):
            distributions[trial][name] = _distribution(text)
            params[trial][name] = _distribution(text).to_external_repr(value)
        attributes: list[dict[int, dict[str, Any]]] = []
        for model in (TrialUserAttributeModel, TrialSystemAttributeModel):
            attributes.append(defaultdict(dict))
            written = rows(model, "key", "value_json")
            decoded = _decoded([text for _, _, text in written])
            for (trial, key, _), value in zip(written, decoded, strict=True):
                attributes[-1][trial][key] = value
        steps: dict[int, dict[int, float]] = defaultdict(dict)
        columns = ("step", "intermediate_value", "intermediate_value_type")
        for trial, step, value, kind in rows(TrialIntermediateValueModel, *columns):
            stored = TrialIntermediateValueModel.stored_repr_to_intermediate_value(value, kind)
            steps[trial][step] = stored
        return [
            FrozenTrial(
                number=number,
                state=state,
                value=None,
                values=[value for _, value in sorted(values[trial].items())] or None,
                datetime_start=start,
                datetime_complete=end,
                params=params[trial],
                distributions=distributions[trial],
                user_attrs=attributes[0][trial],
                system_attrs=attributes[1][trial],
                intermediate_values=steps[trial],
                trial_id=trial,
            )
            for trial, number, state, start, end in there
        ]


@lru_cache(maxsize=10_000)
def _distribution(text: str) -> BaseDistribution:
    """Most trials share their distributions; copies would be most of the memory."""
    return json_to_distribution(text)


def _decoded(texts: Sequence[str]) -> list[Any]:
    """Values of JSON texts; one that is none becomes Unreadable."""
    try:
        values: list[Any] = json.loads(f"[{','.join(texts)}]")  # one call for 100,000 texts
        if len(values) == len(texts):
            return values
    except ValueError:
        pass
    return [_value(text) for text in texts]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return Unreadable(text)
