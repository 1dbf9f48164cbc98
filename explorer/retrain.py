"""python -m explorer.retrain TARGET: gets a network of a study back, bit for bit, and says what it is worth."""

from __future__ import annotations

import json
from concurrent.futures import wait
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.results.record import StudyRecord, TrialRecord
from explorer.results.retrained import Outcome, luck_words, model_card, test_words

if TYPE_CHECKING:
    from concurrent.futures import Future

    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.launchers import Launcher

FRESH = 1000
"""Fresh seeds start so far above the study's."""


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer import launchers
    from explorer.cli.config import plain
    from explorer.cli.options import whole, within
    from explorer.cli.progress import working
    from explorer.results import selection
    from explorer.storage import study_store

    seeds = whole(config, "seeds", 1)
    within(config)
    record = study_store.load(config.storage, config.study)
    trial = selection.find(record, str(config.trial), config.within)
    folder = Path(config.output or f"retrained/{record.name}-{trial.number}")
    console = Console()
    console.print(
        f"study {record.name}, trial {trial.number}: val_acc {trial.accuracy:.4f}, {trial.params:,} params",
        highlight=False,
    )
    launcher = launchers.make(plain(config.launcher))
    try:
        outcome = retrain(record, trial, seeds, folder, launcher)
    finally:
        launcher.close()
    with working("writing weights and ONNX"):
        difference = _save(record, trial, outcome, folder)
    _log(record, trial, outcome, folder, config.tracking, console)
    _report(console, record, trial, outcome, folder, difference)
    return 0 if outcome.reproduced else 1


def retrain(record: StudyRecord, trial: TrialRecord, seeds: int, folder: Path, launcher: Launcher) -> Outcome:
    """Trains the recorded seeds again on train, and fresh seeds on train and val; measures the latter on test."""
    architecture = Architecture.from_json(trial.architecture)
    fresh = tuple(max(trial.seeds) + FRESH + k for k in range(seeds))
    jobs = [_job(record, trial, seed, "train", folder / "training" / f"recorded_{seed}") for seed in trial.seeds]
    jobs += [_job(record, trial, seed, "trainval", folder / "training" / f"fresh_{seed}") for seed in fresh]
    results = _train_all(jobs, launcher)
    recorded, others = results[: len(trial.seeds)], results[len(trial.seeds) :]
    return Outcome(
        study=record.name,
        trial=trial.number,
        identity=trial.identity,
        params=trial.params,
        recorded=trial.accuracies,
        again=tuple(result["curve"][-1]["val_acc"] for result in recorded),
        recorded_device=trial.device,
        device=recorded[0]["device"],
        same_params=cost(architecture).params == trial.params,
        same_identity=_rebuilt(record, trial).identity == trial.identity,
        seeds=fresh,
        test_acc=tuple(result["curve"][-1]["test_acc"] for result in others),
        test_images=int(record.facts["images"]["test"]),
    )


def _rebuilt(record: StudyRecord, trial: TrialRecord) -> Architecture:
    """The network built anew from the space and the metaparameters, not from the stored architecture."""
    from explorer.space import parse

    space = parse(record.name, record.config["space"])
    channels, height, width = record.facts["input_shape"]
    shape, classes = (channels, height, width), record.facts["classes"]
    if trial.anchor is not None:
        return space.anchor(trial.anchor, shape, classes)
    return space.architecture(trial.metaparameters, shape, classes)


def _job(record: StudyRecord, trial: TrialRecord, seed: int, split: str, folder: Path) -> dict[str, Any]:
    return {
        "architecture": trial.architecture,
        "recipe": record.config["recipe"] | trial.adjusted,
        "data": record.config["data"],
        "seed": seed,
        "first_epoch": 0,
        "last_epoch": record.config["epochs"],
        "epochs": record.config["epochs"],
        "folder": str(folder),
        "split": split,
    }


def _train_all(jobs: list[dict[str, Any]], launcher: Launcher) -> list[dict[str, Any]]:
    """Results of the jobs, in their order, trained on all slots."""
    from explorer.cli.progress import steps
    from explorer.launchers import WorkerDied
    from explorer.study.recovery import TRIES
    from explorer.training.worker import train

    tries = [0] * len(jobs)
    free = list(range(len(launcher.slots)))
    pending: dict[Future[dict[str, Any]], tuple[int, int]] = {}
    results: dict[int, dict[str, Any]] = {}
    waiting = list(enumerate(jobs))
    with steps("training", len(jobs)) as advance:
        while waiting or pending:
            while waiting and free:
                i, job = waiting.pop(0)
                slot = free.pop(0)
                pending[launcher.submit(slot, train, job)] = (i, slot)
            done, _ = wait(pending, return_when="FIRST_COMPLETED")
            for future in done:
                i, slot = pending.pop(future)
                free.append(slot)
                tries[i] += 1
                if isinstance(future.exception(), WorkerDied) and tries[i] < TRIES:
                    waiting.append((i, jobs[i]))
                    continue
                results[i] = future.result()
                advance(1)
    return [results[i] for i in range(len(jobs))]


def _save(record: StudyRecord, trial: TrialRecord, outcome: Outcome, folder: Path) -> float:
    """Writes the network of the first fresh seed, which no test result chose, and all that is known of it."""
    import yaml

    from explorer.training.export import save
    from explorer.training.job import weights

    trained = weights(folder / "training" / f"fresh_{outcome.seeds[0]}")
    difference = save(Architecture.from_json(trial.architecture), trained, folder)
    config = {"study": record.name, "trial": trial.number, "metaparameters": trial.metaparameters, **record.config}
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "outcome.json").write_text(json.dumps(asdict(outcome), indent=1))
    (folder / "MODEL_CARD.md").write_text(model_card(record, trial, outcome, difference))
    return difference


def _log(
    record: StudyRecord, trial: TrialRecord, outcome: Outcome, folder: Path, tracking: str, console: Console
) -> None:
    """Logs an MLflow run beside the trial's and a model; a tracker that is down costs a line, not the result."""
    from explorer.cli.progress import working
    from explorer.tracking import TrackingError, log_retrain

    found = asdict(outcome) | {"reproduced": outcome.reproduced}
    try:
        with working("logging to MLflow"):
            version = log_retrain(record, trial, found, folder, tracking)
    except TrackingError as error:
        console.print(f"not logged to MLflow: {error}", style="yellow", highlight=False)
        return
    console.print(f"in MLflow's registry: models:/{record.name}/{version}", highlight=False)


def _report(
    console: Console, record: StudyRecord, trial: TrialRecord, outcome: Outcome, folder: Path, difference: float
) -> None:
    for seed, recorded, again in zip(trial.seeds, outcome.recorded, outcome.again, strict=True):
        same = "the same" if recorded == again else f"NOT the recorded {recorded!r}"
        console.print(f"seed {seed}: val_acc {again!r}, {same}", highlight=False)
    if outcome.reproduced:
        console.print(
            f"reproduced exactly: val_acc, {outcome.params:,} params, identity {outcome.identity}",
            style="green",
            highlight=False,
        )
    else:
        elsewhere = outcome.device != outcome.recorded_device
        why = f"; the study ran on {outcome.recorded_device}, this is {outcome.device}" if elsewhere else ""
        console.print(f"NOT reproduced{why}", style="red", highlight=False)
    console.print(f"test_acc {test_words(outcome)}", highlight=False)
    console.print(luck_words(record, outcome), highlight=False)
    console.print(f"ONNX equals torch within {difference:.1e} of the logits' scale", highlight=False)
    console.print(f"saved in {folder}", highlight=False)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("retrain", main, bare="trial")
