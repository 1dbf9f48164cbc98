"""python -m explorer.search +space=NAME: searches a design space."""

from __future__ import annotations

import math
import os
import re
import signal
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.results.budget import Budget
from explorer.space import DesignSpace
from explorer.study.stopping import Stopping

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.launchers import Launcher
    from explorer.study.controller import Controller
    from explorer.tracking import Tracker


INTERRUPTED = 130


@dataclass(frozen=True)
class Plan:
    """A search as the command line asks for it: values checked as far as they can be without the data."""

    study: str
    space: DesignSpace
    config: dict[str, Any]
    launcher: dict[str, Any]
    stopping: Stopping
    budget: Budget
    deterministic: bool
    timeout: float
    storage: str
    tracking: str
    folder: Path


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer import launchers
    from explorer.storage.lock import sole_controller
    from explorer.tracking.address import check_uri

    plan = read(config)
    check_uri(plan.tracking)
    launcher = launchers.make(plan.launcher)
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with sole_controller(plan.folder), closing(launcher):
        return search(plan, launcher, console)


def _stop(number: int, frame: object) -> None:
    """The first signal stops cleanly; a second one ends at once, and the workers end with their controller."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, frame: os._exit(INTERRUPTED))
    raise KeyboardInterrupt


def read(config: DictConfig) -> Plan:
    """What the command line asks for.

    Raises:
        ConfigError, SpaceError, StoppingError: naming what is wrong.
    """
    from explorer.cli.config import plain, space_choice, space_files, space_of
    from explorer.cli.options import ConfigError, flag, positive, share, whole
    from explorer.study import stopping

    name = space_choice()
    if name is None:
        raise ConfigError(f"which space? +space= one of {', '.join(space_files())}")
    space = space_of(config, name)
    for key, least in (("n_trials", 1), ("epochs", 1), ("seed", 0), ("seeds", 1)):
        whole(config, key, least)
    if config.max_epochs_total is not None:
        whole(config, "max_epochs_total", 1)
    share(config, "uniform")
    flag(config, "deterministic")
    study = str(config.study or name)
    if not re.fullmatch(r"[\w.-]+", study):
        raise ConfigError(f"study is {study!r}, expected letters, digits, '.', '_' and '-'")
    keys = ("data", "recipe", "sampler", "stopping", "epochs", "seed", "seeds", "uniform")
    settings = {key: plain(config[key]) for key in keys}
    return Plan(
        study=study,
        space=space,
        config=settings | {"space": space.as_dict()},
        launcher=plain(config.launcher),
        stopping=stopping.make(settings["stopping"]),
        budget=Budget(
            config.n_trials,
            positive(config, "max_hours"),
            positive(config, "max_device_hours"),
            config.max_epochs_total,
        ),
        deterministic=bool(config.deterministic),
        timeout=positive(config, "timeout") or math.inf,
        storage=str(config.storage),
        tracking=str(config.tracking),
        folder=Path(config.runs) / study,
    )


def search(plan: Plan, launcher: Launcher, console: Console) -> int:
    """Searches, then shows the front and how to look at it; returns the exit code."""
    launcher.warm_up()  # importing what training needs takes seconds, so it begins before our own imports
    from explorer.cli.progress import working

    with working("starting the workers, reading the data", plain=False):
        controller, tracker = _prepare(plan, launcher, console)
    from explorer.cli.live_view import LiveView

    stopped = False
    try:
        with LiveView(console) as view:
            controller.run(tracker.update, view)
    except KeyboardInterrupt:
        stopped = True
    finally:
        launcher.close()
        with working("completing MLflow", plain=False):
            tracker.update(controller.record)
            tracker.close(timeout=60)
    _closing_words(console, controller, stopped, plan)
    return INTERRUPTED if stopped else 0


def _prepare(plan: Plan, launcher: Launcher, console: Console) -> tuple[Controller, Tracker]:
    """The study, made or read, and who is to work on it."""
    from explorer.samplers import Proposer
    from explorer.storage.study_store import Store, stored_facts
    from explorer.study.controller import Controller, ask_facts
    from explorer.study.provenance import git_commit, versions
    from explorer.tracking import Tracker

    lag = len(launcher.slots) if plan.deterministic else None
    proposer = Proposer(plan.space, plan.config["sampler"], plan.config["seed"], lag, plan.config["uniform"])
    tracker = Tracker(plan.tracking, warn=lambda line: console.print(line, style="yellow", highlight=False))
    facts, reading = stored_facts(plan.storage, plan.study), None
    if facts is None:
        facts, reading = ask_facts(launcher, plan.config["data"])
        plan.space.check(tuple(facts["input_shape"]), facts["classes"])
        facts |= {"versions": versions(), "git_commit": git_commit()}
    store = Store(plan.storage, plan.study, plan.config, facts)
    controller = Controller(
        store, plan.space, proposer, plan.stopping, launcher, plan.budget, plan.folder, plan.timeout, reading
    )
    return controller, tracker


def _closing_words(console: Console, controller: Controller, stopped: bool, plan: Plan) -> None:
    from explorer.cli.terminal import front_table
    from explorer.tracking.address import redact

    record = controller.record
    done = sum(trial.state != "RUNNING" for trial in record.trials)
    failed = sum(trial.state == "FAIL" for trial in record.trials)
    why = "stopped; the same command goes on" if stopped else controller.ending
    console.print(
        f"\nstudy {record.name}: {done} trials{f', {failed} failed' if failed else ''}, {why}", highlight=False
    )
    console.print(front_table(record, None, console.width))
    notes = (
        f"± standard error of val_acc ({record.val_images} validation images); /NAME: times smaller than that network"
    )
    console.print(notes, style="dim", highlight=False)
    console.print(f"\nmlflow ui --backend-store-uri {redact(plan.tracking)}", highlight=False, soft_wrap=True)
    console.print("python -m explorer.retrain best", highlight=False)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("search", main)
