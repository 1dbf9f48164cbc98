"""The options of a search, read from the command line's config."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import size
from explorer.cli.config import plain, space_choice, space_files, space_of
from explorer.cli.options import ConfigError, flag, positive, share, whole
from explorer.results import metric
from explorer.results.budget import Budget
from explorer.study import stopping
from explorer.study.options import SearchOptions
from explorer.training import recipe

if TYPE_CHECKING:
    from omegaconf import DictConfig

STORED = ("data", "recipe", "metric", "size", "sampler", "stopping", "epochs", "seed", "seeds", "uniform")
"""Keys that are stored with the study."""
LONGEST = 200
"""Bytes of a study's name, which becomes that of a folder."""


def read(config: DictConfig) -> SearchOptions:
    """Checks the options.

    Raises:
        ConfigError, MetricError, RecipeError, SizeError, SpaceError, StoppingError: naming what is wrong.
    """
    name = space_choice()
    if name is None:
        raise ConfigError(f"which space? +space= one of {', '.join(space_files())}")
    space = space_of(config, name)
    _check(config)
    study = str(config.study or name)
    if not re.fullmatch(r"\w[\w.-]*", study):
        raise ConfigError(f"study is {study!r}, expected letters, digits, '.', '_' and '-', a letter or digit first")
    if len(study.encode()) > LONGEST:
        raise ConfigError(f"study is {study[:20]!r}... of {len(study.encode())} bytes, expected {LONGEST} at most")
    settings = {key: plain(config[key]) for key in STORED}
    recipe.read(settings["recipe"])
    metric.check(settings["metric"])
    settings["size"] = size.parse(settings["size"]).name
    return SearchOptions(
        study=study,
        space=space,
        config=settings | {"space": space.as_dict()},
        launcher=plain(config.launcher),
        stopping=stopping.make(settings["stopping"]),
        budget=Budget(
            config.n_trials,
            positive(config, "max_hours"),
            positive(config, "max_device_hours"),
            config.max_epochs_total,
        ),
        deterministic=bool(config.deterministic),
        timeout=positive(config, "timeout") or math.inf,
        storage=str(config.storage),
        tracking=str(config.tracking),
        folder=Path(config.runs) / study,
    )


def _check(config: DictConfig) -> None:
    for key, least in (("n_trials", 1), ("epochs", 1), ("seed", 0), ("seeds", 1)):
        whole(config, key, least)
    if config.max_epochs_total is not None:
        whole(config, "max_epochs_total", 1)
    share(config, "uniform")
    flag(config, "deterministic")
