"""python -m explorer.stop TRIAL: ends one trial of a search that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.options import ConfigError
    from explorer.storage import requests, stored

    record = stored.load(str(config.storage), config.study)
    running = {trial.number: trial for trial in record.trials if trial.state == "RUNNING"}
    number = next((number for number in running if str(number) == str(config.trial)), None)
    if number is None:
        numbers = ", ".join(map(str, running)) or "none does"
        raise ConfigError(f"trial is {config.trial}, expected one of study {record.name} that runs: {numbers}")
    requests.stop(str(config.storage), record.name, number)
    print(f"trial {number} of study {record.name} stops at its next rung")
    return 0


if __name__ == "__main__":
    from explorer.cli.config import command

    command("stop", main, bare="trial")
