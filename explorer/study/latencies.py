"""How long a space's networks take on a device: what is measured before the first trial, and predicted from it.

For size=cycles Vela is asked instead, for an NPU; the table is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from explorer.arch import Architecture, ArchitectureError, Shape
from explorer.arch.size import PREDICTED, SizeError, parse_all, shown, uses
from explorer.arch.totals import Predict
from explorer.results.pareto import front_trials
from explorer.results.record import StudyRecord
from explorer.space import DesignSpace, parse
from explorer.timing.conditions import VELA, Conditions, LatencyError, here, npu
from explorer.timing.measure import measure
from explorer.timing.predictor import Error, Predictor, error, rounded
from explorer.timing.table import Table

LEAST = 20
"""Networks of a space without which nothing is said of the others."""
TIMED = "networks timed"
UNITS = {"latency": "microseconds", "cycles": "cycles"}


def wanted(config: Mapping[str, Any]) -> str | None:
    """What of a study's size or limits is predicted, latency or cycles; None: nothing.

    Raises:
        SizeError: if both are.
    """
    limits, sizes = config["space"].get("limits") or {}, parse_all(config.get("size", "params"))
    names = [name for name in PREDICTED if uses(sizes, name) or name in limits]
    if len(names) > 1:
        raise SizeError("size and limits are of latency and of cycles, expected one of them")
    return names[0] if names else None


def drawn(space: DesignSpace, input_shape: Shape, classes: int, number: int) -> list[Architecture]:
    """The networks of a space that are timed: its anchors, and draws, the same ones each time; no one twice."""
    random, found = Random(0), dict[str, Architecture]()
    for name in space.anchors:
        network = space.anchor(name, input_shape, classes)
        found[network.identity] = network
    for _ in range(10 * number):
        if len(found) >= number:
            break
        with suppress(ArchitectureError):  # the space's check names it
            network = space.architecture(space.sample(random), input_shape, classes)
            found.setdefault(network.identity, network)
    return list(found.values())


def measure_missing(
    table: Table, conditions: Conditions, networks: Sequence[Architecture], done: Callable[[int, int], None]
) -> None:
    """Times networks that a table does not have yet, on this machine; each is kept as it is done."""
    known = {each.architecture.identity for each in table.networks(conditions)}
    missing = [network for network in networks if network.identity not in known]
    for i, network in enumerate(missing):
        done(i, len(missing))
        table.add(conditions, measure(network, conditions))


def known(facts: Mapping[str, Any], table: Path, needed: bool) -> Predict | None:
    """What predicts latencies for a study that goes on: the same as when it was made.

    Args:
        facts: what `timed` has given for it.
        table: the file.
        needed: whether they are asked for still.

    Raises:
        LatencyError: if the table has not what they were made from, and they are needed.
    """
    conditions, count = Conditions(**facts["conditions"]), int(facts["networks"])
    measured = Table(table).networks(conditions, count)
    if len(measured) == count:
        return Predictor(measured, conditions.runtime)
    if not needed:
        return None
    raise LatencyError(
        f"latency.table {table} has {len(measured)} of the {count} networks that the study's latencies come "
        f"from ({conditions.words}); expected the file that it was made with"
    )


def timed(
    settings: Mapping[str, Any], table: Path, networks: Sequence[Architecture], done: Callable[[int, int], None]
) -> tuple[Predict, dict[str, Any]]:
    """What predicts latencies for a study that is made.

    Args:
        settings: runtime, precision, threads, and device: null for this machine, or one that the table has.
        table: the file.
        networks: of the space, that are timed where the table lacks them and the device is this machine.
        done: called with how many networks are timed, and of how many.

    Returns:
        The prediction, and what the study keeps of it: conditions, the number of networks it is made from, its error.

    Raises:
        LatencyError: if the table lacks what is needed.
    """
    held = Table(table)
    conditions = _conditions(settings, held)
    if conditions.here:
        measure_missing(held, conditions, networks, done)
    measured, alike = held.networks(conditions), held.of(networks, conditions)
    if len(alike) < LEAST:
        raise LatencyError(
            f"latency.table {table} has {len(alike)} networks of this space for {conditions.words}, expected {LEAST} "
            "at least; measure them there with python -m explorer.latency table, and bring the file"
        )
    off = error(alike, conditions.runtime)
    facts = {"conditions": asdict(conditions), "networks": len(measured), "error": asdict(off)}
    return Predictor(measured, conditions.runtime), facts


def _conditions(settings: Mapping[str, Any], table: Table) -> Conditions:
    runtime, precision, threads = str(settings["runtime"]), str(settings["precision"]), int(settings["threads"])
    if runtime == VELA:
        return npu(str(settings["device"]))
    local = here(runtime, precision, threads)
    if settings["device"] in (None, local.device):
        return local
    held = [each for each, _ in table.conditions()]
    wanted = (str(settings["device"]), runtime, precision, threads)
    found = [each for each in held if (each.device, each.runtime, each.precision, each.threads) == wanted]
    if not found:
        has = "; ".join(each.words for each in held) or "nothing"
        raise LatencyError(
            f"latency.device is {settings['device']!r} ({runtime}, {precision}, threads={threads}), "
            f"but {table.path} has {has}; this machine is {local.device!r}"
        )
    return max(found, key=lambda each: [int(part) for part in each.version.split(".") if part.isdigit()])


def with_latencies(
    record: StudyRecord, settings: Mapping[str, Any], table: Path, number: int, done: Callable[[int, int], None]
) -> StudyRecord:
    """A study that was searched without latencies, with them: measured ones where the table has them, else predicted.

    Args:
        record: the study.
        settings, table, done: see `timed`.
        number: how many of its networks are timed, where the table lacks them and the device is this machine. Where it
            has fewer, others of its space are.

    Raises:
        LatencyError: if the table lacks what is needed.
    """
    trained = {trial.identity: Architecture.from_json(trial.architecture) for trial in record.trials}
    others = drawn(parse(record.name, record.config["space"]), *_maps(record), max(number, LEAST))
    networks = list((trained | {network.identity: network for network in others}).values())
    chosen = networks if settings["device"] else networks[:number]
    predict, facts = timed(settings, table, chosen, done)
    spent = {
        network.architecture.identity: rounded(network.took)
        for network in Table(table).networks(Conditions(**facts["conditions"]))
    }
    by = {identity: spent.get(identity) or predict(network) for identity, network in trained.items()}
    trials = tuple(replace(trial, predicted={predict.cost: by[trial.identity]}) for trial in record.trials)
    return replace(record, facts=record.facts | {"latency": facts}, trials=trials)


def confirmed(record: StudyRecord, table: Path, done: Callable[[int, int], None]) -> list[str]:
    """Times the front of a study that was searched with latencies, where the table lacks it, with nothing beside.

    The table keeps them, for later studies; the sizes of this one stay what they were predicted to be.

    Returns:
        How far they are from what was predicted, and a line for each that is beyond the limit. Nothing for another
        device.
    """
    conditions = Conditions(**record.facts["latency"]["conditions"])
    front = [trial for trial in front_trials(record) if trial.predicted]
    if not conditions.here or not front:
        return []
    cost = conditions.cost
    networks = [Architecture.from_json(trial.architecture) for trial in front]
    held = Table(table)
    measure_missing(held, conditions, networks, done)
    spent = {each.architecture.identity: each.took for each in held.of(networks, conditions)}
    took = [(trial, rounded(spent[trial.identity])) for trial in front]
    off = [abs(trial.predicted[cost] / measured - 1) for trial, measured in took]
    limit = record.config["space"].get("limits", {}).get(cost, math.inf)
    how = "as Vela says" if conditions.runtime == VELA else "measured"
    return [
        f"{cost} of the front, {how}: predictions are off by {median(off):.1%} (median), {max(off):.1%} at most",
        *(
            f"trial {trial.number} takes {shown(measured)} {UNITS[cost]}, predicted {shown(trial.predicted[cost])}: "
            f"above the limit of {shown(limit)}"
            for trial, measured in took
            if measured > limit and not trial.anchor
        ),
    ]


def _maps(record: StudyRecord) -> tuple[Shape, int]:
    """What the networks of a study are given, and into how many classes they sort it."""
    channels, height, width = record.facts["input_shape"]
    return (channels, height, width), int(record.facts["classes"])


def in_words(facts: Mapping[str, Any]) -> str:
    """For whom latencies are predicted, from what, and how well."""
    conditions, off = Conditions(**facts["conditions"]), Error(**facts["error"])
    made = f"from {facts['networks']} networks {'compiled' if conditions.runtime == VELA else 'timed there'}"
    return f"{conditions.cost}: predicted for {conditions.words}, {made}; {off.words}"
