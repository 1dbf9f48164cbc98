"""Which classes a network takes for which, and what always saying one class would reach."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import balanced_accuracy_score

from explorer.cli import search_summary
from explorer.plots.confusion import figure
from explorer.reporting.commands import Commands
from explorer.reporting.summary import made
from explorer.results.confusion import Confusion
from tests.support.sample import finished_study

RARE = Confusion(((490, 0), (9, 1)), ("usual", "rare"))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_balanced_accuracy_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    counts = [[pairs.count((truth, taken)) for taken in range(5)] for truth in range(5)]
    truths, taken = zip(*pairs, strict=True)
    if len(set(truths)) > 1 and set(taken) <= set(truths):  # else it warns
        assert Confusion(counts).balanced_accuracy == pytest.approx(balanced_accuracy_score(truths, taken))
    largest, share = Confusion(counts).majority
    assert share == max(map(truths.count, truths)) / len(pairs)
    assert truths.count(largest) == share * len(pairs)


def test_what_it_says_of_a_class_that_is_rare() -> None:
    assert RARE.lines() == [
        "balanced accuracy 0.5500; always 'usual' would be 0.9800",
        "most often it takes 'rare' for 'usual' (9 of 10)",
    ]


def test_the_figure_has_every_count_and_shares_of_each_row() -> None:
    (cells,) = figure(RARE, "<b>").data
    assert cells.text == (["490", ""], ["9", "1"])
    assert cells.z == ([1.0, 0.0], [0.9, 0.1])


@pytest.mark.parametrize(("share", "useless"), [(0.1, False), (1.0, True)])
def test_a_front_below_the_commonest_class_says_so(share: float, useless: bool) -> None:
    record = finished_study()
    record = replace(record, facts=record.facts | {"majority": {"class": "usual", "val": share, "test": share}})
    console = Console(width=200, file=StringIO())
    search_summary.show(console, record, "done", "")
    for said in (console.file.getvalue(), made(record, Commands(()), {})):  # type: ignore[attr-defined]
        assert f"{share:.4f}" in said
        assert ("no network is better than that" in said) == useless
