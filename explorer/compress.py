"""python -m explorer.compress TARGET: a network of a study as a small file, and what is left of its accuracy."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from explorer.arch import Architecture
from explorer.cli import compress_options as options
from explorer.cli.claimed_folder import claimed
from explorer.cli.config import command, plain
from explorer.cli.options import flag
from explorer.cli.output import check_file, write
from explorer.results.record import StudyRecord, TrialRecord
from explorer.training.evaluation import evaluate

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console
    from torch import nn

TRAININGS, MEMORY = "training", "memory.html"


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.console import open_console
    from explorer.results import selection
    from explorer.storage import stored
    from explorer.study.retraining import check_own_code

    options.check(config)
    console = open_console()
    if config.weights is not None:
        return _given(config, console)
    record = stored.load(config.storage, config.study)
    check_own_code(record, config.data.get("target"), config.metric)
    if config.trial == "front":
        return _front(config, record, console)
    trial = selection.find(record, str(config.trial), config.within)
    if config.trial == "smallest":
        best = selection.find(record, "best")
        console.print(
            f"smallest is trial {trial.number}: the least {record.size_name} whose {record.metric} "
            f"({trial.accuracy:.4f}) is within {config.within:g} of the best ({best.accuracy:.4f}); within= decides"
        )
    folder = Path(str(config.output or f"compressed/{record.name}-{trial.number}"))
    _compress(config, record, trial, folder, console)
    return 0


def _given(config: DictConfig, console: Console) -> int:
    """Compresses the weights in a file without training; evaluates them and what they became."""
    from explorer.cli.progress import steps
    from explorer.compression import given_weights

    budget, file = options.given_budget(config), Path(str(config.weights))
    given = given_weights.load(file, str(config.trial), plain(config.data))
    console.print("\n".join([f"{file.name}: {given.target}", *given.notes]))
    out = Path(str(config.output or f"compressed/{given.target}.{config.format}"))
    check_file(out, overwrite=flag(config, "overwrite"))
    decoded: nn.Module
    if config.format == "tflite":
        from explorer.compression import given_executed  # TFLite Micro is an extra

        _, ram = options.limits(config)
        decoded, words = given_executed.compress(given, budget, config.images, ram, out, console.print)
    else:
        decoded, words = given_weights.compress(given, budget, config.images, out, console.print)
    console.print(words)
    for name, network in (("given", given.network), ("decoded", decoded)):
        with steps(f"{name}: images", given.data.images[given.part]) as advance:
            scores = evaluate(network, given.data, given.part, advance)
        console.print(f"{name}: {scores.words()} ({scores.images} images, calibration's included)")
    return 0


def _front(config: DictConfig, record: StudyRecord, console: Console) -> int:
    """Compresses every network on the front, and shows the front over bytes; 1 if no network could be compressed."""
    from explorer.compression.codec.coded import CompressionError
    from explorer.plots import compressed as plot
    from explorer.results.pareto import front_trials
    from explorer.storage import attributes

    folder, done = Path(str(config.output or "compressed")), 0
    front = {trial.number: folder / f"{record.name}-{trial.number}" for trial in front_trials(record)}
    for place in front.values():
        with _claimed(config, place):
            pass
    page = folder / f"{record.name}.html"
    check_file(page, overwrite=flag(config, "overwrite"))
    for trial in front_trials(record):
        try:
            _compress(config, record, trial, front[trial.number], console)
            done += 1
        except CompressionError as error:  # a network so small that its header is too large
            console.print(f"trial {trial.number}: not compressed, {error}", style="yellow")
    info = plot.info(record, attributes.compressed(config.storage, record.name))
    write(page, plot.html(plot.figure(info)))
    console.print("\n".join([*plot.verdict(info), f"{page} shows them"]))
    return 0 if done else 1


def _compress(config: DictConfig, record: StudyRecord, trial: TrialRecord, folder: Path, console: Console) -> None:
    """Compresses a trial's network after each of its trainings; keeps the result with the study and in MLflow."""
    from rich.text import Text

    from explorer.compression.trial import TrialCompression
    from explorer.plots import memory
    from explorer.tracking import TrackingError, compressed

    settings, words = options.settings(
        config, Architecture.from_json(trial.architecture), record.config["epochs"], record.board
    )
    console.print(f"trial {trial.number}: {trial.params:,} params, {trial.bytes:,} bytes in fp32")
    results = {}
    with _claimed(config, folder) as staging:
        work = TrialCompression(record, trial, settings, folder / TRAININGS, staging)
        for seed in work.seeds(config.seeds):
            with console.status(Text(f"seed {seed}: training")):
                results[seed] = work.compress(seed)
            console.print(f"seed {seed}: {results[seed].words()}")
        first = next(iter(results.values())).memory
        if first:
            write(staging / MEMORY, memory.html(memory.figure(first, f"{record.name}, trial {trial.number}")))
        found = work.keep(results, words, config.storage)
    console.print(f"trial {trial.number}: {found.words()}")
    try:
        compressed.log_compressed(record, trial, found, folder, config.tracking)
    except TrackingError as error:  # a tracker that is down costs a line, not the result
        console.print(f"not logged to MLflow: {error}", style="yellow")


def _claimed(config: DictConfig, folder: Path) -> AbstractContextManager[Path]:
    """Holds the folder of a trial's compressed networks; what was trained below TRAININGS stays for the next try."""
    return claimed(folder, overwrite=flag(config, "overwrite"), earlier=("compressed.json", TRAININGS))


if __name__ == "__main__":
    command("compress", main, bare="trial")
