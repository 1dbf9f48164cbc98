"""The controller: ask, gate, submit, go on or stop, tell.

Alone in writing to Optuna. A trial is a chain of jobs, for each seed one a rung: train from epoch a to epoch b, leave a
checkpoint, return the epochs. Whatever ends a process costs at most the rung it was training.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from explorer.arch import Architecture, Cost, cost
from explorer.launchers import Launcher, WorkerDied
from explorer.record import StudyRecord, TrialRecord
from explorer.samplers import Proposer
from explorer.space import DesignSpace
from explorer.stopping import NoStopping
from explorer.store import Store

TRIES = 3
"""Times that a rung is started before its trial is given up."""


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Runs a job in a worker: plain data in, plain data out."""
    from explorer.train import Job, run

    return asdict(run(Job(**job)))


def data_facts(data: dict[str, Any]) -> dict[str, Any]:
    """What a study needs to know of a data set, asked of a worker so that the controller never imports torch."""
    from explorer.data import load

    module = load(data)
    return {"input_shape": list(module.input_shape), "classes": module.classes, "images": dict(module.images)}


@dataclass
class InFlight:
    """A rung on its slot."""

    trial: TrialRecord
    seed: int
    first_epoch: int
    last_epoch: int
    slot: int
    tries: int
    folder: Path


