"""The options of `python -m explorer.compress`: checks, budgets such as 20kB, and the settings that they come to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.cli.options import ConfigError, choice, positive, whole, within

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from explorer.compression.deep import CompressionSettings


def check(config: DictConfig) -> None:
    """Checks every option that needs no study.

    Raises:
        ConfigError: naming the first that cannot be.
    """
    for key in ("seeds", "rounds", "images"):
        whole(config, key, 1)
    if config.epochs is not None:
        whole(config, "epochs", 2)
    positive(config, "tolerance")
    for key in ("ratio", "lr"):
        if positive(config, key) is None:
            raise ConfigError(f"{key} is null, expected a positive number")
    if config.bits is not None and not 2 <= whole(config, "bits", 2) <= 8:
        raise ConfigError(f"bits is {config.bits}, expected 2 to 8")
    choice(config, "preset", "paper", None)
    if config.preset and config.budget is not None:
        raise ConfigError("preset=paper has no budget: its densities say how small the network becomes")
    within(config)
    budget(config.budget)


def budget(text: Any) -> int | None:
    """Bytes of a budget such as 20000, 20kB or 0.02MB.

    Raises:
        ConfigError: if it is none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(|B|kB|MB)", str(text).replace("_", ""))
    count = round(float(match[1]) * {"": 1, "B": 1, "kB": 1_000, "MB": 1_000_000}[match[2]]) if match else 0
    if count < 1:
        raise ConfigError(f"budget is {text!r}, expected bytes such as 20kB or 0.02MB")
    return count


def given_budget(config: DictConfig) -> int:
    """Bytes of the budget that weights=FILE has to come with.

    Raises:
        ConfigError: if there is none.
    """
    count = budget(config.budget)
    if count is None:
        raise ConfigError("budget is null, expected bytes such as budget=0.4MB with weights=FILE")
    return count


def settings(config: DictConfig, architecture: Architecture, epochs: int) -> tuple[CompressionSettings, str]:
    """How a network that a study trained for so many epochs is compressed, and that in words."""
    from explorer.compression.deep import PAPER_BITS, CompressionSettings, paper_densities

    training = {"rounds": config.rounds, "epochs": config.epochs or 6 * epochs, "lr": float(config.lr)}
    if config.preset:
        bits, densities = config.bits or PAPER_BITS, paper_densities(architecture)
        return CompressionSettings(None, densities, bits, **training), f"the paper's densities, {bits} bits"
    size, bits = budget(config.budget), f", {config.bits} bits" if config.bits else ""
    if size is not None:
        return CompressionSettings(size, None, config.bits, **training), f"{size} bytes{bits}"
    size = int(cost(architecture).bytes / config.ratio)
    made = CompressionSettings(size, None, config.bits, tolerance=config.tolerance, **training)
    return made, f"up to {config.ratio:g} times smaller{bits}"
