"""Studies of any number of trials without a training: for what has to be measured at 10,000 of them.

The first trial goes through the real store or mirror, the others are copies of its rows with their own values: what a
search finds in the databases is what it would have written.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache, partial
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Any

from explorer.arch import Architecture, cost, totals
from explorer.results.record import TrialRecord
from explorer.samplers import Proposal
from explorer.samplers.distributions import distributions
from explorer.space import DesignSpace, parse
from explorer.storage.study_store import StudyStore

SERIAL = {"trials": "", "trial_params": "param_id"}
"""Columns that number a table's rows, where they are not called after the table."""
EPOCHS, RUNG, INPUT_SHAPE, CLASSES = 16, 2, (1, 8, 8), 10
SPACE = {
    "family": "fire",
    "search": {
        "base_e": {"type": "int", "low": 8, "high": 128, "step": 1},
        "incr_e": {"type": "int", "low": 0, "high": 128, "step": 8},
        "freq": {"type": "int", "low": 1, "high": 4},
        "pct_3x3": {"type": "float", "low": 0.125, "high": 0.875, "step": 0.125},
        "squeeze_ratio": {"type": "float", "low": 0.125, "high": 0.75, "step": 0.0625},
        "bypass": {"type": "categorical", "choices": ["none", "simple", "complex"]},
        "modules": {"type": "int", "low": 2, "high": 10},
        "downsampling": {"type": "float", "low": 0.125, "high": 0.5, "step": 0.0625},
        "stem": {"type": "int", "low": 16, "high": 96, "step": 4},
    },
    "options": {"final_relu": False},
    "limits": {"params": 1_500_000},
    "anchors": ["squeezenet_v1_0"],
}
CONFIG: dict[str, Any] = {
    "data": {"name": "digits"},
    "recipe": {"name": "fast"},
    "epochs": EPOCHS,
    "seed": 0,
    "seeds": 1,
    "sampler": {"name": "front"},
    "stopping": {"name": "pareto"},
    "uniform": 0.05,
}
FACTS: dict[str, Any] = {
    "input_shape": list(INPUT_SHAPE),
    "classes": CLASSES,
    "images": {"train": 1077, "val": 360, "test": 360},
    "versions": {},
    "git_commit": "",
}


def space() -> DesignSpace:
    """The Fire space, finely stepped: millions of networks."""
    return parse("simulated", SPACE)


def curve(params: int, seed: str, epochs: int = EPOCHS) -> list[dict[str, float]]:
    """What a network of this size learns: the larger the more, less some luck."""
    rng = Random(seed)
    end = 1 - 0.6 / math.log10(params) - 0.08 * rng.random() ** 2
    rows = ((epoch, end * (1 - 0.5 / epoch) + 0.002 * rng.random()) for epoch in range(1, epochs + 1))
    return [
        {"epoch": e, "train_loss": 1 - a, "val_loss": 1 - a, "val_acc": a, "lr": 0.001, "seconds": 0.2} for e, a in rows
    ]


def opened(path: Path) -> StudyStore:
    """The study of an SQLite file, open for writing; made if there is none."""
    return StudyStore(f"sqlite:///{path}", "simulated", CONFIG | {"space": space().as_dict()}, FACTS)


def fill(path: Path, count: int, seed: int = 0) -> None:
    """Makes the SQLite file of a study of `count` ended trials, two thirds of them stopped early."""
    design, rng, networks = space(), Random(seed), dict[str, tuple[dict[str, Any], Architecture]]()
    while len(networks) < count:
        point = design.sample(rng)
        network = design.architecture(point, INPUT_SHAPE, CLASSES)
        if design.over_limit(totals(network)) is None:
            networks.setdefault(network.identity, (point, network))
    made = list(networks.values())
    store = opened(path)
    for number, (point, network) in enumerate(made[:2]):
        _through_the_store(store, number, point, network)
    store.release()
    with sqlite3.connect(path) as database:
        for number, (point, network) in enumerate(made[2:], start=2):
            _copied(database, number, point, network)


def _ended(number: int) -> tuple[str, int]:
    """State and epochs of a trial."""
    return ("PRUNED", RUNG) if number % 3 else ("COMPLETE", EPOCHS)


def _attributes(number: int, network: Architecture) -> dict[str, Any]:
    own = cost(network)
    return {
        "anchor": None,
        "identity": network.identity,
        "params": own.params,
        "bytes": own.bytes,
        "macs": own.macs,
        "activations": own.activations,
        "architecture": network.to_json(),
        "seeds": [0],
        "uniform": number % 20 == 0,
    }


def _through_the_store(store: StudyStore, number: int, point: Mapping[str, Any], network: Architecture) -> None:
    attributes = _attributes(number, network)
    proposal = Proposal(point, distributions(space(), point), uniform=attributes["uniform"])
    trial = store.create(proposal, attributes)
    state, epochs = _ended(number)
    store.save_curve(trial.number, 0, curve(trial.params, str(number), epochs), "cpu (1 thread)")
    store.finish(trial.number, state, "stopped early" if state == "PRUNED" else "")


