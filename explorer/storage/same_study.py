"""Whether a search or a retraining may go on with a study: the same recipe and data, a space of the same family."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from explorer.arch.size import parse_all
from explorer.results.record import EARLIER, PLACES
from explorer.storage.patient import StudyError

DEFINING = ("space", "data", "recipe", "metric", "size", "latency", "precision", "epochs", "seed", "seeds")
"""Keys of a study's config by which its networks were drawn, trained and compared."""
MAY_CHANGE = re.compile(r"space\.(families\.[^.]+\.)?search\..*|space\.(limits|anchors)(\..*)?|size")
"""What says which networks are trained next. The others say how they are trained, and so what their results mean."""


def check_config(
    name: str, stored: Mapping[str, Any], asked: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, list[Any]]:
    """What has changed in the config, by key: then and now; a change that would make trials incomparable is refused.

    Where the data lie may change: their fingerprint, if the study has one, tells them apart.

    Args:
        name: of the study.
        stored: its config.
        asked: the config of now.
        facts: the study's.

    Raises:
        StudyError: naming a key that may not change, and both values.
    """
    changed: dict[str, list[Any]] = {}
    old, new = (dict(_flat({key: config[key] for key in DEFINING if key in config})) for config in (stored, asked))
    places = {f"data.{key}" for key in PLACES} if "fingerprint" in facts else set()
    for key in sorted((old.keys() | new.keys()) - places):
        then, now = (config.get(key, EARLIER.get(key)) for config in (old, new))
        if then == now or not (then or now):  # an empty list of limits, or none
            continue
        if key.startswith("latency.") and then is None:
            raise StudyError(f"study {name} was searched without latencies; {_instead('latency')}")
        if now is None and key.startswith("latency."):  # no longer asked for
            continue
        if not MAY_CHANGE.fullmatch(key) or (key == "size" and len(parse_all(then)) != len(parse_all(now))):
            what = "belongs to another space" if key.startswith("space.") else "was made otherwise"
            raise StudyError(f"study {name} {what}: {key} was {then}, now {now}; {_instead(key)}")
        changed[key] = [then, now]
    return changed


def _instead(key: str) -> str:
    if key == "latency":
        return "study=NEW from=NAME begins one that has them, with its trials"
    if key == "size":
        return "a study keeps their number: report size= looks at it by others, study=NAME begins another"
    return "a study keeps what makes its networks comparable; give the search another name with study=NAME"


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
