"""python -m explorer.compress TARGET: a network of a study as a small file, and what is left of its accuracy."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.results.compressed import Compressed
from explorer.results.record import StudyRecord, TrialRecord

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.compression.deep import Plan
    from explorer.data.module import DataModule
    from explorer.training.network import Network

FRESH = 1000
"""Seeds beyond the study's start so far above them."""


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer.results import selection
    from explorer.storage import study_store

    _check(config)
    room = budget(config.budget)
    if config.weights is not None:
        from explorer.compression.given_weights import main as rounding

        return rounding(config, room)
    console = Console()
    record = study_store.load(config.storage, config.study)
    if config.trial == "front":
        return _front(config, record, console)
    trial = selection.find(record, str(config.trial), config.within)
    _compress(config, record, trial, Path(config.output or f"compressed/{record.name}-{trial.number}"), console)
    return 0


def budget(text: Any) -> int | None:
    """Bytes of a budget such as 20000, 20kB or 0.02MB.

    Raises:
        ConfigError: if it is none.
    """
    from explorer.cli.options import ConfigError

    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(|B|kB|MB)", str(text).replace("_", ""))
    count = round(float(match[1]) * {"": 1, "B": 1, "kB": 1_000, "MB": 1_000_000}[match[2]]) if match else 0
    if count < 1:
        raise ConfigError(f"budget is {text!r}, expected bytes such as 20kB or 0.02MB")
    return count


def _check(config: DictConfig) -> None:
    from explorer.cli.options import ConfigError, choice, positive, whole, within

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


def _plan(config: DictConfig, architecture: Architecture, epochs: int) -> tuple[Plan, str]:
    """How a network is compressed, and that in words."""
    from explorer.compression.deep import PAPER_BITS, Plan, paper_densities

    common = {"rounds": config.rounds, "epochs": config.epochs or 6 * epochs, "lr": float(config.lr)}
    if config.preset:
        bits = config.bits or PAPER_BITS
        return Plan(None, paper_densities(architecture), bits, **common), f"the paper's densities, {bits} bits"
    room = budget(config.budget)
    bits = f", {config.bits} bits" if config.bits else ""
    if room is not None:
        return Plan(room, None, config.bits, **common), f"{room} bytes{bits}"
    room = int(cost(architecture).bytes / config.ratio)
    words = f"up to {config.ratio:g} times smaller{bits}"
    return Plan(room, None, config.bits, tolerance=config.tolerance, **common), words


def _front(config: DictConfig, record: StudyRecord, console: Console) -> int:
    """Compresses every network on the front; 1 if none could be."""
    from explorer.compression.codec.coded import CompressionError
    from explorer.results.pareto import front_trials
    from explorer.storage import attributes

    folder, done = Path(config.output or "compressed"), 0
    for trial in front_trials(record):
        try:
            _compress(config, record, trial, folder / f"{record.name}-{trial.number}", console)
            done += 1
        except CompressionError as error:  # a network so small that its header is too large
            console.print(f"trial {trial.number}: not compressed, {error}", style="yellow", highlight=False)
    _show_front(record, attributes.compressed(config.storage, record.name), folder, console)
    return 0 if done else 1


def _compress(
    config: DictConfig, record: StudyRecord, trial: TrialRecord, folder: Path, console: Console
) -> Compressed:
    """Compresses a trial's network after each of its trainings, saves, stores and logs what was found."""
    import torch

    from explorer import data as datasets
    from explorer.storage import attributes
    from explorer.training import recipe as recipes

    torch.set_num_threads(1)  # as in a search: the same weights, and small networks gain nothing from more
    architecture = Architecture.from_json(trial.architecture)
    plan, words = _plan(config, architecture, record.config["epochs"])
    recipe = recipes.read(record.config["recipe"] | trial.adjusted)
    data = datasets.load(record.config["data"])
    fresh = [max(trial.seeds) + FRESH + k for k in range(config.seeds)]
    seeds = [*trial.seeds, *fresh][: config.seeds]
    console.print(f"trial {trial.number}: {trial.params:,} params, {trial.bytes:,} bytes in fp32", highlight=False)
    rows = []
    for seed in seeds:
        with console.status(f"seed {seed}: training"):
            trained, before = _trained(record, trial, seed, folder / "training" / str(seed))
            row = _one(architecture, trained, data, recipe, plan, seed, folder / f"{seed}.sqz", console)
        rows.append((*row[:2], before, row[2]))
        line = f"seed {seed}: {row[0]:,} bytes, {row[1]:,} weights, val_acc {before:.4f} -> {row[2]:.4f}"
        console.print(line, highlight=False)
    size, nonzero, before_all, after = zip(*rows, strict=True)
    found = Compressed(
        record.name, trial.number, trial.identity, words, trial.params, tuple(seeds),
        size, before_all, after, nonzero, data.images["val"],
    )  # fmt: skip
    console.print(f"trial {trial.number}: {found.words()}", highlight=False)
    (folder / "compressed.json").write_text(json.dumps(found.plain(), indent=1))
    attributes.keep_compressed(config.storage, found)
    _log(record, trial, found, folder, config.tracking, console)
    return found


