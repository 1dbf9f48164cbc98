"""Latencies predicted from networks that were measured: a made-up device whose law is known, and this one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from math import prod
from pathlib import Path
from random import Random

import pytest

from explorer import load_space
from explorer.arch import Architecture
from explorer.timing.conditions import Conditions, LatencyError, here
from explorer.timing.measure import Measured, measure
from explorer.timing.operators import operators, weights
from explorer.timing.predictor import Predictor, error, rounded
from explorer.timing.table import Table

CONDITIONS = Conditions("Cortex-A76", "onnxruntime", "1.22.0", "fp32", 1)
STEP, CALL = 1.5, 4.0


def drawn(count: int, seed: int = 0) -> list[Architecture]:
    space, random = load_space("all"), Random(seed)
    return [space.architecture(space.sample(random), (3, 32, 32), 10) for _ in range(count)]


def made_up(network: Architecture) -> Measured:
    """A device on which a map takes a microsecond per 4,000 numbers and a product of few channels is twice as slow."""
    times = []
    for each in operators(network):
        macs = weights(each) * each.shape[1] * each.shape[2]
        slow = 2 if each.shapes[0][0] < 16 else 1
        times.append(0.5 + sum(map(prod, each.shapes)) / 4000 + slow * macs / 20_000)
    return Measured(network, CALL + sum(times), tuple(each + STEP for each in times), (1,) * len(times))


@pytest.mark.slow
def test_a_law_is_found_again() -> None:
    measured = [made_up(network) for network in drawn(60)]
    predict = Predictor(measured, "onnxruntime")
    assert predict.overhead == pytest.approx(STEP, rel=1e-3)
    assert predict.constant == pytest.approx(CALL, rel=1e-2)
    others = [made_up(network) for network in drawn(40, seed=1)]
    off = sorted(abs(predict(other.architecture) / other.took - 1) for other in others)
    assert off[20] < 0.03
    assert off[36] < 0.1
    found = error(measured, "onnxruntime")
    assert (found.networks, found.rank > 0.99, found.median < 0.04) == (60, True, True)
    again = Predictor(measured, "onnxruntime")
    assert [again(other.architecture) for other in others] == [predict(other.architecture) for other in others]


def test_what_is_shown() -> None:
    assert [rounded(number) for number in (3.14159, 99.96, 100.4, 12_345.6)] == [3.1, 100.0, 100.0, 12_346.0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runtime", "precision"), [("onnxruntime", "fp32"), ("onnxruntime", "int8"), ("torch", "fp32")]
)
def test_operators_are_timed_in_their_places(runtime: str, precision: str) -> None:
    (network,) = drawn(1, seed=3)
    found, measured = operators(network), measure(network, here(runtime, precision, 1))
    assert measured.architecture == network
    assert len(measured.operators) == len(measured.nodes) == len(found)
    assert all(spent > 0 for spent, each in zip(measured.operators, found, strict=True) if each.kind == "Conv2d")
    assert all((spent > 0) == (nodes > 0) for spent, nodes in zip(measured.operators, measured.nodes, strict=True))
    assert 0 < measured.took < 1e6


def test_a_table_keeps_them_by_conditions(tmp_path: Path) -> None:
    table, other = Table(tmp_path / "latency.db"), replace(CONDITIONS, threads=4)
    assert (table.conditions(), table.networks(CONDITIONS)) == ([], [])
    networks = [made_up(network) for network in drawn(3)]
    for network in networks:
        table.add(CONDITIONS, network)
    table.add(other, networks[0])
    assert Table(table.path).networks(CONDITIONS) == networks
    assert table.networks(CONDITIONS, 2) == networks[:2]
    assert table.networks(other) == networks[:1]
    assert dict(table.conditions()) == {CONDITIONS: 3, other: 1}
    assert CONDITIONS.words == "Cortex-A76, onnxruntime 1.22.0, fp32, 1 thread"


def test_a_file_that_is_no_table_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latency.db").write_text("not a database, but long enough to look at" * 20)
    with pytest.raises(LatencyError, match=r"latency\.table .*latency\.db: file is not a database; expected a table"):
        Table(tmp_path / "latency.db").networks(CONDITIONS)
    table = Table(tmp_path / "broken.db")
    table.add(CONDITIONS, made_up(drawn(1)[0]))
    with closing(sqlite3.connect(table.path)) as file, file:
        file.execute("UPDATE networks SET architecture = '{}'")
    with pytest.raises(LatencyError, match=r"broken\.db: .*; measure anew in another file"):
        table.networks(CONDITIONS)
