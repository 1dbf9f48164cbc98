"""When a study has spent enough: trials, hours, device hours, epochs, whichever comes first; all survive a restart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explorer.record import TrialRecord


@dataclass(frozen=True)
class Budget:
    """Limits on a study as a whole, not on one run of the command; None is no limit.

    Attributes:
        n_trials: trials, anchors included.
        max_hours: wall time during which a search was at work on the study.
        max_device_hours: training time, summed over the devices: a second on two devices counts as two.
        max_epochs_total: epochs, summed over trials and seeds.
    """

    n_trials: int
    max_hours: float | None = None
    max_device_hours: float | None = None
    max_epochs_total: int | None = None

    def spent(self, trials: Iterable[TrialRecord], wall_seconds: float) -> str | None:
        """Which limit is reached, in words, or None. The number of trials is not asked here: those under way go on.

        Args:
            trials: of the study.
            wall_seconds: during which a search was at work on it.
        """
        if self.max_hours is not None and wall_seconds >= 3600 * self.max_hours:
            return f"max_hours={self.max_hours:g} is spent"
        known = list(trials)
        device_seconds = sum(trial.seconds * trial.devices for trial in known)
        if self.max_device_hours is not None and device_seconds >= 3600 * self.max_device_hours:
            return f"max_device_hours={self.max_device_hours:g} is spent"
        epochs = sum(len(curve) for trial in known for curve in trial.curves)
        if self.max_epochs_total is not None and epochs >= self.max_epochs_total:
            return f"max_epochs_total={self.max_epochs_total} is spent"
        return None