class Controller:
    """Runs one study to its budget.

    Args:
        store: the study.
        space: its space.
        proposer: its sampler.
        stopping: its stopping rule.
        launcher: where jobs run.
        n_trials: trials in the study in all.
        runs: folder of the study's checkpoints.
    """

    def __init__(
        self,
        store: Store,
        space: DesignSpace,
        proposer: Proposer,
        stopping: NoStopping,
        launcher: Launcher,
        n_trials: int,
        runs: Path,
    ) -> None:
        self.store, self.space, self.proposer, self.stopping, self.launcher = store, space, proposer, stopping, launcher
        self.n_trials, self.runs = n_trials, runs
        config, facts = store.record.config, store.record.facts
        self.recipe, self.data, self.epochs = config["recipe"], config["data"], int(config["epochs"])
        self.seeds = [int(config["seed"]) + k for k in range(int(config["seeds"]))]
        self.input_shape: tuple[int, int, int] = tuple(facts["input_shape"])
        self.classes = int(facts["classes"])
        self.in_flight: dict[Future[dict[str, Any]], InFlight] = {}
        self.exhausted = False
        self._waiting: deque[tuple[int, int]] = deque()  # (trial, tries of its rung so far)
        self._asked: dict[int, int] = {}  # trial -> its number in the proposer
        self._identities: dict[str, int] = {}
        self._anchors: list[str] = []
        self._catch_up()

    @property
    def record(self) -> StudyRecord:
        """The study as it stands."""
        return self.store.record

    def run(self, stored: Callable[[StudyRecord], None], seen: Callable[[Controller], None]) -> None:
        """Trains until the budget is spent or the space is exhausted.

        Args:
            stored: called with the study whenever it has changed.
            seen: called about twice a second, for a view of the work.
        """
        free = list(range(len(self.launcher.slots)))
        while True:
            while free and (task := self._next()) is not None:
                self._submit(free.pop(0), *task)
            seen(self)
            if not self.in_flight:
                return
            done, _ = wait(self.in_flight, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                flight = self.in_flight.pop(future)
                free.append(flight.slot)
                self._settle(flight, future)
            if done:
                stored(self.record)

    def _catch_up(self) -> None:
        """Learns what the study holds already; trials left running go on first."""
        for trial in list(self.store.trials.values()):
            self._identities.setdefault(trial.identity, trial.number)
            frozen = self.store.frozen[trial.number]
            if frozen.params and trial.state != "FAIL":
                self._asked[trial.number] = self.proposer.learn(frozen)
            if trial.state == "RUNNING" and trial.epochs < self.epochs:
                self._waiting.append((trial.number, 0))
            elif trial.state == "RUNNING":  # cut off between its last epoch and the telling
                self._tell(trial.number)
        present = {trial.anchor for trial in self.store.trials.values()}
        self._anchors = [name for name in self.space.anchors if name not in present]

    def _next(self) -> tuple[int, int] | None:
        """The next rung to train: of a trial under way, of an anchor, of a new point."""
        if self._waiting:
            return self._waiting.popleft()
        while len(self.store.trials) < self.n_trials and not self.exhausted:
            trial = self._new_anchor(self._anchors.pop(0)) if self._anchors else self._new_point()
            if trial is not None:
                return trial.number, 0
        return None

    def _new_anchor(self, name: str) -> TrialRecord | None:
        architecture = self.space.anchor(name, self.input_shape, self.classes)
        if architecture.identity in self._identities:
            return None
        point = self.space.point_of(name)
        proposal = self.proposer.at(point) if point is not None else None
        return self._create(proposal, architecture, cost(architecture), name)

    def _new_point(self) -> TrialRecord | None:
        passed: list[tuple[Architecture, Cost]] = []

        def gate(params: dict[str, Any]) -> bool:
            architecture = self.space.architecture(params, self.input_shape, self.classes)
            if architecture.identity in self._identities:
                return False
            costs = cost(architecture)
            if self.space.over_limit(costs) is not None:
                return False
            passed.append((architecture, costs))
            return True

        proposal = self.proposer.propose(len(self.store.trials), gate)
        if proposal is None:
            self.exhausted = True
            return None
        return self._create(proposal, *passed[0], None)

    def _create(self, proposal: Any, architecture: Architecture, costs: Cost, anchor: str | None) -> TrialRecord:
        attributes: Mapping[str, Any] = {
            "anchor": anchor,
            "identity": architecture.identity,
            "params": costs.params,
            "bytes": costs.bytes,
            "macs": costs.macs,
            "architecture": architecture.to_json(),
            "seeds": self.seeds,
        }
        trial = self.store.create(proposal, attributes)
        self._identities[trial.identity] = trial.number
        if proposal is not None:
            self._asked[trial.number] = proposal.number
        return trial

    def _submit(self, slot: int, number: int, tries: int) -> None:
        trial = self.store.trials[number]
        at = next(i for i, curve in enumerate(trial.curves) if len(curve) < self.epochs)
        first = len(trial.curves[at])
        last = self.stopping.next_rung(first, self.epochs)
        folder = self.runs / str(number) / f"seed_{trial.seeds[at]}"
        job = {
            "architecture": trial.architecture,
            "recipe": self.recipe,
            "data": self.data,
            "seed": trial.seeds[at],
            "first_epoch": first,
            "last_epoch": last,
            "epochs": self.epochs,
            "folder": str(folder),
        }
        future = self.launcher.submit(slot, train, job)
        self.in_flight[future] = InFlight(trial, trial.seeds[at], first, last, slot, tries + 1, folder)

    def _settle(self, flight: InFlight, future: Future[dict[str, Any]]) -> None:
        """Stores a rung's epochs; then the trial goes on, is told, or is given up."""
        number = flight.trial.number
        error = future.exception()
        if error is not None:
            self._recover(flight, error)
            return
        result = future.result()
        trial = self.store.trials[number]
        curve = [*trial.curves[trial.seeds.index(flight.seed)], *result["curve"]]
        trial = self.store.save_curve(number, flight.seed, curve, result["device"])
        if trial.epochs < self.epochs:
            self._waiting.appendleft((number, 0))
            return
        self._tell(number)

    def _tell(self, number: int, reason: str = "") -> None:
        """Ends a trial: with its result, or as failed for a reason."""
        trial = self.store.finish(number, reason)
        if number in self._asked:
            values = None if reason else (trial.accuracy or 0.0, float(trial.params))
            self.proposer.tell(self._asked[number], values)

    def _recover(self, flight: InFlight, error: BaseException) -> None:
        number = flight.trial.number
        if isinstance(error, WorkerDied) and flight.tries < TRIES:
            self._waiting.appendleft((number, flight.tries))
            return
        if type(error).__name__ == "CheckpointError" and flight.first_epoch:
            self.store.save_curve(number, flight.seed, [], flight.trial.device)
            self._waiting.appendleft((number, 0))
            return
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        self._tell(number, f"{reason} ({flight.tries} times)" if isinstance(error, WorkerDied) else reason)
