"""What is known of a study's networks beside its trials: attributes of the study, kept by compress and latency."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from explorer.results.compressed import Compressed
from explorer.results.latency import Timed
from explorer.storage.patient import PatientStorage, open_storage

COMPRESSED, LATENCY = "compressed", "latency"
"""How the attributes' names begin; then come the trial and how it was compressed, or measured."""


def compressed(url: str, study: str) -> list[Compressed]:
    """The compressed networks of a study, by trial and size.

    Raises:
        StudyError: if the storage cannot be opened.
    """
    found = [Compressed.read(value) for value in _read(url, study, COMPRESSED)]
    return sorted(found, key=lambda one: (one.trial, one.size))


def keep_compressed(url: str, found: Compressed) -> None:
    """Keeps a compressed network with its study, in place of an earlier one of the same trial and plan."""
    storage, number = _opened(url, found.study)
    storage.set_study_user_attr(number, f"{COMPRESSED}:{found.trial}:{found.plan}", found.plain())


def latencies(url: str, study: str) -> list[Timed]:
    """Latencies of a study's networks, those measured last at the end.

    Raises:
        StudyError: if the storage cannot be opened.
    """
    kept = sorted(_read(url, study, LATENCY), key=lambda one: one["time"])
    return [Timed.read({key: value for key, value in one.items() if key != "time"}) for one in kept]


def keep_latencies(url: str, study: str, found: Sequence[Timed]) -> None:
    """Keeps latencies with the study, in place of those measured before under the same conditions."""
    storage, number = _opened(url, study)
    for one in found:
        value = one.plain() | {"time": round(time.time(), 3)}
        storage.set_study_user_attr(number, f"{LATENCY}:{one.trial}:{one.conditions}", value)


def _read(url: str, study: str, kind: str) -> list[dict[str, Any]]:
    storage, number = _opened(url, study)
    attributes = storage.get_study_user_attrs(number)
    return [value for name, value in attributes.items() if name.startswith(f"{kind}:")]


def _opened(url: str, study: str) -> tuple[PatientStorage, int]:
    storage = open_storage(url)
    return storage, storage.get_study_id_from_name(study)
