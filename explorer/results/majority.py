"""What always saying the commonest class would reach, beside what a study's networks do."""

from __future__ import annotations

from dataclasses import dataclass

from explorer.results.record import StudyRecord

WORSE = "; no network is better than that"


@dataclass(frozen=True)
class Majority:
    """Always the class with the most training images.

    Attributes:
        name: of the class.
        value: what it reaches, in the metric of the study.
        beaten: whether a finished network is better; true as well where none has finished.
    """

    name: str
    value: float
    beaten: bool


def majority(record: StudyRecord) -> Majority | None:
    """Of a study; None where its facts do not tell, as those of earlier versions."""
    found = record.facts.get("majority") or {}
    if "val" not in found:
        return None
    reached = [trial.accuracy or 0.0 for trial in record.finished]
    return Majority(found["class"], found["val"], not reached or max(reached) > found["val"])