def _copied(database: sqlite3.Connection, number: int, point: Mapping[str, Any], network: Architecture) -> None:
    """A trial as rows, after the pattern of the trial of its kind that went through the store."""
    pattern = 1 if number % 3 else 0
    attributes, new = _attributes(number, network), number + 1
    state, epochs = _ended(number)
    own = attributes | {"curve_0": curve(attributes["params"], str(number), epochs)}
    chosen = distributions(space(), point)
    _copy(database, "trials", "trial_id", pattern + 1, new, {"number": lambda row: number})
    _copy(
        database,
        "trial_params",
        "trial_id",
        pattern + 1,
        new,
        {"param_value": lambda row: chosen[row["param_name"]].to_internal_repr(point[row["param_name"]])},
    )
    _copy(
        database,
        "trial_user_attributes",
        "trial_id",
        pattern + 1,
        new,
        {"value_json": lambda row: json.dumps(own[row["key"]]) if row["key"] in own else row["value_json"]},
    )
    if state == "COMPLETE":
        values = [own["curve_0"][-1]["val_acc"], attributes["params"]]
        _copy(
            database, "trial_values", "trial_id", pattern + 1, new, {"value": lambda row: values[int(row["objective"])]}
        )


def _copy(
    database: sqlite3.Connection,
    table: str,
    key: str,
    old: Any,
    new: Any,
    changes: Mapping[str, Callable[[sqlite3.Row], Any]],
) -> None:
    """Copies the rows of a table that belong to `old` to `new`, some columns changed; own ids are given anew."""
    for row in _rows(database, table, key, old):  # a row iterates over its values, so keys() is called
        kept = [name for name in row.keys() if name != SERIAL.get(table, f"{table.rstrip('s')}_id")]  # noqa: SIM118
        values = [new if name == key else changes[name](row) if name in changes else row[name] for name in kept]
        marks = ", ".join("?" * len(kept))
        database.execute(f"INSERT INTO {table} ({', '.join(kept)}) VALUES ({marks})", values)


@lru_cache(maxsize=16)
def _rows(database: sqlite3.Connection, table: str, key: str, old: Any) -> list[sqlite3.Row]:
    database.row_factory = sqlite3.Row
    return database.execute(f"SELECT * FROM {table} WHERE {key} = ?", (old,)).fetchall()


def copy_runs(path: Path, patterns: Sequence[str], trials: Sequence[TrialRecord]) -> None:
    """Runs of these trials in MLflow's SQLite file.

    Args:
        path: of the file.
        patterns: ids of two runs there: of a complete trial, and of a stopped one.
        trials: to be copied to; number 2 and those after.
    """
    with sqlite3.connect(path) as database:
        for trial in trials:
            pattern, new, tag = patterns[trial.number % 3 > 0], f"{trial.number:032x}", str(trial.number)
            _copy(database, "runs", "run_uuid", pattern, new, {})
            for table in ("params", "metrics", "latest_metrics"):
                _copy(database, table, "run_uuid", pattern, new, {})
            _copy(database, "tags", "run_uuid", pattern, new, {"value": partial(_retagged, tag)})


def _retagged(number: str, row: sqlite3.Row) -> str:
    return number if row["key"] == "trial" else str(row["value"])


class Simulated:
    """A launcher whose workers wait instead of training.

    Args:
        slots: how many.
        seconds: of a rung, in the mean.

    Attributes:
        results: rungs that have ended.
    """

    def __init__(self, slots: int, seconds: float) -> None:
        self.slots = tuple(f"simulated {i}" for i in range(slots))
        self.freed: frozenset[int] = frozenset()
        self.seconds, self.results = seconds, 0
        self._due: list[tuple[float, int, Future[Any], dict[str, Any]]] = []
        self._changed, self._rng, self._open = threading.Condition(), Random(0), True
        self._free_since = dict.fromkeys(range(slots), time.monotonic())
        self._idle = 0.0
        threading.Thread(target=self._work, daemon=True).start()

    def idle_seconds(self, now: float) -> float:
        """For how long slots were without a rung, summed over them, until `now`."""
        with self._changed:
            return self._idle + sum(now - since for since in self._free_since.values())

    def warm_up(self) -> None:
        """Nothing has to start."""

    def submit(self, slot: int, function: Any, job: dict[str, Any]) -> Future[Any]:
        """A rung that ends after about `seconds`."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            now = time.monotonic()
            self._idle += now - self._free_since.pop(slot)
            heappush(self._due, (now + self.seconds * self._rng.uniform(0.5, 1.5), slot, future, job))
            self._changed.notify()
        return future

    def kill(self, slot: int) -> None:
        """Nothing runs."""

    def close(self) -> None:
        """No more results."""
        with self._changed:
            self._open = False
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._open:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                _, slot, future, job = heappop(self._due)
                self._free_since[slot] = time.monotonic()
                self.results += 1
            network = Architecture.from_json(job["architecture"])
            whole = curve(totals(network).params, network.identity, job["last_epoch"])
            future.set_result({"curve": whole[job["first_epoch"] :], "device": "simulated", "devices": 1})
