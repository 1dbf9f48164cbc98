"""The controller of a search, made from its options: the study, its facts, its sampler."""

from __future__ import annotations

from explorer.launchers import Launcher
from explorer.samplers import Proposer
from explorer.storage.study_store import StudyStore, stored_facts
from explorer.study.controller import Controller
from explorer.study.facts import ask_facts
from explorer.study.options import SearchOptions
from explorer.study.provenance import git_commit, versions


def controller(options: SearchOptions, launcher: Launcher) -> Controller:
    """The controller of a study, which is created or goes on.

    Raises:
        SamplerError, SpaceError, StudyError: naming what is wrong.
    """
    lag = len(launcher.slots) if options.deterministic else None
    config = options.config
    proposer = Proposer(options.space, config["sampler"], config["seed"], lag, config["uniform"])
    facts, reading = stored_facts(options.storage, options.study), None
    if facts is None:
        facts, reading = ask_facts(launcher, config["data"])
        options.space.check(tuple(facts["input_shape"]), facts["classes"])
        facts |= {"versions": versions(), "git_commit": git_commit()}
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
