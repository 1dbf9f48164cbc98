"""Packed curves are what was packed; architectures in pieces are the texts that they were."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.results.curve import Curve, column
from tests.support.sample import finished_study

NUMBERS = st.floats(allow_nan=False) | st.integers(-(2**40), 2**40).map(float)
EPOCHS = st.lists(
    st.dictionaries(st.sampled_from(["train_loss", "val_acc", "lr", "val_auroc_error"]), NUMBERS).map(
        lambda numbers: {"epoch": 1, **numbers}
    ),
    max_size=6,
)


@given(EPOCHS)
def test_it_gives_back_what_was_packed(epochs: list[dict[str, float]]) -> None:
    curve = Curve(epochs)
    assert curve == epochs == list(curve)
    assert curve == tuple(epochs)
    assert curve == Curve(epochs)
    assert [curve[i] for i in range(len(curve))] == epochs
    assert curve[1:3] == tuple(epochs[1:3])
    assert json.dumps(list(curve)) == json.dumps(epochs)
    assert pickle.loads(pickle.dumps(curve)) == copy.deepcopy(curve) == curve  # noqa: S301 - our own bytes
    if epochs:
        assert curve[-1] == epochs[-1]
        assert curve != epochs[:-1]
        assert list(curve[-1]) == list(epochs[-1])  # in the same order
        with pytest.raises(IndexError):
            curve[len(epochs)]


@given(EPOCHS)
def test_a_column_is_that_of_the_epochs(epochs: list[dict[str, float]]) -> None:
    for name in ("epoch", "val_acc"):
        if all(name in epoch for epoch in epochs):
            assert Curve(epochs).column(name) == column(epochs, name) == [epoch[name] for epoch in epochs]
        else:
            with pytest.raises(KeyError):
                Curve(epochs).column(name)
            assert Curve(epochs).column(name, 0.5) == [epoch.get(name, 0.5) for epoch in epochs]


def test_what_is_no_number_is_not_packed() -> None:
    with pytest.raises(TypeError):
        Curve([{"epoch": 1, "val_acc": "high"}])  # type: ignore[dict-item]


def test_an_architecture_in_pieces_is_its_text() -> None:
    (first, *_) = finished_study(3).trials
    assert json.loads(first.architecture)["identity"] == first.identity
    assert "architecture" not in first.__dict__  # where equal pieces are one object
    other = replace(first, number=7)
    assert (other.architecture, replace(other, number=first.number)) == (first.architecture, first)
    assert pickle.loads(pickle.dumps(first)) == first  # noqa: S301 - our own bytes
    pieces = (trial.__dict__["_architecture"] for trial in (first, pickle.loads(pickle.dumps(first))))  # noqa: S301
    assert len(next(pieces)) == len(next(pieces)) > 10
