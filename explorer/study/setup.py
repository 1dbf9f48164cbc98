"""The controller of a search, made from its options: the study, its facts, its sampler."""

from __future__ import annotations

import secrets
import sys
from concurrent.futures import wait
from functools import partial
from math import isinf
from random import Random
from statistics import mean
from typing import Any

from explorer.arch import Architecture, Shape, tflite, totals
from explorer.arch.size import parse_all
from explorer.arch.totals import Predict
from explorer.launchers import Launcher
from explorer.results.metric import INT8, precision_of
from explorer.samplers import Proposer
from explorer.space import DesignSpace, SpaceError
from explorer.storage.same_study import check_config
from explorer.storage.stored import load, stored_attributes
from explorer.storage.study_store import StudyStore
from explorer.study import latencies
from explorer.study.controller import Controller
from explorer.study.earlier import start_from
from explorer.study.facts import Counted, ask_facts, read_elsewhere
from explorer.study.options import SearchOptions
from explorer.study.proposed import propose
from explorer.study.provenance import git_commit, versions
from explorer.training.precision import faster_precision
from explorer.training.recipe import AUTO

PROGRESS = "images.progress"
DRAWS = 32
"""Networks of which one of middling cost is timed in each precision."""


def controller(options: SearchOptions, launcher: Launcher, counted: Counted | None = None) -> Controller:
    """The controller of a study, which is created or goes on.

    Args:
        options: of the search.
        launcher: where its workers are.
        counted: see `ask_facts`.

    Raises:
        DataError, MetricError, SamplerError, SpaceError, StudyError: naming what is wrong. The study is made when
            all is well.
    """
    lag = len(launcher.slots) if options.deterministic else None
    config = dict(options.config)
    sizes = parse_all(config.get("size", "params"))
    proposer = Proposer(options.space, config["sampler"], config["seed"], lag, config["uniform"], len(sizes))
    stored, changed = stored_attributes(options.storage, options.study), dict[str, list[Any]]()
    automatic = config["recipe"].get("precision") == AUTO
    if stored is not None:
        if automatic and "precision" in stored["facts"]:
            config["recipe"] = config["recipe"] | {"precision": stored["facts"]["precision"]["precision"]}
        if "latency" in stored["config"]:  # it stays known where it is not asked for any more
            config.setdefault("latency", stored["config"]["latency"])
        changed = check_config(options.study, stored["config"], config, stored["facts"])
    earlier = None if options.start_from is None else load(options.storage, options.start_from)
    reading = read_elsewhere(launcher, config)
    facts = ask_facts(launcher, config, stored is None, options.folder / PROGRESS, counted)
    predict: Predict | None = None
    if stored is not None and "latency" in stored["facts"]:
        predict = latencies.known(
            stored["facts"]["latency"], options.latency_table, latencies.wanted(config) is not None
        )
    elif latencies.wanted(config):
        wait(reading)  # nothing shall run beside
        networks = latencies.drawn(
            options.space, tuple(facts["input_shape"]), int(facts["classes"]), options.timed_networks
        )
        timed = partial(counted or _unseen, things=latencies.TIMED)
        predict, facts["latency"] = latencies.timed(config["latency"], options.latency_table, networks, timed)
    if stored is None or changed:
        images, batch_size = int(facts["images"]["train"]), int(config["recipe"]["batch_size"])
        smallest = images // max(1, -(-images // batch_size))  # the batches of an epoch differ by an image at most
        options.space.check(tuple(facts["input_shape"]), facts["classes"], smallest, sizes, predict)
        if predict is not None:
            check_placed(options.space, tuple(facts["input_shape"]), facts["classes"], predict)
        if precision_of(config) == INT8 or "board" in config:
            check_operators(options.space, tuple(facts["input_shape"]), facts["classes"])
    if stored is None and automatic:
        network = middling(options.space, tuple(facts["input_shape"]), facts["classes"], config["seed"], predict)
        found = launcher.submit(0, faster_precision, network.to_json(), config["recipe"]).result()
        config["recipe"] = config["recipe"] | {"precision": found["precision"]}
        facts |= {"precision": found}
    tries = [
        propose(options.space, each, tuple(facts["input_shape"]), facts["classes"], predict) for each in options.tries
    ]
    facts |= {"versions": versions(), "git_commit": git_commit(), "key": secrets.token_hex(8)}
    store = StudyStore(options.storage, options.study, config, facts)
    if earlier is not None:
        said, proposed = start_from(earlier, store, options.space, predict)
        print(said, file=sys.stderr, flush=True)
        tries += proposed
    return Controller(
        store,
        options.space,
        proposer,
        options.stopping,
        launcher,
        options.budget,
        options.folder,
        options.timeout,
        reading,
        tries,
        predict,
    )


def _unseen(done: int, total: int, things: str = "") -> None:
    """Shows nothing."""


def check_operators(space: DesignSpace, input_shape: Shape, classes: int) -> None:
    """Raises SpaceError if TFLite Micro cannot run an anchor of a space, naming the layer."""
    for name in space.anchors:
        try:
            tflite.program(space.anchor(name, input_shape, classes))
        except tflite.OperatorError as error:
            raise SpaceError(f"space {space.name}: anchor {name} cannot run in int8: {error}; leave it out") from None


def check_placed(space: DesignSpace, input_shape: Shape, classes: int, predict: Predict) -> None:
    """Raises SpaceError if an NPU leaves operators of an anchor to the processor."""
    for name in space.anchors:
        if isinf(predict(space.anchor(name, input_shape, classes))):
            raise SpaceError(
                f"space {space.name}: anchor {name} has operators that the NPU leaves to the processor, so its "
                f"{predict.cost} are not known; leave it out"
            )


def middling(
    space: DesignSpace, input_shape: Shape, classes: int, seed: int, predict: Predict | None = None
) -> Architecture:
    """Of some random networks of a space that meet its limits, the one whose MACs are nearest to their mean.

    Where the limits are met too seldom, they are not heeded.
    """
    random = Random(seed)
    drawn = [space.architecture(space.sample(random), input_shape, classes) for _ in range(DRAWS)]
    counted = [(totals(network, predict), network) for network in drawn]
    allowed = [each for each in counted if space.over_limit(each[0]) is None] or counted
    middle = mean(costs.macs for costs, _ in allowed)
    return min(allowed, key=lambda each: abs(each[0].macs - middle))[1]
