"""Learning-curve tables: what comes with the package, and what is written is what is read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import explorer
from explorer.arch import cost
from explorer.tables import TableError, load

TABLES = {"fire_digits": 1_134, "fire_small_digits": 2_784}
"""Distinct networks of the tables that come with the package, but for anchors from outside of the grid."""


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
    assert sum(found == {0, 1, 2} for found in seeds.values()) >= 90


def test_it_is_below_five_megabytes() -> None:
    from explorer.tables import HERE

    assert {path.stem for path in HERE.glob("*.parquet")} == set(TABLES)
    assert all(path.stat().st_size < 5e6 for path in HERE.glob("*.parquet"))


def test_a_search_on_a_table() -> None:
    table = load("fire_digits")
    study = explorer.optimize(table.space, table.accuracy, table.size, max_epochs=table.epochs, n_trials=15)
    for trial in study.trials:
        assert trial.curve == tuple(table.accuracy(trial.params, epoch) for epoch in range(1, trial.epochs + 1))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"table is 'fire_digit', expected a .parquet file or .*fire_digits"):
        load("fire_digit")
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"x": [1]}), other)
    with pytest.raises(TableError, match="is no table of explorer"):
        load(other)
    with pytest.raises(TableError, match=r"has no training at .* with seed 7"):
        load("fire_digits").at(next(load("fire_digits").space.points()), seed=7)
