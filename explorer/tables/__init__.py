"""Learning-curve tables: every network of a small space, trained once, so that search methods are judged in seconds.

    table = explorer.tables.load("fire_digits")
    study = explorer.optimize(table.space, table.accuracy, table.size, max_epochs=table.epochs, n_trials=200)

A table is a Parquet file, one row for each training (network and seed); what all rows share, such as the space and the
recipe, is JSON in the file's metadata under the key `explorer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from explorer.arch.families import nearest
from explorer.results.record import StudyRecord, TrialRecord
from explorer.space import DesignSpace, parse
from explorer.space.domain import key

HERE = Path(__file__).parent
CURVES = ("val_acc", "val_loss", "train_loss", "seconds")
"""Values after each epoch."""
SAME = ("space", "data", "recipe", "epochs")
"""Keys of the config that all trainings of a table share."""


class TableError(ValueError):
    """A table that is not there, cannot be made, or does not hold what was asked for."""


@dataclass(frozen=True)
class Training:
    """One network trained with one seed.

    Attributes:
        identity: of the network.
        params, macs: its cost.
        anchor: name of the published network, or None.
        points: the points of the space that build it; several may, and none builds an anchor from outside.
        seed: of the training.
        val_acc, val_loss, train_loss, seconds: after (or during) each epoch.
    """

    identity: str
    params: int
    macs: int
    anchor: str | None
    points: tuple[dict[str, Any], ...]
    seed: int
    val_acc: tuple[float, ...]
    val_loss: tuple[float, ...]
    train_loss: tuple[float, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Table:
    """A table in memory.

    Attributes:
        name: of the table.
        facts: what the trainings share: space, data, recipe, input_shape, classes, epochs, device, versions.
        trainings: the rows.
    """

    name: str
    facts: Mapping[str, Any]
    trainings: tuple[Training, ...]

    @property
    def epochs(self) -> int:
        """Length of every training."""
        return int(self.facts["epochs"])

    @cached_property
    def space(self) -> DesignSpace:
        """The space whose points the table holds."""
        return parse(self.name, self.facts["space"])

    def accuracy(self, params: Mapping[str, Any], epoch: int | None = None, seed: int = 0) -> float:
        """val_acc at a point after an epoch (None: the last).

        Raises:
            TableError: if the table has no such training.
        """
        return self.at(params, seed).val_acc[(epoch or self.epochs) - 1]

    def size(self, params: Mapping[str, Any]) -> float:
        """Number of parameters at a point."""
        return float(self.at(params).params)

    def at(self, params: Mapping[str, Any], seed: int = 0) -> Training:
        """The training at a point.

        Raises:
            TableError: if the table has none.
        """
        training = self._by_point.get((key(params), seed))
        if training is None:
            raise TableError(f"table {self.name} has no training at {dict(params)} with seed {seed}")
        return training

    def mean(self) -> Table:
        """The networks that were trained with every seed of the table, once each, as seed 0, with the mean curves.

        What a search with as many `seeds` a trial would see. The luck of a single training, which rules among the
        most accurate networks, is smaller in it.
        """
        by_identity: dict[str, list[Training]] = {}
        for training in self.trainings:
            by_identity.setdefault(training.identity, []).append(training)
        most = len({training.seed for training in self.trainings})
        whole = (same for same in by_identity.values() if len(same) == most)
        return replace(self, trainings=tuple(replace(same[0], seed=0, **_mean_curves(same)) for same in whole))

    @cached_property
    def _by_point(self) -> dict[Any, Training]:
        return {(key(point), training.seed): training for training in self.trainings for point in training.points}


def load(name: str | Path) -> Table:
    """Reads a table: one that comes with the package by name, any other by path.

    Raises:
        TableError: if there is none, or the file is no table.
    """
    path = Path(name) if str(name).endswith(".parquet") else HERE / f"{name}.parquet"
    if not path.is_file():
        tables = {file.stem: file for file in HERE.glob("*.parquet")}
        raise TableError(f"table is {str(name)!r}, expected a .parquet file or {nearest(path.stem, tables)}")
    try:
        content = pq.read_table(path)
        facts = json.loads((content.schema.metadata or {})[b"explorer"])
        rows = content.to_pylist()
        trainings = tuple(_training(row) for row in rows)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise TableError(f"{path} is no table of explorer: {error}") from None
    return Table(path.stem, facts, trainings)


def _mean_curves(same: Iterable[Training]) -> dict[str, Any]:
    curves = {name: zip(*(getattr(training, name) for training in same), strict=True) for name in CURVES}
    return {name: tuple(map(fmean, epochs)) for name, epochs in curves.items()}


def _training(row: Mapping[str, Any]) -> Training:
    curves = {name: tuple(row[name]) for name in CURVES}
    return Training(**(dict(row) | curves | {"points": tuple(json.loads(row["points"]))}))


def save(path: Path, studies: Iterable[StudyRecord]) -> int:
    """Writes the complete trainings of the first study's points, and of anchors; returns how many there are now.

    Args:
        path: of the Parquet file. A table that is there already keeps its facts and its trainings.
        studies: of one space, recipe and length. The first one's facts become a new table's; a (network, seed) that
            comes again is left out.

    Raises:
        TableError: if the studies do not go together, or with the table that is there, or hold nothing.
    """
    records = list(studies)
    first = records[0]
    held = load(path) if path.exists() else None
    others: list[tuple[str, Mapping[str, Any]]] = [(f"study {record.name}", record.config) for record in records[1:]]
    if held:
        others.append((f"table {held.name}", held.facts))
    for other, theirs in others:
        for name in SAME:
            if theirs[name] != first.config[name]:
                raise TableError(f"study {first.name} and {other} differ in {name}")
    points = _points(first)
    rows = {(training.identity, training.seed): training for training in (held.trainings if held else ())}
    for record in records:
        for trial in (trial for trial in record.finished if trial.identity in points):
            for index, seed in enumerate(trial.seeds):
                rows.setdefault((trial.identity, seed), _trained(trial, index, points[trial.identity]))
    if not rows:
        raise TableError(f"study {first.name} has no finished trial")
    facts = held.facts if held else _facts(first)
    schema = pa.schema(
        [
            ("identity", pa.string()),
            ("params", pa.int64()),
            ("macs", pa.int64()),
            ("anchor", pa.string()),
            ("points", pa.string()),
            ("seed", pa.int32()),
            *((name, pa.list_(pa.float32())) for name in CURVES),
        ],
        metadata={b"explorer": json.dumps(facts).encode()},
    )
    ordered = [asdict(rows[name]) | {"points": json.dumps(rows[name].points)} for name in sorted(rows)]
    written = path.with_suffix(".part")
    pq.write_table(pa.Table.from_pylist(ordered, schema=schema), written, compression="zstd")
    written.replace(path)
    return len(ordered)


def _facts(record: StudyRecord) -> dict[str, Any]:
    """What the trainings of a study share."""
    facts = {name: record.config[name] for name in SAME}
    facts |= {name: record.facts[name] for name in ("input_shape", "classes", "images", "versions")}
    return facts | {"device": next(trial.device for trial in record.finished)}


def _points(record: StudyRecord) -> dict[str, list[dict[str, Any]]]:
    """By identity the points of the space that build the network; none for an anchor from outside."""
    space = parse(record.name, record.config["space"])
    shape, classes = tuple(record.facts["input_shape"]), record.facts["classes"]
    found: dict[str, list[dict[str, Any]]] = {space.anchor(name, shape, classes).identity: [] for name in space.anchors}
    for params in space.points():
        found.setdefault(space.architecture(params, shape, classes).identity, []).append(params)
    return found


def _trained(trial: TrialRecord, index: int, points: Iterable[dict[str, Any]]) -> Training:
    return Training(
        identity=trial.identity,
        params=trial.params,
        macs=trial.macs,
        anchor=trial.anchor,
        points=tuple(points),
        seed=trial.seeds[index],
        **{name: tuple(epoch[name] for epoch in trial.curves[index]) for name in CURVES},
    )
