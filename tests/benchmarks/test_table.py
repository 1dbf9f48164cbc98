"""Which trainings the tables that come with the package lack."""

from pathlib import Path

import pytest

from benchmarks.table import missing
from explorer.tables import HERE


@pytest.mark.slow
def test_what_a_table_lacks_is_trained_and_no_more(tmp_path: Path) -> None:
    new, once, whole = tmp_path / "t.parquet", HERE / "fire_digits.parquet", HERE / "fire_small_digits.parquet"
    assert missing(new, "t", whole=False) == {
        "t": ["n_trials=10_000"],
        "t_seeds": ["n_trials=101", "seed=1", "seeds=2"],
    }
    assert [*missing(new, "t", whole=True).values()] == [
        ["n_trials=10_000", *seed] for seed in ([], ["seed=1"], ["seed=2"])
    ]
    assert missing(once, "t", whole=False) == {}
    assert list(missing(once, "t", whole=True)) == ["t_1", "t_2"]
    assert missing(whole, "t", whole=False) == missing(whole, "t", whole=True) == {}
