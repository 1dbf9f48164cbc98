"""Sizes: read from text, equal to the costs they are made of, the fast peak equal to the slow one."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer import load_space
from explorer.arch import Architecture, architecture, cost
from explorer.arch.families import named
from explorer.arch.families.fire import fire
from explorer.arch.size import SIZES, SizeError, parse, shown
from explorer.arch.totals import totals
from tests.support.fire_points import fire_points

SPACES = ("all", "fire", "inverted_residual", "regnet", "residual", "shuffle", "squeezenext")


@dataclass(frozen=True)
class Predicted:
    cost: str

    def __call__(self, architecture: Architecture) -> float:
        return 123.4


COSTS = totals(fire((3, 32, 32), 10), Predicted("latency"))


@pytest.mark.parametrize("name", SIZES)
def test_a_name_is_that_cost(name: str) -> None:
    costs = totals(fire((3, 32, 32), 10), Predicted("cycles")) if name == "cycles" else COSTS
    assert parse(name).of(costs) == getattr(costs, name)
    assert parse(name).words == SIZES[name]


@given(
    st.lists(
        st.tuples(st.floats(1e-9, 1e9), st.sampled_from(sorted(SIZES.keys() - {"cycles"})), st.floats(1e-9, 1e9)),
        min_size=1,
        max_size=4,
    )
)
def test_a_sum_is_the_sum(terms: list[tuple[float, str, float]]) -> None:
    text = " + ".join(f"{factor}*{name}/{over}" for factor, name, over in terms)
    expected = sum(factor / over * getattr(COSTS, name) for factor, name, over in terms)
    assert parse(text).of(COSTS) == pytest.approx(expected)
    assert parse(parse(text).name) == parse(text)


@pytest.mark.parametrize(
    "text", ["mac", "", "2", "params+", "-1*params", "0*macs", "params*2", "params - macs", "1e999*macs", "1..2*macs",
             "macs/0", "macs/1e999", "__import__('os')", "params+params()", None, 3]
)  # fmt: skip
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(SizeError, match="expected params, bytes, macs, activations, flash, ram, latency, cycles, or"):
        parse(text)


def test_what_nobody_has_measured_is_one_line() -> None:
    with pytest.raises(SizeError, match="latency is not known here; search with size=latency"):
        parse("latency").of(totals(fire((3, 32, 32), 10)))
    with pytest.raises(SizeError, match="cycles is not known here; search with size=cycles"):
        parse("cycles").of(COSTS)


@given(fire_points)
def test_the_peak_of_totals_is_that_of_cost(point: dict[str, object]) -> None:
    network = fire((3, 64, 64), 10, **point)
    assert totals(network).activations == cost(network).activations == cost(network).peak_activation_bytes


@pytest.mark.parametrize("name", SPACES)
def test_the_peak_of_totals_is_that_of_cost_in_every_family(name: str) -> None:
    space, rng = load_space(name), random.Random(0)
    for _ in range(20):
        network = space.architecture(space.sample(rng), (3, 48, 48), 10)
        assert totals(network).activations == cost(network).activations


@pytest.mark.parametrize("name", sorted(named()))
def test_the_peak_of_totals_is_that_of_cost_of_every_published_network(name: str) -> None:
    network = architecture(name, (3, 224, 224), 1000)
    assert totals(network).activations == cost(network).activations


def test_how_it_is_shown() -> None:
    assert [shown(size) for size in (48211.0, 7, 0.38253, 2.5)] == ["48,211", "7", "0.3825", "2.5"]
