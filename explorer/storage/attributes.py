"""Compressed networks and latencies, stored as attributes of the study."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from explorer.results.compressed import Compressed
from explorer.results.latency import Timed
from explorer.storage.patient import PatientStorage, open_storage

COMPRESSED, LATENCY = "compressed", "latency"
"""Prefixes of the attributes' names; the trial follows, and how it was compressed or measured."""


def compressed(url: str, study: str) -> list[Compressed]:
    """The compressed networks of a study, by trial and size.

    Raises:
        StudyError: if the storage cannot be opened.
    """
    networks = [Compressed.read(value) for value in _read(url, study, COMPRESSED)]
    return sorted(networks, key=lambda network: (network.trial, network.size))


def keep_compressed(url: str, network: Compressed) -> None:
    """Stores a compressed network with its study; replaces an earlier one of the same trial and plan."""
    storage, number = _opened(url, network.study)
    storage.set_study_user_attr(number, f"{COMPRESSED}:{network.trial}:{network.plan}", network.plain())


def latencies(url: str, study: str) -> list[Timed]:
    """Latencies of a study's networks, in the order in which they were measured.

    Raises:
        StudyError: if the storage cannot be opened.
    """
    stored = sorted(_read(url, study, LATENCY), key=lambda latency: latency["time"])
    return [Timed.read({key: value for key, value in latency.items() if key != "time"}) for latency in stored]


def keep_latencies(url: str, study: str, latencies: Sequence[Timed]) -> None:
    """Stores latencies with the study; they replace earlier ones under the same conditions."""
    storage, number = _opened(url, study)
    for latency in latencies:
        value = latency.plain() | {"time": round(time.time(), 3)}
        storage.set_study_user_attr(number, f"{LATENCY}:{latency.trial}:{latency.conditions}", value)


def _read(url: str, study: str, kind: str) -> list[dict[str, Any]]:
    storage, number = _opened(url, study)
    attributes = storage.get_study_user_attrs(number)
    return [value for name, value in attributes.items() if name.startswith(f"{kind}:")]


def _opened(url: str, study: str) -> tuple[PatientStorage, int]:
    storage = open_storage(url)
    return storage, storage.get_study_id_from_name(study)
