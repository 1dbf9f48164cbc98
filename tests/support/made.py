"""Searches whose trainings are made up: the real controller, store and sampler, in this process, in a second."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from explorer.cli.config import load_space
from explorer.results.budget import Budget
from explorer.results.record import StudyRecord
from explorer.samplers import Proposer
from explorer.storage import stored
from explorer.storage.study_store import StudyStore
from explorer.study.controller import Controller
from explorer.study.stopping import NoStopping
from explorer.training.worker import train
from tests.support.processes import SPACE

FACTS = {"input_shape": [1, 8, 8], "classes": 10, "images": {"train": 1077, "val": 360, "test": 360}}


class Here:
    """A launcher of one slot that runs everything at once, in this process; `training` stands for training."""

    slots = ("here",)
    freed: frozenset[int] = frozenset()

    def __init__(self, training: Callable[[dict[str, Any]], None] = lambda asked: None) -> None:
        self.training = training

    def submit(self, slot: int, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(self._train(arguments[0]) if function is train else function(*arguments))
        except Exception as error:  # noqa: BLE001 - as a worker does
            done.set_exception(error)
        return done

    def _train(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.training(asked)
        epochs = range(asked["first_epoch"] + 1, asked["last_epoch"] + 1)
        curve = [{"epoch": epoch, "val_acc": 0.5, "seconds": 1.0} for epoch in epochs]
        return {"curve": curve, "device": "here", "devices": 1}

    def warm_up(self) -> None: ...

    def kill(self, slot: int) -> None: ...

    def close(self) -> None: ...


class Made:
    """Searches of the study `small` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"sqlite:///{folder}/study.db"
        (folder / "small.yaml").write_text(SPACE)
        self.space = load_space(folder / "small.yaml")

    def __call__(
        self, training: Callable[[dict[str, Any]], None] = lambda asked: None, lag: int | None = None, n_trials: int = 4
    ) -> StudyRecord:
        config = {"space": self.space.as_dict(), "data": {"name": "digits"}, "recipe": {"batch_size": 1}}
        config |= {"epochs": 2, "seed": 0, "seeds": 1}
        store = StudyStore(self.url, "small", config, FACTS)
        proposer = Proposer(self.space, {"name": "random"}, 0, lag)
        runs = self.folder / "runs"
        Controller(store, self.space, proposer, NoStopping(1), Here(training), Budget(n_trials), runs).run(
            lambda record: None, lambda now: None
        )
        return loaded(self.folder)


def loaded(folder: Path) -> StudyRecord:
    return stored.load(f"sqlite:///{folder}/study.db", "small")
