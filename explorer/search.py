"""python -m explorer.search +space=NAME: searches a design space."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from explorer.space import DesignSpace
    from explorer.study import Controller


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer.config import ConfigError, plain, space_choice, space_files, space_of, whole

    name = space_choice()
    if name is None:
        raise ConfigError(f"which space? +space= one of {', '.join(space_files())}")
    space = space_of(config, name)
    n_trials = whole(config, "n_trials", 1)
    for key, least in (("epochs", 1), ("seed", 0), ("seeds", 1)):
        whole(config, key, least)
    study = str(config.study or name)
    if not re.fullmatch(r"[\w.-]+", study):
        raise ConfigError(f"study is {study!r}, expected letters, digits, '.', '_' and '-'")
    settings = {key: plain(config[key]) for key in ("data", "recipe", "sampler", "stopping")}
    settings |= {"space": space.as_dict(), "epochs": config.epochs, "seed": config.seed, "seeds": config.seeds}
    return search(
        space, study, settings, n_trials, plain(config.launcher), config.storage, config.tracking, Path(config.runs)
    )


def search(
    space: DesignSpace,
    study: str,
    settings: dict[str, Any],
    n_trials: int,
    launcher_config: dict[str, Any],
    storage: str,
    tracking: str,
    runs: Path,
) -> int:
    """Searches, shows the front and how to look at it."""
    from rich.console import Console

    from explorer import launchers, stopping
    from explorer.store import sole_controller
    from explorer.tracking.address import check_uri

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    rule = stopping.make(settings["stopping"])
    check_uri(tracking)
    launcher = launchers.make(launcher_config)
    with sole_controller(runs / study):
        try:
            return _controlled(
                console, space, study, settings, n_trials, rule, launcher, storage, tracking, runs / study
            )
        finally:
            launcher.close()


def _controlled(
    console: Any,
    space: DesignSpace,
    study: str,
    settings: dict[str, Any],
    n_trials: int,
    rule: Any,
    launcher: Any,
    storage: str,
    tracking: str,
    folder: Path,
) -> int:
    launcher.warm_up()
    from explorer.provenance import git_commit, versions
    from explorer.samplers import Proposer
    from explorer.store import Store, open_storage
    from explorer.study import Controller, data_facts
    from explorer.tracking import Tracker
    from explorer.view import View

    proposer = Proposer(space, settings["sampler"], settings["seed"])
    open_storage(storage, create=True)
    facts = launcher.submit(0, data_facts, settings["data"]).result()
    space.check(tuple(facts["input_shape"]), facts["classes"])
    store = Store(storage, study, settings, facts | {"versions": versions(), "git_commit": git_commit()})
    tracker = Tracker(tracking)
    seen = [-1]

    with View(console) as view:

        def changed(controller: Controller) -> None:
            if controller.version != seen[0]:
                seen[0] = controller.version
                tracker.update(controller.record)
            view(controller)

        controller = Controller(store, space, proposer, rule, launcher, n_trials, folder, changed)
        stopped = False
        try:
            controller.run()
        except KeyboardInterrupt:
            stopped = True
            launcher.close()
    tracker.close(timeout=60)
    _closing_words(console, controller, stopped, tracking)
    return 130 if stopped else 0


def _closing_words(console: Any, controller: Controller, stopped: bool, tracking: str) -> None:
    from explorer.view import front_table

    record = controller.record
    done = sum(trial.state != "RUNNING" for trial in record.trials)
    failed = sum(trial.state == "FAIL" for trial in record.trials)
    if stopped:
        why = "stopped; the same command goes on"
    elif controller.exhausted:
        why = "the space holds no other network"
    else:
        why = "done; a larger n_trials goes on"
    console.print(
        f"\nstudy {record.name}: {done} trials{f', {failed} failed' if failed else ''}, {why}", highlight=False
    )
    console.print(front_table(record))
    notes = f"± standard error of val_acc ({record.val_images} validation images); smaller: than SqueezeNet v1.0 (★)"
    console.print(notes, style="dim", highlight=False)
    console.print(f"\nmlflow ui --backend-store-uri {tracking}", highlight=False, soft_wrap=True)
    console.print("python -m explorer.retrain best", highlight=False)


if __name__ == "__main__":
    from explorer.config import command

    command("search", main)
