"""What `python -m explorer.firmware` is told and says: the board, the trained network, the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import Architecture
from explorer.arch.tflite.board import Board, read
from explorer.cli.config import plain
from explorer.cli.options import ConfigError
from explorer.int8.quantized import MOST_LEVELS
from explorer.training import files

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import Tensor

    from explorer.results.record import StudyRecord, TrialRecord


def board_of(config: DictConfig, record: StudyRecord) -> Board:
    """The board that is named, or the one that the study was made for.

    Raises:
        BoardError, ConfigError: if there is none.
    """
    board = record.board if config.get("board") is None else read(plain(config.board))
    if board is None:
        raise ConfigError("board is null, and the study was made for none; board=nano33ble or another of conf/board")
    return board


def levels_of(config: DictConfig) -> int:
    """How many values a weight may have.

    Raises:
        ConfigError: if it is no odd number from 3 to 255, or LiteRT should unpack weights, which it cannot.
    """
    if config.levels is None:
        return MOST_LEVELS
    if type(config.levels) is not int or not (3 <= config.levels < MOST_LEVELS and config.levels % 2):
        raise ConfigError(f"levels is {config.levels!r}, expected an odd number from 3 to 253, such as 15")
    if config.target == "litert":
        raise ConfigError(f"levels={config.levels} needs target=tflm: LiteRT does not unpack weights")
    return int(config.levels)


def codes_of(config: DictConfig, weights: str) -> dict[str, Tensor] | None:
    """The codes beside a compressed network's weights; None if they are no compressed network's.

    Raises:
        ConfigError: if they cannot be read, or come with what they exclude.
    """
    file = (Path(weights) if Path(weights).is_dir() else Path(weights).parent) / files.CODES
    if not file.is_file():
        return None
    if config.levels is not None:
        raise ConfigError(f"levels={config.levels}, but {file} says which values the weights have")
    if config.target == "litert":
        raise ConfigError(f"{file}: a compressed network needs target=tflm: LiteRT does not unpack weights")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        codes = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{file}: {error}") from None
    if wrong := next((name for name, each in codes.items() if str(each.dtype) != "torch.int8"), None):
        raise ConfigError(f"{file}: {wrong} is {codes[wrong].dtype}, expected int8")
    return codes


def check_fits(board: Board, trial: TrialRecord) -> None:
    """Raises ConfigError if a network does not fit a board, saying by how much."""
    lacks = board.lacks(Architecture.from_json(trial.architecture))
    if lacks:
        left = board.limits
        over = " and ".join(f"{more:,} bytes more {name} than the {left[name]:,}" for name, more in lacks.items())
        raise ConfigError(f"trial {trial.number} needs {over} that {board.name} has for a network")


def weights_of(config: DictConfig, record: StudyRecord, trial: TrialRecord) -> str:
    """The file or folder of a trial's trained weights: as named, or where the search left them.

    Raises:
        ConfigError: if the search's are gone.
    """
    if config.weights is not None:
        return str(config.weights)
    folder = files.training_folder(Path(str(config.runs)) / record.name, trial.number, trial.seeds[0])
    if not files.checkpoint_epochs(folder):
        raise ConfigError(
            f"{folder} has no checkpoint of trial {trial.number}; python -m explorer.retrain {trial.number} makes it "
            f"again, then weights=retrained/{record.name}-{trial.number}"
        )
    return f"{folder}/"
