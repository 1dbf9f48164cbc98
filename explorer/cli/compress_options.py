"""The options of `python -m explorer.compress`: checks, budgets such as 20kB, and the settings that they come to."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.arch.tflite import board as boards
from explorer.arch.tflite.board import Board
from explorer.cli.config import plain
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
    if choice(config, "format", "sqz", "tflite") == "sqz":
        if config.ram is not None:
            raise ConfigError("ram needs format=tflite: a .sqz file does not run as it is")
        if config.get("board") is not None:
            raise ConfigError("board needs format=tflite: a .sqz file does not run as it is")
    else:
        for key in ("preset", "bits"):
            if config[key] is not None:
                raise ConfigError(f"{key}={config[key]} is for format=sqz")
        if find_spec("tflite_micro") is None:
            raise ConfigError("format=tflite needs tflite-micro: pip install 'explorer[board]'")
        _bytes("ram", config.ram)


def budget(text: Any) -> int | None:
    """Bytes of a budget such as 20000, 20kB or 0.02MB.

    Raises:
        ConfigError: if it is none.
    """
    return _bytes("budget", text)


def _bytes(key: str, text: Any) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(|B|kB|MB)", str(text).replace("_", ""))
    count = round(float(match[1]) * {"": 1, "B": 1, "kB": 1_000, "MB": 1_000_000}[match[2]]) if match else 0
    if count < 1:
        raise ConfigError(f"{key} is {text!r}, expected bytes such as 20kB or 0.02MB")
    return count


def limits(config: DictConfig, of_study: Board | None = None) -> tuple[int | None, int | None]:
    """Bytes of flash, and of TFLite Micro's arena, that a file may need: the board's, or what was asked for within it.

    Args:
        config: the command's.
        of_study: the board that the study was made for, where none is named.

    Raises:
        ConfigError, BoardError: if the board is none, or too small for what is asked.
    """
    asked = _bytes("ram", config.ram)
    board = of_study if config.get("board") is None else boards.read(plain(config.board))
    if board is None or config.format != "tflite":
        return None, asked
    flash, ram = board.limits["flash"], board.limits["ram"]
    for key, wanted, limit in (("budget", budget(config.budget), flash), ("ram", asked, ram)):
        if wanted is not None and wanted > limit:
            raise ConfigError(f"{key} is {wanted:,} bytes, {board.name} has {limit:,} for a network")
    return flash, asked or ram


def given_budget(config: DictConfig) -> int:
    """Bytes of the budget that weights=FILE has to come with.

    Raises:
        ConfigError: if there is none.
    """
    count = budget(config.budget)
    if count is None:
        raise ConfigError("budget is null, expected bytes such as budget=0.4MB with weights=FILE")
    return count


def settings(
    config: DictConfig, architecture: Architecture, epochs: int, of_study: Board | None = None
) -> tuple[CompressionSettings, str]:
    """How a network that a study trained for so many epochs is compressed, and that in words.

    Args:
        config: the command's.
        architecture: the network.
        epochs: of the study.
        of_study: the board that it was made for.

    Raises:
        ConfigError, BoardError: if the board is none, or too small for what is asked.
    """
    from explorer.compression.deep import PAPER_BITS, CompressionSettings, paper_densities

    flash, ram = limits(config, of_study)
    training = {"rounds": config.rounds, "epochs": config.epochs or 6 * epochs, "lr": float(config.lr)}
    training |= {"format": str(config.format), "ram": ram, "flash": flash}
    if config.preset:
        bits, densities = config.bits or PAPER_BITS, paper_densities(architecture)
        return CompressionSettings(None, densities, bits, **training), f"the paper's densities, {bits} bits"
    size, bits = budget(config.budget), f", {config.bits} bits" if config.bits else ""
    bits += ", tflite" if config.format == "tflite" else ""
    bits += f", arena {ram}" if ram else ""
    if size is not None:
        return CompressionSettings(size, None, config.bits, **training), f"{size} bytes{bits}"
    size = int(cost(architecture).bytes / config.ratio)
    size = size if flash is None else min(size, flash)
    made = CompressionSettings(size, None, config.bits, tolerance=config.tolerance, **training)
    return made, f"up to {config.ratio:g} times smaller{bits}"
