"""Finds a network of a study: best, knee, smallest, canonical, a trial number, an identity."""

from __future__ import annotations

import re
from math import prod

from explorer.results.pareto import front_trials, knee, most_accurate, point
from explorer.results.record import StudyRecord, TrialRecord

CANONICAL = "squeezenet_v1_0"
WORDS = ("best", "knee", "smallest", "canonical")


class TargetError(ValueError):
    """A target that names no finished trial."""


def find(record: StudyRecord, target: str, within: float = 0.01) -> TrialRecord:
    """The finished trial that a target names.

    Args:
        record: the study.
        target: `best` (highest metric on the front, of equals the smallest), `knee` (where the
            front bends), `smallest` (least size within `within` of the best metric; of two sizes their product
            counts), `canonical` (SqueezeNet v1.0), a trial number, or the beginning of an identity (6 digits or more).
        within: what of the metric `smallest` may give up, between 0 and 1.

    Raises:
        TargetError: if it names none.
    """
    finished = record.finished
    if not finished:
        raise TargetError(f"study {record.name} has no finished trial yet; run explorer.search first")
    if target in WORDS:
        return _word(record, target, within)
    if target.isdigit() and len(target) < 6:
        chosen = next((trial for trial in record.trials if trial.number == int(target)), None)
        if chosen is None:
            raise TargetError(f"study {record.name} has no trial {target}, expected 0 to {record.trials[-1].number}")
        if chosen.state != "COMPLETE":
            why = f" ({chosen.reason})" if chosen.reason else ""
            raise TargetError(f"trial {target} is {chosen.state}{why}, expected a finished one")
        return chosen
    if re.fullmatch(r"[0-9a-f]{6,16}", target):
        matches = [trial for trial in finished if trial.identity.startswith(target)]
        if len(matches) == 1:
            return matches[0]
        raise TargetError(
            f"identity {target} is that of {len(matches)} finished trials of study {record.name}, expected one"
        )
    raise TargetError(f"target is {target!r}, expected {', '.join(WORDS)}, a trial number or an identity")


def _word(record: StudyRecord, word: str, within: float) -> TrialRecord:
    finished, front = record.finished, front_trials(record)
    if not front:
        raise TargetError(f"no finished trial of study {record.name} is within its limits; a trial number names any")
    match word:
        case "best":
            return most_accurate(front)
        case "knee":
            return front[knee([point(trial) for trial in front])]
        case "smallest":
            enough = (most_accurate(front).accuracy or 0.0) - within
            near = [trial for trial in front if (trial.accuracy or 0.0) >= enough]
            return min(near, key=lambda trial: prod(trial.sizes))
        case _:
            canonical = next((trial for trial in finished if trial.anchor == CANONICAL), None)
            if canonical is None:
                raise TargetError(f"study {record.name} has no {CANONICAL}; name it among the space's anchors")
            return canonical
