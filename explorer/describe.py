"""python -m explorer.describe TARGET: a network layer by layer, and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.arch import layer_table
    from explorer.arch.chain import chain
    from explorer.cli.config import plain, write
    from explorer.cli.options import choice
    from explorer.cli.target import resolve
    from explorer.plots import network as drawing

    choice(config, "format", "table", "json")
    target = str(config.target)
    network = resolve(target, plain(config.input), config.classes, config.storage, config.study)
    if config.format == "json":
        print(layer_table.as_json(network, target))
    else:
        print(layer_table.table(network, target))
        print(f"\n{drawing.text(chain(network))}")
    if config.svg is not None:
        write(Path(str(config.svg)), drawing.svg(chain(network), target), "svg")
    return 0


if __name__ == "__main__":
    from explorer.cli.config import command

    command("describe", main, bare="target")
