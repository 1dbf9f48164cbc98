"""python -m explorer.paper: the paper's tables and figures beside what is counted and what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.reproduction.compression import Measured

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.cli.config import plain, write
    from explorer.cli.options import choice, refuse
    from explorer.cli.progress import working
    from explorer.cli.terminal import open_console
    from explorer.reproduction import page, sheets, text
    from explorer.reproduction.caveat import caveat
    from explorer.reproduction.sweeps import PARAMETERS

    choice(config, "format", "table", "markdown")
    names = plain(config.studies)
    if not isinstance(names, dict) or set(names) != set(PARAMETERS):
        refuse("studies", names, f"a name for each of {', '.join(PARAMETERS)}")
    output = None if config.output is None else Path(str(config.output))
    with working("reading the sweeps, counting, drawing", plain=False):
        studies = sheets.read(str(config.storage), names)
        every = sheets.build(studies, compressed(plain(config.table_2)))
        words = caveat(list(studies.values()))
        if output:
            write(output, page.html(every, words))
    if config.format == "markdown":
        print(text.markdown(every, words, config.pictures))
        return 0
    console = open_console()
    text.show(every, console)
    console.print(f"\n{words}", highlight=False)
    if output:
        console.print(f"{output} shows all of this with the figures", highlight=False)
    return 0


def compressed(options: dict[str, Any]) -> list[Measured]:
    """What ways of compressing came to, now or before: on given weights first, then as trained here on digits.

    Given weights are measured whenever they are named; on digits it is trained where nothing is kept. Both stay kept.

    Raises:
        ConfigError: if the options are not what they should be, or what was kept is no such file.
    """
    from explorer.cli.config import write
    from explorer.cli.options import refuse

    if not isinstance(options, dict) or set(options) != {"network", "weights", "images", "labels", "budget", "kept"}:
        refuse("table_2", options, "network, weights, images, labels, budget and kept")
    if options["network"] not in (None, "squeezenet_v1_0"):
        refuse("table_2.network", options["network"], "squeezenet_v1_0 or null")
    file = Path(str(options["kept"]))
    kept = _kept(file)
    if options["weights"] is not None or (options["network"] is not None and not kept):
        from rich.console import Console

        from explorer.cli.config import folder
        from explorer.reproduction.table_2 import measure

        new = measure(options, folder("conf"), Console(stderr=True, highlight=False).print)
        kept = [one for one in kept if bool(one["seeds"]) != bool(new["seeds"])] + [new]
        write(file, json.dumps(kept, indent=1))
    return sorted((Measured.read(one) for one in kept), key=lambda one: one.trained)


def _kept(file: Path) -> list[dict[str, Any]]:
    """What the file holds, if it is there."""
    from explorer.cli.options import ConfigError

    if not file.is_file():
        return []
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(kept, list):
            raise ValueError("not a list")
        for one in kept:
            Measured.read(one)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"table_2.kept={file}: no file that this command wrote ({error})") from None
    return kept


if __name__ == "__main__":
    from explorer.cli.config import command

    command("paper", main)
