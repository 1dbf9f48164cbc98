"""python -m explorer.firmware TARGET board=NAME: a network of a study in int8, as files for a TFLite Micro project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from torch import Tensor

    from explorer.arch.tflite.board import Board
    from explorer.int8.firmware import Firmware
    from explorer.results.record import StudyRecord, TrialRecord


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.claimed_folder import claimed
    from explorer.cli.config import plain
    from explorer.cli.console import open_console
    from explorer.cli.firmware import board_of, check_fits, codes_of, levels_of, weights_of
    from explorer.cli.options import choice, flag, within
    from explorer.cli.progress import working
    from explorer.int8.quantized import MOST_LEVELS
    from explorer.results import selection
    from explorer.storage import stored
    from explorer.study.retraining import with_data_at
    from explorer.tracking import TrackingError
    from explorer.tracking.firmware import log_firmware

    within(config)
    target = choice(config, "target", "tflm", "litert")
    levels = levels_of(config)
    record = with_data_at(stored.load(config.storage, config.study), plain(config.data), config.metric)
    trial = selection.find(record, str(config.trial), config.within)
    board = board_of(config, record)
    weights = weights_of(config, record, trial)
    codes = codes_of(config, weights)
    whole = levels == MOST_LEVELS and codes is None
    if whole:
        check_fits(board, trial)
    console = open_console()
    folder = Path(str(config.output or f"firmware/{record.name}-{trial.number}"))
    with claimed(folder, overwrite=flag(config, "overwrite")) as staging:
        with working("quantizing, running the file in TFLite Micro"):
            made, accuracy = _made(record, trial, board, weights, codes, target, levels)
        for name, content in made.files.items():
            (staging / name).write_bytes(content)
    console.print(f"trial {trial.number} for {board.words}: {accuracy}", highlight=False)
    left = board.limits
    known = ", as predicted" if whole and target == "tflm" else ""
    held = f"{made.head:,} of activations{'' if whole else ' and unpacked weights'}"
    source = "as predicted and as TFLite Micro's allocator says"
    console.print(f"flash {made.flash:,} of {left['flash']:,} bytes{known}", highlight=False)
    console.print(f"arena {made.arena:,} of {left['ram']:,} bytes ({held}), {source}", highlight=False)
    if made.npu is not None:
        console.print(f"{board.npu}: {made.npu.words}", highlight=False)
    elif board.npu is not None:
        missing = "pip install 'explorer[vela]' compiles the file for it"
        console.print(f"{board.npu}: {missing}", highlight=False, markup=False)
    try:
        log_firmware(record, trial, folder, sorted(made.files), str(config.tracking))
    except TrackingError as error:
        console.print(f"not logged to MLflow: {error}", style="yellow", highlight=False)
    console.print(f"saved in {folder}; README.md says where each file goes", highlight=False, markup=False)
    return 0


def _made(
    record: StudyRecord,
    trial: TrialRecord,
    board: Board,
    weights: str,
    codes: dict[str, Tensor] | None,
    target: str,
    levels: int,
) -> tuple[Firmware, str]:
    """The files, and how well the network does in int8, in words."""
    import torch

    from explorer import data as datasets
    from explorer.arch import Architecture
    from explorer.cli.options import ConfigError
    from explorer.int8.firmware import Test, firmware
    from explorer.results.metric import metric_of
    from explorer.training.int8 import answers, quantized, test_image
    from explorer.training.metric import Metric
    from explorer.training.transfer import trained_network

    torch.set_num_threads(1)
    data = datasets.load(record.config["data"])
    trained = trained_network(weights, "weights")
    architecture = Architecture.from_json(trial.architecture)
    if (given := trained.architecture.identity) != trial.identity:
        raise ConfigError(f"weights={weights} are of network {given}, trial {trial.number} is {trial.identity}")
    for name, each in (codes or {}).items():
        kept = trained.state_dict().get(f"{name}.weight")
        if kept is None or kept.shape != each.shape:
            of_weights = "none" if kept is None else f"of shape {tuple(kept.shape)}"
            raise ConfigError(
                f"weights={weights}: codes of {name} are {tuple(each.shape)}, its weights are {of_weights}"
            )
    network, image = quantized(architecture, trained.state_dict(), data, levels, codes)
    metric = Metric(metric_of(record.config), data.classes)
    value = metric(*answers(network, image, data, "val"))
    reached = f"val_int8_{metric.name} {value:.4f}"
    before = f"{record.metric} {trial.accuracy:.4f}"
    reached += ", as in the search" if before == reached else f", {before} in the search"
    picture, label = test_image(data, image, network)
    about = {
        "network": f"study {record.name}, trial {trial.number}, {trial.params:,} parameters, {trial.identity}",
        "input": image.words(network, data.preparation_facts()),
        "accuracy": reached,
    }
    return firmware(network, board, Test(picture, label), data.class_names, about, target), reached


if __name__ == "__main__":
    from explorer.cli.config import command

    command("firmware", main, bare="trial")
