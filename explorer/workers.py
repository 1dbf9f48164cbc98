"""python -m explorer.workers DEVICES: the devices of a search that runs, more of them or fewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.config import plain
    from explorer.cli.options import ConfigError
    from explorer.launchers import devices_file
    from explorer.storage import stored
    from explorer.storage.lock import at_work

    given = plain(config.devices)
    words = map(str, given if isinstance(given, list) else [given])
    devices: list[int | str] = [int(word) if word.isdigit() else word for word in words]
    record = stored.load(str(config.storage), config.study)
    folder = Path(str(config.runs)) / record.name
    if not at_work(folder):
        raise ConfigError(f"no search is at work on {folder}; at a start launcher.devices= says where it trains")
    devices_file.write(folder, devices)
    print(f"study {record.name} trains on {', '.join(map(str, devices))}; a device that is freed ends its rung first")
    return 0


if __name__ == "__main__":
    from explorer.cli.config import command

    command("workers", main, bare="devices")
