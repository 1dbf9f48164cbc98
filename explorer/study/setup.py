"""The controller of a search, made from its options: the study, its facts, its sampler."""

from __future__ import annotations

import secrets

from explorer.arch.size import parse
from explorer.launchers import Launcher
from explorer.samplers import Proposer
from explorer.storage.same_study import check_config
from explorer.storage.study_store import StudyStore, stored_attributes
from explorer.study.controller import Controller
from explorer.study.facts import Counted, ask_facts, read_elsewhere
from explorer.study.options import SearchOptions
from explorer.study.provenance import git_commit, versions

PROGRESS = "images.progress"


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
    config = options.config
    proposer = Proposer(options.space, config["sampler"], config["seed"], lag, config["uniform"])
    stored = stored_attributes(options.storage, options.study)
    if stored is not None:
        check_config(options.study, stored["config"], config, stored["facts"])
    reading = read_elsewhere(launcher, config)
    facts = ask_facts(launcher, config, stored is None, options.folder / PROGRESS, counted)
    if stored is None:
        images, batch_size = int(facts["images"]["train"]), int(config["recipe"]["batch_size"])
        smallest = images // max(1, -(-images // batch_size))  # the batches of an epoch differ by an image at most
        options.space.check(
            tuple(facts["input_shape"]), facts["classes"], smallest, parse(config.get("size", "params"))
        )
    facts |= {"versions": versions(), "git_commit": git_commit(), "key": secrets.token_hex(8)}
    store = StudyStore(options.storage, options.study, config, facts)
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
    )
