"""Every sheet of the paper, from the sweeps that a storage holds and what compressing came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from explorer.plots import sweep
from explorer.plots.sweep import SweepInfo
from explorer.reproduction import compression, sweeps, tables
from explorer.reproduction.compression import Measured
from explorer.reproduction.sheet import Sheet
from explorer.reproduction.sweeps import PARAMETERS
from explorer.storage import stored
from explorer.storage.patient import open_storage

DEFAULT_STORAGE = "sqlite:///study.db"


def read(storage: str, names: Mapping[str, str]) -> dict[str, SweepInfo | None]:
    """The sweeps that the storage holds, by metaparameter; None for one that is not there.

    Raises:
        StudyError: if the storage is not there, unless it is the default one, or cannot be read.
        SweepError: if a study is not what it should be.
    """
    if storage == DEFAULT_STORAGE and not Path("study.db").exists():
        return dict.fromkeys(PARAMETERS)
    known = {study.study_name for study in open_storage(storage).get_all_studies()}
    return {
        parameter: sweep.info(stored.load(storage, names[parameter]), parameter) if names[parameter] in known else None
        for parameter in PARAMETERS
    }


def build(studies: dict[str, SweepInfo | None], measured: Sequence[Measured] = ()) -> list[Sheet]:
    """Every sheet, in the paper's order; `measured` are ways of compressing, where they were measured."""
    figure_3a, figure_3b, table_3, strategy_3 = sweeps.sheets(studies)
    alone = len(measured) == 1
    ways = [compression.sheet(each, alone) for each in measured]
    first = [tables.table_1(), tables.table_2(bool(measured)), *ways, figure_3a, figure_3b, table_3]
    return [*first, strategy_3, tables.macs(), tables.megabytes()]
