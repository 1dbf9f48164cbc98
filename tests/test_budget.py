"""Limits on a study as a whole."""

from dataclasses import replace

from explorer.budget import Budget
from tests.sample import trial


def test_a_second_on_two_devices_is_two_device_seconds() -> None:
    one = trial(3)
    budget = Budget(10, max_device_hours=1.5 * one.seconds / 3600)
    assert budget.spent([one], 0) is None
    assert "max_device_hours" in (budget.spent([replace(one, devices=2)], 0) or "")
    assert "max_device_hours" in (budget.spent([one, one], 0) or "")
