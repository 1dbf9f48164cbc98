"""The options of a search, read from the command line's config."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import size
from explorer.arch.tflite import board as boards
from explorer.cli.config import plain, space_choice, space_of
from explorer.cli.latency_options import latency_options
from explorer.cli.options import ConfigError, choice, flag, positive, share, whole
from explorer.results import metric
from explorer.results.budget import Budget
from explorer.study import latencies, stopping
from explorer.study.options import SearchOptions
from explorer.study.proposed import Given, check_point
from explorer.training import recipe

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from explorer.space import DesignSpace

INT8 = metric.INT8
PRECISIONS = ("fp32", INT8)
"""In which the metric of a finished training is measured."""
STORED = ("data", "recipe", "metric", "size", "sampler", "stopping", "epochs", "seed", "seeds", "uniform")
"""Keys that are stored with the study."""
LONGEST = 200
"""Bytes of a study's name, which becomes that of a folder."""


def read(config: DictConfig) -> SearchOptions:
    """Checks the options.

    Raises:
        BoardError, ConfigError, MetricError, RecipeError, SizeError, SpaceError, StoppingError: naming what is wrong.
    """
    name = space_choice()
    board = None if config.get("board") is None else boards.read(plain(config.board))
    space = space_of(config, name)
    if board is not None:
        space = space.within(board.limits)
    _check(config)
    study = str(config.study or name)
    if not re.fullmatch(r"\w[\w.-]*", study):
        raise ConfigError(f"study is {study!r}, expected letters, digits, '.', '_' and '-', a letter or digit first")
    if len(study.encode()) > LONGEST:
        raise ConfigError(f"study is {study[:20]!r}... of {len(study.encode())} bytes, expected {LONGEST} at most")
    settings = {key: plain(config[key]) for key in STORED}
    recipe.read(settings["recipe"])
    metric.check(settings["metric"])
    settings["size"] = size.together(size.parse_all(settings["size"]))
    settings["precision"] = choice(config, "precision", None, *PRECISIONS) or PRECISIONS[board is not None]
    if settings["precision"] == INT8 and find_spec("tflite_micro") is None:
        raise ConfigError("precision=int8 needs tflite-micro: pip install 'explorer[board]', or give precision=fp32")
    cost = latencies.wanted(settings | {"space": space.as_dict()})
    timing = latency_options(config, cost, board)
    if cost is not None:
        settings["latency"] = timing.conditions
    if board is not None:
        settings["board"] = plain(config.board)
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
        latency_table=timing.table,
        timed_networks=timing.networks,
        tries=_tries(config, space),
        start_from=_other(config, study),
    )


def _other(config: DictConfig, study: str) -> str | None:
    if config["from"] is None:
        return None
    if str(config["from"]) == study:
        raise ConfigError(f"from is {study}, the study itself; expected another one")
    return str(config["from"])


def _tries(config: DictConfig, space: DesignSpace) -> tuple[Given, ...]:
    given = plain(config["try"])
    tries = given if isinstance(given, list) else [] if given is None else [given]
    for each in tries:
        if isinstance(each, Mapping):
            check_point(space, each)
        elif not isinstance(each, str) or not Path(each).is_file():
            raise ConfigError(
                f"try is {each!r}, expected a point such as '{{base_e: 64, ...}}', or an architecture.json"
            )
    return tuple(tries)


def _check(config: DictConfig) -> None:
    for key, least in (("n_trials", 1), ("epochs", 1), ("seed", 0), ("seeds", 1)):
        whole(config, key, least)
    if config.max_epochs_total is not None:
        whole(config, "max_epochs_total", 1)
    share(config, "uniform")
    flag(config, "deterministic")
