"""Searches that are killed again and again end as the undisturbed ones; a difference would be seen."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import chaos, recovery
from tests.support.sample import finished_study

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_after_a_kill_the_same_trial_goes_on_from_its_last_rung(tmp_path: Path) -> None:
    process = recovery.begin(tmp_path)
    try:
        recovery.await_epochs(tmp_path, 2)
        first = recovery.kill_worker(tmp_path, process)
        recovery.await_epochs(tmp_path, 1)
        process, second = recovery.kill_controller(tmp_path, process)
    finally:
        process.kill()
        process.wait()
    for back in (first, second):
        assert back.same
        assert back.lost <= 1  # a rung is one epoch


def test_chaos_leaves_the_result_as_it_is(tmp_path: Path) -> None:
    undisturbed = chaos.finish(tmp_path / "calm", 10)
    kills = chaos.torment(tmp_path / "torn", 10, 5, random.Random(1))
    assert len(kills) >= 3
    assert not any("LEFT BEHIND" in kill.outcome for kill in kills)
    assert chaos.compare(undisturbed, chaos.load(tmp_path / "torn")) == []


def test_a_difference_is_a_difference() -> None:
    record = finished_study(1)
    first, second, last = record.trials
    assert chaos.compare(record, record) == []
    assert chaos.compare(record, replace(record, trials=(first, replace(second, identity="0" * 16), last))) != []
    curve = (*last.curves[0][:-1], last.curves[0][-1] | {"val_acc": 0.0})
    assert chaos.compare(record, replace(record, trials=(first, second, replace(last, curves=(curve,))))) != []
    assert chaos.compare(record, replace(record, trials=record.trials[:1])) == ["3 and 1 trials"]
