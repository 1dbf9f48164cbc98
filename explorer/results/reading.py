"""Trials as Optuna's storage has them, read into records; what another program made, or lost something, is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from explorer.arch.size import PREDICTED
from explorer.results.curve import Curve
from explorer.results.record import ACCURACY, TrialRecord

if TYPE_CHECKING:
    import optuna

REQUIRED = {"identity": str, "params": int, "bytes": int, "macs": int, "architecture": str, "seeds": list}
"""Attributes of every trial, and their types."""


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
        predicted={name: attributes[name] for name in PREDICTED if name in attributes},
    )


def _curve(attributes: Mapping[str, Any], seed: Any, metric: str) -> Sequence[dict[str, float]]:
    curve = attributes.get(f"curve_{seed}", ())
    try:
        if all(isinstance(epoch[metric], int | float) for epoch in curve):
            return Curve(curve)
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
