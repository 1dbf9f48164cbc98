"""Whether a search or a retraining may go on with a study: the same space, recipe and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from explorer.results.record import EARLIER, PLACES
from explorer.storage.patient import StudyError

DEFINING = ("space", "data", "recipe", "metric", "size", "epochs", "seed", "seeds")
"""Keys of a study's config that make its trials comparable; a study never changes them."""


def check_config(name: str, stored: Mapping[str, Any], asked: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Refuses another config. Where the data lie may change: their fingerprint, if the study has one, tells them apart.

    Args:
        name: of the study.
        stored: its config.
        asked: the config of now.
        facts: the study's.

    Raises:
        StudyError: naming a key that differs, and both values.
    """
    old, new = (dict(_flat({key: config[key] for key in DEFINING if key in config})) for config in (stored, asked))
    places = {f"data.{key}" for key in PLACES} if "fingerprint" in facts else set()
    for key in sorted((old.keys() | new.keys()) - places):
        then, now = (config.get(key, EARLIER.get(key)) for config in (old, new))
        if then != now:
            what = "belongs to another space" if key.startswith("space.") else "was made otherwise"
            change = f"{key} was {then}, now {now}"
            raise StudyError(f"study {name} {what}: {change}; give the search another name with study=NAME")


def check_data(name: str, stored: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses other data, whose accuracies could not be compared with the study's.

    Args:
        name: of the study.
        stored: its facts; those of an earlier version lack a fingerprint, then shape, classes and counts are compared.
        now: facts of the data as they are.

    Raises:
        StudyError: saying what differs.
    """
    if stored.get("init") != now.get("init"):
        raise StudyError(
            f"the weights that recipe.init names have changed since study {name} was made; put the former ones back, "
            "or search from these as another study=NAME"
        )
    then_words, now_words = _words(stored), _words(now)
    if then_words == now_words:
        if stored.get("fingerprint") in (None, now.get("fingerprint")):
            return
        now_words = "as many, but files, sizes, labels or parts differ"
    raise StudyError(
        f"the data have changed since study {name} was made: {then_words} then, now {now_words}; "
        "put the former data back (data.dir=DIR says where they lie), or search these as another study=NAME"
    )


def _words(facts: Mapping[str, Any]) -> str:
    images = ", ".join(f"{facts['images'].get(part, 0):,} {part}" for part in ("train", "val", "test"))
    if "classes" not in facts:
        return f"{images} images"
    return f"{images} images of {facts['classes']} classes, {'x'.join(map(str, facts['input_shape']))}"


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
