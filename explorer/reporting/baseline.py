"""The front's best trade-offs against canonical SqueezeNet, and whether there are images enough to say so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import truediv

from explorer.arch.size import SIZES
from explorer.plots.labels import published_name
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.selection import CANONICAL
from explorer.results.trial_index import TrialIndex

NOTABLE = 0.95
"""Times the size from which on a network of the same accuracy counts as smaller."""


@dataclass(frozen=True)
class TradeOff:
    """A network of the front against the canonical one.

    Attributes:
        trial: the network's.
        ratios: its sizes over the canonical network's.
        gain: its metric minus the canonical network's.
        error: standard error of `gain`, as if the two had been measured independently.
    """

    trial: TrialRecord
    ratios: tuple[float, ...]
    gain: float
    error: float

    @property
    def same(self) -> bool:
        """Whether one standard error holds the difference."""
        return abs(self.gain) <= self.error

    @property
    def ratio(self) -> float:
        """The larger one, if there are two."""
        return max(self.ratios)

    @property
    def times(self) -> list[str]:
        """0.31x; 0.008x and 0.40x, where there are two sizes"""
        return [f"{ratio:.2f}x" if ratio >= 0.095 else f"{ratio:.3f}x" for ratio in self.ratios]

    def words(self) -> str:
        """Same accuracy at 0.31x the parameters (-0.3 ± 1.1 points: within the error)."""
        difference = f"{100 * self.gain:+.1f} ± {100 * self.error:.1f} points"
        names = [SIZES["params"] if name == "params" else name for name in self.trial.named_sizes]
        size = " and ".join(f"{times} the {name}" for times, name in zip(self.times, names, strict=True))
        if self.same:
            return f"same accuracy at {size} ({difference}: within the error, which is all that can be said)"
        sure = "" if abs(self.gain) > 2 * self.error else "; below two standard errors, so no more than likely"
        return f"{'more' if self.gain > 0 else 'less'} accurate at {size} ({difference}{sure})"


def canonical(record: StudyRecord) -> TrialRecord | None:
    """The finished trial of canonical SqueezeNet, if the study has one."""
    return next(filter(_is_canonical, record.trials), None)


def _is_canonical(trial: TrialRecord) -> bool:
    return trial.anchor == CANONICAL and trial.state == "COMPLETE"


def name() -> str:
    """SqueezeNet v1.0"""
    return published_name(CANONICAL)


def against(record: StudyRecord, trial: TrialRecord, other: TrialRecord) -> TradeOff:
    """One finished network against another."""
    gain = (trial.accuracy or 0.0) - (other.accuracy or 0.0)
    error = math.hypot(trial.error(record.val_images), other.error(record.val_images))
    return TradeOff(trial, tuple(map(truediv, trial.sizes, other.sizes)), gain, error)


def best_trade_offs(record: StudyRecord, index: TrialIndex | None = None) -> list[TradeOff]:
    """The front's best trade-offs against canonical SqueezeNet, by rising size; none without it, or if none is left.

    The smallest network whose accuracy is the same within the error, the smallest that measured no less, and the most
    accurate one that is no larger.

    Args:
        record: the study.
        index: of the study, for a caller who has it.
    """
    index = index or TrialIndex(record)
    finished = (index.measured[number] for number in index.published)
    other = next((trial for trial in finished if _is_canonical(trial)), None)
    if other is None:
        return []
    rivals = [against(record, trial, other) for trial in index.front if trial.identity != other.identity]
    rivals = [rival for rival in rivals if rival.ratio <= NOTABLE or (rival.ratio <= 1 and rival.gain > rival.error)]
    rivals.sort(key=lambda rival: rival.ratio)
    best = max(rivals, key=lambda rival: rival.gain, default=None)
    choices = [
        next((rival for rival in rivals if rival.gain >= -rival.error), None),
        next((rival for rival in rivals if rival.gain >= 0), None),
        best if best and best.gain >= -best.error else None,
    ]
    found = {choice.trial.number: choice for choice in choices if choice}
    return sorted(found.values(), key=lambda choice: choice.ratio)
