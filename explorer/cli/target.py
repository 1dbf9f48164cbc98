"""The network that a word on the command line names: a published one, a file, a trial of a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, ArchitectureError, architecture
from explorer.arch.families import named
from explorer.arch.size import PREDICTED, parse_all, uses
from explorer.cli.options import ConfigError, Options

if TYPE_CHECKING:
    from explorer.results.record import StudyRecord


def resolve(target: str, input_shape: Any, classes: Any, storage: str, study: str | None) -> Architecture:
    """The architecture that a target names: a published network, a file, or a trial of a study.

    Raises:
        ArchitectureError, StudyError, TargetError, ConfigError: if there is none.
    """
    if target in named():
        shape = [3, 227, 227] if input_shape is None else input_shape
        if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and n > 0 for n in shape)):
            raise ConfigError(f"input is {shape!r}, expected [channels, height, width] such as [3,227,227]")
        count = 1000 if classes is None else classes
        if type(count) is not int or count < 1:
            raise ConfigError(f"classes is {count!r}, expected a whole number of at least 1")
        return architecture(target, (shape[0], shape[1], shape[2]), count)
    if input_shape is not None or classes is not None:
        raise ConfigError(f"input and classes go with a published network ({', '.join(named())}), {target} has its own")
    if target.endswith(".json"):
        return Architecture.read(target)
    from explorer.results import selection
    from explorer.storage import stored

    if (
        not target.isdigit()
        and target not in selection.WORDS
        and not Path("study.db").exists()
        and storage == "sqlite:///study.db"
    ):
        raise ArchitectureError(
            f"network is {target!r}, expected one of {', '.join(named())}, a trial of a study or a .json file"
        )
    return Architecture.from_json(selection.find(stored.load(storage, study), target).architecture)


def compared(config: Options, key: str, record: StudyRecord) -> StudyRecord | None:
    """The study that another is compared with: the options KEY and KEY_storage, beside `storage`.

    Raises:
        StudyError, ConfigError: if there is none, if it is the study itself, or if it maximises another metric.
    """
    from explorer.storage import stored

    name, elsewhere, storage = config[key], config[f"{key}_storage"], str(config["storage"])
    if name is None:
        if elsewhere is not None:
            raise ConfigError(f"{key}_storage is given, but no study: {key}=NAME")
        return None
    if str(name) == record.name and str(elsewhere or storage) == storage:
        raise ConfigError(f"{key} is {name}, the study itself; expected another, or another {key}_storage")
    other = stored.load(str(elsewhere or storage), str(name))
    if other.metric != record.metric:
        both = f"study {record.name} maximises {record.metric}, {other.name} {other.metric}"
        raise ConfigError(f"{both}: they cannot be compared; expected two of one metric")
    return _by_size(other, record.size_name, config)


def looked_at(record: StudyRecord, config: Options) -> StudyRecord:
    """A study by the option `size`: as it was made, or by another size, or two.

    Raises:
        SizeError: if there is none of that name.
        LatencyError: if it is about latency and the table lacks what is needed.
    """
    return record if config["size"] is None else _by_size(record, config["size"], config)


def _by_size(record: StudyRecord, name: object, config: Options) -> StudyRecord:
    asked = [cost for cost in PREDICTED if uses(parse_all(name), cost)]
    if asked and not all(cost in trial.predicted for trial in record.trials for cost in asked):
        from explorer.cli.latency_options import latency_options
        from explorer.cli.progress import counting
        from explorer.study.latencies import TIMED, in_words, with_latencies

        options = latency_options(config, asked[-1], record.board)
        with counting("predicting latencies", TIMED) as counted:
            record = with_latencies(record, options.conditions, options.table, options.networks, counted)
        print(in_words(record.facts["latency"]), file=sys.stderr)
    return record.by_size(name)
