"""The files that `recipe.init` names: trained weights, and their architecture beside them. Standard library alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from explorer.results.record import PLACES
from explorer.training import files
from explorer.training.recipe import INITS, RecipeError


def from_weights(init: str) -> bool:
    """Whether a recipe starts from weights in a file rather than from random ones."""
    return init not in INITS


def init_files(init: str, key: str = "recipe.init") -> tuple[Path, Path]:
    """The file of the weights, and that of the architecture.

    Args:
        init: a file with `architecture.json` beside it, or a folder: of a retraining, or of a search's training, of
            which it is the last checkpoint.
        key: that names it, for messages.

    Raises:
        RecipeError: if one of them is not there.
    """
    path = Path(init)
    weights = path
    if path.is_dir():
        epochs = files.checkpoint_epochs(path)
        weights = files.checkpoint(path, epochs[-1]) if epochs else path / files.WEIGHTS
    about = weights.parent / files.ARCHITECTURE
    for file in (weights, about):
        if not file.is_file():
            raise RecipeError(f"{key}={init}: no file {file}")
    return weights, about


def init_digest(recipe: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Tells the weights and the architecture that a recipe starts from, from others; "" for random ones.

    Args:
        recipe: with the key `init`.
        data: of the study, whose validation images the weights must not have seen.

    Raises:
        RecipeError: if a file is not there, or if the weights were trained on those images.
    """
    init = str(recipe.get("init", "he"))
    if not from_weights(init):
        return ""
    weights, about = init_files(init)
    try:
        seen = _trained_on_val(weights)
        found = hashlib.sha256(weights.read_bytes() + about.read_bytes())
    except OSError as error:
        raise RecipeError(f"recipe.init={init}: {error.strerror}") from None
    if seen is not None and _without_places(seen) == _without_places(data):
        raise RecipeError(
            f"recipe.init={init}: these weights have seen the validation images of the same data, as retrain's have; "
            "start from a training of the search, such as runs/STUDY/TRIAL/seed_0, or from other data"
        )
    return found.hexdigest()[:16]


def _without_places(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key not in PLACES}


def _trained_on_val(weights: Path) -> dict[str, Any] | None:
    """The data of whose train and val a network was trained, as far as its files tell."""
    config = weights.parent / files.CONFIG
    if config.is_file():  # retrain exports networks of its fresh seeds
        import yaml

        try:
            held = yaml.safe_load(config.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            return None
        data = held.get("data") if isinstance(held, dict) else None
        return data if isinstance(data, dict) else None
    facts = _facts(weights)
    data = facts.get("data")
    return data if facts.get("split") == "trainval" and isinstance(data, dict) else None


def _facts(weights: Path) -> dict[str, Any]:
    """What a checkpoint says of its training; nothing of any other file."""
    with weights.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = file.read(size) if size < weights.stat().st_size else b""
    try:
        facts = json.loads(json.loads(header)["__metadata__"]["facts"])
    except (ValueError, KeyError, TypeError):
        return {}
    return facts if isinstance(facts, dict) else {}
