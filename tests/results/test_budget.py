"""Limits on a study as a whole."""

from dataclasses import replace

import pytest

from explorer.results.budget import Budget, Spending
from explorer.results.record import TrialRecord
from tests.support.sample import trial


def spent(*trials: TrialRecord) -> Spending:
    found = Spending()
    for one in trials:
        found.count(one)
    return found


def test_a_second_on_two_devices_is_two_device_seconds() -> None:
    one = trial(3)
    budget = Budget(10, max_device_hours=1.5 * one.seconds / 3600)
    assert budget.ended(spent(one)) is None
    assert "max_device_hours" in (budget.ended(spent(replace(one, devices=2))) or "")
    assert "max_device_hours" in (budget.ended(spent(one, one)) or "")


def test_what_is_taken_back_was_never_spent() -> None:
    one, longer = trial(3, epochs=5), trial(3, epochs=20)
    found = spent(one)
    found.count(one, times=-1)
    found.count(longer)
    assert (found.epochs, found.device_seconds) == (20, pytest.approx(longer.seconds))
    assert "max_epochs_total" in (Budget(10, max_epochs_total=20).ended(found) or "")
    assert Budget(10, max_epochs_total=21).ended(found) is None
