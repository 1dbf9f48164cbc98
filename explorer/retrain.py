"""python -m explorer.retrain TARGET: gets a network of a study back, bit for bit, and says what it is worth."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.results.record import StudyRecord, TrialRecord
    from explorer.results.retrained import Retrained


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer import launchers
    from explorer.cli import retrained
    from explorer.cli.claimed_folder import claimed
    from explorer.cli.config import plain
    from explorer.cli.console import open_console
    from explorer.cli.options import ConfigError, flag, whole, within
    from explorer.cli.progress import steps, working
    from explorer.results import selection
    from explorer.storage import stored
    from explorer.study import retraining
    from explorer.training import files
    from explorer.training.onnx_int8 import LEAST_PARAMS

    count = whole(config, "seeds", 1)
    within(config)
    flag(config, "overwrite")
    asked = {f"onnx.{key}": value for key, value in config.onnx.items()}
    batch = None if asked["onnx.batch"] is None else whole(asked, "onnx.batch", 1)
    raw, int8, words = flag(asked, "onnx.raw"), flag(asked, "onnx.int8"), ""
    onnx = {"raw": raw, "batch": batch}
    record = retraining.with_data_at(stored.load(config.storage, config.study), plain(config.data), config.metric)
    trial = selection.find(record, str(config.trial), config.within)
    if int8 and trial.params < LEAST_PARAMS:
        raise ConfigError(
            f"onnx.int8=true: trial {trial.number} has {trial.params:,} params, expected {LEAST_PARAMS:,} at least: "
            "a smaller network is larger in int8 ONNX than in fp32"
        )
    folder = Path(config.output or f"retrained/{record.name}-{trial.number}")
    console = open_console()
    retrained.announce(console, record, trial)
    seeds = retraining.fresh_seeds(trial, count)
    with (
        claimed(folder, overwrite=config.overwrite, earlier=(files.OUTCOME, retraining.CHECKPOINTS)) as staging,
        closing(launchers.make(plain(config.launcher))) as launcher,
    ):
        with working("reading the data"):
            facts = retraining.check_data(record, launcher)
        with steps("training", len(trial.seeds) + len(seeds)) as done:
            result = retraining.retrain(record, trial, seeds, staging, launcher, facts, done)
        with working("writing weights and ONNX"):
            difference = retraining.save(record, trial, result, staging, facts, onnx)
            words = retraining.save_int8(record, trial, result, staging, facts, raw) if int8 else ""
            retrained.draw_confusion(record, trial, result, staging)
    _log(record, trial, result, folder, config.tracking, console)
    retrained.show(console, record, trial, result, folder, difference)
    if words:
        console.print(words, highlight=False)
    return 0 if result.reproduced else 1


def _log(
    record: StudyRecord, trial: TrialRecord, result: Retrained, folder: Path, tracking: str, console: Console
) -> None:
    """Logs an MLflow run beside the trial's, and a model; if the server is down, a line says so."""
    from explorer.cli.progress import working
    from explorer.tracking import TrackingError, log_retrain
    from explorer.tracking.registry import registry_words

    try:
        with working("logging to MLflow"):
            version = log_retrain(record, trial, asdict(result) | {"reproduced": result.reproduced}, folder, tracking)
    except TrackingError as error:
        console.print(f"not logged to MLflow: {error}", style="yellow", highlight=False)
        return
    console.print(f"in {registry_words()}: models:/{record.name}/{version}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("retrain", main, bare="trial")
