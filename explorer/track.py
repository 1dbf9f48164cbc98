"""python -m explorer.track: rebuilds a study's MLflow experiment from the study and its compressed networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.console import open_console
    from explorer.cli.progress import working
    from explorer.storage import attributes, stored
    from explorer.tracking import log_retrain_folders, mirror
    from explorer.tracking.compressed import log_results
    from explorer.tracking.registry import registry_words

    console = open_console()
    record = stored.load(config.storage, config.study)
    with working(f"study {record.name}: {len(record.trials)} trials to MLflow"):
        mirror(record, config.tracking)
        retrained = log_retrain_folders(record, Path(str(config.retrained)), config.tracking)
        compressed = attributes.compressed(config.storage, record.name)
        bare = log_results(record, compressed, Path(str(config.compressed)), config.tracking)
    console.print(f"study {record.name}: {len(record.trials)} trials are in MLflow", highlight=False)
    if compressed:
        lost = f", {bare} without files, which are not in {config.compressed}" if bare else ""
        console.print(f"{len(compressed)} compressed networks are there too{lost}", highlight=False)
    if retrained:
        console.print(f"retrained, in {registry_words()} too: {', '.join(retrained)}", highlight=False)
    return 0


if __name__ == "__main__":
    from explorer.cli.config import command

    command("track", main)