def _trained(record: StudyRecord, trial: TrialRecord, seed: int, folder: Path) -> tuple[dict[str, Any], float]:
    """A network's weights after the study's training with a seed, and its val_acc; trained once, then kept."""
    from explorer.training.checkpoint import CheckpointError
    from explorer.training.job import Job, run, weights

    epochs, result = record.config["epochs"], folder / "val_acc.json"
    facts = {"identity": trial.identity, "recipe": record.config["recipe"] | trial.adjusted, "epochs": epochs}
    facts |= {"data": record.config["data"], "seed": seed}
    try:
        known = json.loads(result.read_text())
        if known["facts"] == json.loads(json.dumps(facts)):
            return weights(folder), float(known["val_acc"])
    except (OSError, ValueError, KeyError, CheckpointError):
        pass
    job = Job(trial.architecture, facts["recipe"], record.config["data"], seed, 0, epochs, epochs, str(folder))
    accuracy = run(job).curve[-1]["val_acc"]
    result.write_text(json.dumps({"facts": facts, "val_acc": accuracy}))
    return weights(folder), accuracy


def _one(
    architecture: Architecture,
    trained: dict[str, Any],
    data: DataModule,
    recipe: Any,
    plan: Plan,
    seed: int,
    file: Path,
    console: Console,
) -> tuple[int, int, float]:
    """Compresses one training's network: bytes of its file, nonzero weights, val_acc of what the file decodes to."""
    from explorer.compression import deep
    from explorer.compression.codec import container

    tensors = deep.compress(architecture, trained, data, recipe, plan, seed)
    size = container.write(file, architecture, tensors)
    decoded, values = container.read(file)
    nonzero = sum(int((value != 0).sum()) for name, value in values.items() if value.ndim > 1)
    return size, nonzero, accuracy(decoded, values, data)


def accuracy(architecture: Architecture, values: dict[str, Any], data: DataModule) -> float:
    """val_acc of the network that a file holds."""
    from rich.console import Console

    from explorer.evaluate import evaluate

    return evaluate(network(architecture, values), data, "val", Console(quiet=True)).top1


def network(architecture: Architecture, values: dict[str, Any]) -> Network:
    """The torch module with decoded tensors."""
    import torch

    from explorer.training.network import build

    made = build(architecture)
    made.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()}, strict=False)
    return made


def _log(
    record: StudyRecord, trial: TrialRecord, found: Compressed, folder: Path, tracking: str, console: Console
) -> None:
    """A child run of the trial's in MLflow; a tracker that is down costs a line, not the result."""
    from explorer.tracking import TrackingError
    from explorer.tracking.compressed import log_compressed

    try:
        log_compressed(record, trial, found, folder, tracking)
    except TrackingError as error:
        console.print(f"not logged to MLflow: {error}", style="yellow", highlight=False)


def _show_front(record: StudyRecord, found: list[Compressed], folder: Path, console: Console) -> None:
    """The front over bytes: a page, and in words whether compressing a larger network beats a smaller one."""
    from explorer.plots import compressed

    info = compressed.info(record, found)
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{record.name}.html"
    page.write_text(compressed.html(compressed.figure(info)))
    for line in compressed.verdict(info):
        console.print(line, highlight=False)
    console.print(f"{page} shows them", highlight=False)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("compress", main, bare="trial")
