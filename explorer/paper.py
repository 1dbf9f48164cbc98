"""python -m explorer.paper: the paper's tables and figures beside what is counted and what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.plots.sweep import SweepInfo
from explorer.reproduction.compression import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig

    from explorer.reproduction.sheet import Sheet

DEFAULT_STORAGE = "sqlite:///study.db"


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer.cli.config import ConfigError, plain, write
    from explorer.cli.progress import working
    from explorer.reproduction import page, text
    from explorer.reproduction.caveat import caveat

    if config.format not in ("table", "markdown"):
        raise ConfigError(f"format is {config.format!r}, expected table or markdown")
    output = None if config.output is None else Path(str(config.output))
    with working("reading the sweeps, counting, drawing", plain=False):
        studies = read(str(config.storage), plain(config.studies))
        sheets = build(studies, ways(plain(config.table_2)))
        words = caveat(list(studies.values()))
        if output:
            write(output, page.html(sheets, words))
    if config.format == "markdown":
        print(text.markdown(sheets, words, config.pictures))
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    text.show(sheets, console)
    console.print(f"\n{words}", highlight=False)
    if output:
        console.print(f"{output} shows all of this with the figures", highlight=False)
    return 0


def read(storage: str, names: dict[str, str]) -> dict[str, SweepInfo | None]:
    """The sweeps that the storage holds, by metaparameter; None for one that is not there.

    Raises:
        StudyError: if the storage is not there, unless it is the default one, or cannot be read.
        SweepError, ConfigError: if a study or the names are not what they should be.
    """
    from explorer.cli.config import ConfigError
    from explorer.plots import sweep
    from explorer.reproduction.sweeps import PARAMETERS
    from explorer.storage import study_store
    from explorer.storage.patient import open_storage

    if not isinstance(names, dict) or set(names) != set(PARAMETERS):
        raise ConfigError(f"studies is {names!r}, expected a name for each of {', '.join(PARAMETERS)}")
    if storage == DEFAULT_STORAGE and not Path("study.db").exists():
        return dict.fromkeys(PARAMETERS)
    known = {study.study_name for study in open_storage(storage).get_all_studies()}
    return {
        parameter: sweep.info(study_store.load(storage, names[parameter]), parameter)
        if names[parameter] in known
        else None
        for parameter in PARAMETERS
    }


def ways(options: dict[str, Any]) -> list[Measured]:
    """What ways of compressing came to, now or before: on given weights first, then as trained here on digits.

    Given weights are measured whenever they are named; on digits it is trained where nothing is kept. Both stay kept.

    Raises:
        ConfigError: if the options are not what they should be, or what was kept is no such file.
    """
    from explorer.cli.config import ConfigError, write

    if not isinstance(options, dict) or set(options) != {"network", "weights", "images", "labels", "budget", "kept"}:
        raise ConfigError(f"table_2 is {options!r}, expected network, weights, images, labels, budget and kept")
    if options["network"] not in (None, "squeezenet_v1_0"):
        raise ConfigError(f"table_2.network is {options['network']!r}, expected squeezenet_v1_0 or null")
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
    from explorer.cli.config import ConfigError

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


def build(studies: dict[str, SweepInfo | None], measured: Sequence[Measured] = ()) -> list[Sheet]:
    """Every sheet, in the paper's order; `measured` are ways of compressing, where they were measured."""
    from explorer.reproduction import compression, sweeps, tables

    figure_3a, figure_3b, table_3, strategy_3 = sweeps.sheets(studies)
    alone = len(measured) == 1
    ways = [compression.sheet(each, alone) for each in measured]
    first = [tables.table_1(), tables.table_2(bool(measured)), *ways, figure_3a, figure_3b, table_3]
    return [*first, strategy_3, tables.macs(), tables.megabytes()]


if __name__ == "__main__":
    from explorer.cli.config import command

    command("paper", main)
