"""Limits of a study: trials, hours, device hours, epochs; they count across restarts."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.results.record import TrialRecord


@dataclass
class Spending:
    """What a study has spent so far, updated with each change of a trial.

    Attributes:
        epochs: of all trials and seeds.
        device_seconds: training time of all trials and seeds, a second on two devices counted twice.
        wall_seconds: of all searches on the study.
    """

    epochs: int = 0
    device_seconds: float = 0.0
    wall_seconds: float = 0.0

    def count(self, trial: TrialRecord, times: int = 1) -> None:
        """Adds what a trial has spent; times=-1 subtracts it."""
        self.epochs += times * sum(map(len, trial.curves))
        self.device_seconds += times * trial.seconds * trial.devices


@dataclass(frozen=True)
class Budget:
    """Limits on a study as a whole, not on one run of the command; None is no limit.

    Attributes:
        n_trials: trials, anchors included.
        max_hours: wall time of all searches on the study.
        max_device_hours: training time, summed over the devices: a second on two devices counts as two.
        max_epochs_total: epochs, summed over trials and seeds.
    """

    n_trials: int
    max_hours: float | None = None
    max_device_hours: float | None = None
    max_epochs_total: int | None = None

    def ended(self, spent: Spending) -> str | None:
        """The limit that is reached, in words, or None; the controller itself checks the number of trials."""
        if self.max_hours is not None and spent.wall_seconds >= 3600 * self.max_hours:
            return f"max_hours={self.max_hours:g} is spent"
        if self.max_device_hours is not None and spent.device_seconds >= 3600 * self.max_device_hours:
            return f"max_device_hours={self.max_device_hours:g} is spent"
        if self.max_epochs_total is not None and spent.epochs >= self.max_epochs_total:
            return f"max_epochs_total={self.max_epochs_total} is spent"
        return None
