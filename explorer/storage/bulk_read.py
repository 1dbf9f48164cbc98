"""All trials of a study, read from Optuna's tables in a handful of queries.

Optuna builds an object for every row, which takes eight seconds at 10,000 trials. Here the number of queries does not
depend on the number of rows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
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


def read_trials(engine: Engine, study_id: int) -> list[FrozenTrial]:
    """Every trial of a study, in the order of their ids; equal to what Optuna reads.

    Args:
        engine: of the database.
        study_id: Optuna's.
    """
    # Most trials share their distributions; copies would be most of the memory.
    distribution, trials = cache(json_to_distribution), TrialModel.__table__
    with engine.connect() as connection:
        # Trials first: a search may be writing, and a trial's rows are written together with it.
        kept = ("trial_id", "number", "state", "datetime_start", "datetime_complete")
        query = select(*(trials.c[name] for name in kept)).where(trials.c.study_id == study_id)
        there = list(connection.execute(query.order_by(trials.c.trial_id)))

        def rows(model: Any, *names: str) -> Sequence[Any]:
            """Columns of a table's rows that belong to the study's trials, in the order in which they were written."""
            table = model.__table__
            (written,) = table.primary_key.columns
            query = select(*(table.c[name] for name in ("trial_id", *names)))
            query = query.join(trials, table.c.trial_id == trials.c.trial_id).where(trials.c.study_id == study_id)
            return connection.execute(query.order_by(written)).all()

        values: dict[int, dict[int, float]] = defaultdict(dict)
        for trial, objective, value, kind in rows(TrialValueModel, "objective", "value", "value_type"):
            values[trial][objective] = TrialValueModel.stored_repr_to_value(value, kind)
        params: dict[int, dict[str, Any]] = defaultdict(dict)
        distributions: dict[int, dict[str, BaseDistribution]] = defaultdict(dict)
        for trial, name, value, text in rows(TrialParamModel, "param_name", "param_value", "distribution_json"):
            distributions[trial][name] = distribution(text)
            params[trial][name] = distribution(text).to_external_repr(value)
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
