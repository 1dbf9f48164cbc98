"""Learning-curve tables: what comes with the package, and what is written is what is read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import explorer
from explorer.arch import cost
from explorer.storage import stored
from explorer.tables import CURVES, HERE, TableError, load, save
from tests.support.processes import run

TABLES = {"fire_digits": 1_134, "fire_small_digits": 2_784}
"""Distinct networks of the tables that come with the package, but for anchors from outside of the grid."""

WHOLE = {"fire_small_digits"}
"""Those with every network trained three times."""
GRID = ["base_e.high=32", "incr_e.high=0", "pct_3x3.high=0.25", "squeeze_ratio.high=0.125", "modules.high=2"]
GRID += ["bypass.choices=[none]", "stem.high=16"]
"""Of fire_small_grid two networks are left."""


@pytest.mark.parametrize("name", TABLES)
def test_the_packaged_table_says_what_the_program_counts(name: str) -> None:
    table = load(name)
    assert len({own.identity for own in table.trainings if own.points}) == TABLES[name]
    shape, classes = tuple(table.facts["input_shape"]), table.facts["classes"]
    for own in table.trainings[::97]:
        for point in own.points:
            architecture = table.space.architecture(point, shape, classes)
            assert architecture.identity == own.identity
            assert (cost(architecture).params, cost(architecture).macs) == (own.params, own.macs)
        assert {len(own.val_acc), len(own.val_loss), len(own.train_loss), len(own.seconds)} == {table.epochs}
        assert all(0 <= accuracy <= 1 for accuracy in own.val_acc)


@pytest.mark.parametrize("name", TABLES)
def test_the_packaged_table_holds_its_whole_grid_and_repeats_some_of_it(name: str) -> None:
    table = load(name)
    assert all(table.size(point) > 0 for point in table.space.points())
    seeds = {own.identity: set[int]() for own in table.trainings}
    for own in table.trainings:
        seeds[own.identity].add(own.seed)
    assert sum(found == {0, 1, 2} for found in seeds.values()) >= (len(seeds) if name in WHOLE else 90)


def test_it_is_below_five_megabytes() -> None:
    assert {path.stem for path in HERE.glob("*.parquet")} == set(TABLES)
    assert all(path.stat().st_size < 5e6 for path in HERE.glob("*.parquet"))


def test_a_search_on_a_table() -> None:
    table = load("fire_digits")
    study = explorer.optimize(table.space, table.accuracy, table.size, max_epochs=table.epochs, n_trials=15)
    for trial in study.trials:
        assert trial.curve == tuple(table.accuracy(trial.params, epoch) for epoch in range(1, trial.epochs + 1))


@pytest.mark.slow
def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"table is 'fire_digit', expected a .parquet file or .*fire_digits"):
        load("fire_digit")
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    with pytest.raises(TableError, match="is no table of explorer"):
        load(other)
    with pytest.raises(TableError, match=r"has no training at .* with seed 7"):
        load("fire_digits").at(next(load("fire_digits").space.points()), seed=7)


@pytest.mark.slow
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    """Two real searches become a table; another goes into it; what does not go together is refused."""
    words = ["explorer.search", "+space=fire_small_grid", *(f"space.search.{each}" for each in GRID)]
    words += ["sampler=random", "stopping=none", "uniform=0", "epochs=2"]
    run(tmp_path, *words, "study=one")
    run(tmp_path, *words, "study=last", "seed=1", "seeds=2")
    one, last = (stored.load(f"sqlite:///{tmp_path}/study.db", name) for name in ("one", "last"))
    more = replace(last, name="more", trials=last.trials[:2])
    other = replace(one, name="other", config=one.config | {"recipe": one.config["recipe"] | {"lr": 1.0}})
    path = tmp_path / "small.parquet"
    assert save(path, [one, more]) == 3 + 2 * 2
    table = load(path)
    trained = {
        (trial.identity, seed): curve
        for study in (one, more, last)
        for trial in study.finished
        for seed, curve in zip(trial.seeds, trial.curves, strict=True)
    }
    for own in table.trainings:
        curve = trained[own.identity, own.seed]
        for name in CURVES:
            assert getattr(own, name) == pytest.approx([epoch[name] for epoch in curve])
    assert sorted(own.anchor or "" for own in table.trainings if own.seed == 0) == ["", "", "squeezenet_v1_0"]
    assert len(table.mean().trainings) == 2
    with pytest.raises(TableError, match="study other and table small differ in recipe"):
        save(path, [other])
    with pytest.raises(TableError, match="study one and study other differ in recipe"):
        save(tmp_path / "new.parquet", [one, other])
    assert load(path) == table
    assert save(path, [last]) == 3 * 3
    whole = load(path)
    assert whole.facts == table.facts
    assert all(own in whole.trainings for own in table.trainings)
    assert [own.seed for own in whole.mean().trainings] == [0, 0, 0]
    for point in whole.space.points():
        curves = np.array([whole.at(point, seed).val_loss for seed in (0, 1, 2)])
        assert whole.mean().at(point).val_loss == pytest.approx(curves.mean(axis=0))
    assert not list(tmp_path.glob("*.part"))
