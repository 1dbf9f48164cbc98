"""The controller: ask for a point, check its limits, submit it, go on or stop at each rung, tell the sampler.

It alone writes trials. A trial is a chain of jobs, one for each seed and rung: train from epoch a to epoch b, leave a
checkpoint, return the epochs. When a process dies, at most the rung that it trained is lost.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict
from pathlib import Path
from typing import Any

from explorer.arch.totals import Predict
from explorer.launchers import Launcher
from explorer.results.budget import Budget
from explorer.results.metric import metric_of, precision_of
from explorer.results.record import StudyRecord, TrialRecord
from explorer.samplers import Proposer
from explorer.space import DesignSpace
from explorer.storage.study_store import StudyStore
from explorer.study.asking import Asking
from explorer.study.facts import Reading
from explorer.study.loop import Loop
from explorer.study.proposed import Proposed
from explorer.study.recovery import Doubts, InFlight, Recovery
from explorer.study.stopping import Stopping
from explorer.training.files import training_folder
from explorer.training.job import Job
from explorer.training.worker import train

LOOK = 0.5
"""Seconds between two updates of a view."""
HEARTBEAT = 15.0
"""Longest time in seconds between two heartbeats in the database."""


class Controller:
    """Runs one study to its budget.

    While the study's database is away, the controller waits in the call that it was making (see
    `explorer.storage.patient.PatientStorage`): rungs in flight go on to their ends and are stored when it is back,
    but no other is begun. Otherwise results would be in memory alone, and a crash would lose them.

    Args:
        store: the study.
        space: its space.
        proposer: its sampler.
        stopping: its stopping rule.
        launcher: where jobs run.
        budget: what the study may spend in all.
        runs: folder of the study's checkpoints.
        timeout: seconds without a finished epoch after which a worker is taken for hung; None: never.
        reading: slots that are not free before their worker has read the data.
        tries: networks that are trained next.
        predict: gives a network's latency or cycles, if they are a size or a limit of the study.
    """

    def __init__(
        self,
        store: StudyStore,
        space: DesignSpace,
        proposer: Proposer,
        stopping: Stopping,
        launcher: Launcher,
        budget: Budget,
        runs: Path,
        timeout: float | None = None,
        reading: Reading | None = None,
        tries: Iterable[Proposed] = (),
        predict: Predict | None = None,
    ) -> None:
        self.store, self.launcher = store, launcher
        self.budget, self.runs, self.reading = budget, runs, dict(reading or {})
        self.recovery = Recovery(store, launcher, runs, timeout)
        config = store.record.config
        self.recipe, self.data, self.epochs = config["recipe"], config["data"], int(config["epochs"])
        self.metric, self.precision = metric_of(config), precision_of(config)
        self.loop = Loop(proposer, stopping, self.epochs)
        self.asking = Asking(store, space, self.loop, predict)
        self.doubts = Doubts()
        self.in_flight: dict[Future[dict[str, Any]], InFlight] = {}
        self.ending = ""
        """Why no trial is begun: the budget is spent or the space exhausted; "" while the search goes on."""
        self._clock = self._last_heartbeat = time.monotonic()
        self._waiting: deque[tuple[int, int]] = deque()  # (trial, tries of its rung so far)
        self._proven = any(trial.accuracy is not None for trial in store.trials.values())
        self._catch_up()
        self.asking.first(tries)

    @property
    def record(self) -> StudyRecord:
        """The study as it stands."""
        return self.store.record

    def run(self, stored: Callable[[StudyRecord], None], seen: Callable[[Controller], None]) -> None:
        """Trains until the budget is spent or the space is exhausted.

        Raises:
            CommonError: if every trial would fail; see `explorer.study.recovery`.
            DiskFullError, StudyError: if nothing can be written.

        Args:
            stored: called with the study whenever it has changed.
            seen: called about twice a second, and at the end, for a view of the work.
        """
        looked, changed = -math.inf, False
        try:
            while True:
                for slot in self._free_slots():
                    if (task := self._next()) is None:
                        break
                    self._submit(slot, *task)
                self.store.flush()  # the slots have their work
                if changed:
                    stored(self.record)
                if not self.in_flight or time.monotonic() - looked >= LOOK:
                    seen(self)
                    looked = time.monotonic()
                if not self.in_flight and (self.ending or not self.reading):
                    if not self.doubts.reasons:
                        return
                    self._fail_doubted()  # no other trial will tell
                    continue
                done, _ = wait([*self.in_flight, *self.reading], timeout=LOOK, return_when=FIRST_COMPLETED)
                for future in done & self.in_flight.keys():
                    flight = self.in_flight.pop(future)
                    self._settle(flight, future)
                self.recovery.end_hung_workers(flight for future, flight in self.in_flight.items() if not future.done())
                self._note_time()
                if time.monotonic() - self._last_heartbeat > HEARTBEAT:
                    self._heartbeat()
                changed = bool(done)
        finally:
            self._note_time()
            self._heartbeat()
            self.store.release()

    def _free_slots(self) -> list[int]:
        """Slots without a job; the slots of a cluster come and go."""
        self.reading = {future: slot for future, slot in self.reading.items() if not future.done()}
        busy = {flight.slot for flight in self.in_flight.values()} | set(self.reading.values())
        return [slot for slot in range(len(self.launcher.slots)) if slot not in busy | self.launcher.freed]

    def _note_time(self) -> None:
        now = time.monotonic()
        self.store.spent.wall_seconds += now - self._clock
        self._clock = now

    def _heartbeat(self) -> None:
        self.store.heartbeat()
        self._last_heartbeat = time.monotonic()

    def _catch_up(self) -> None:
        """Takes over the trials that the study has; those left running go on first."""
        self.asking.catch_up()
        for trial in [trial for trial in self.store.trials.values() if trial.state == "RUNNING"]:
            if trial.epochs and trial.epochs == self.loop.next_rung(trial.epochs - 1):
                self._decide(trial)  # the search may have ended between the rung and its decision
            else:
                self._waiting.append((trial.number, 0))

    def _next(self) -> tuple[int, int] | None:
        """The next rung to train: of a trial under way, of an anchor, of a new point."""
        if (spent := self.budget.ended(self.store.spent)) is not None:
            self.ending = spent
            return None
        if self._waiting:
            return self._waiting.popleft()
        self.asking.look()
        while not self.ending and self.loop.ready(self.asking.number):
            if len(self.store.trials) >= self.budget.n_trials:
                self.ending = f"n_trials={self.budget.n_trials} are done"
                return None
            trial = self.asking.next()
            if trial is not None:
                return trial.number, 0
            if self.asking.exhausted:
                self.ending = "the space holds no other network"
        return None

    def _submit(self, slot: int, number: int, tries: int) -> None:
        trial = self.store.trials[number]
        first = min(len(curve) for curve in trial.curves)  # all seeds reach a rung before any goes on
        at = next(i for i, curve in enumerate(trial.curves) if len(curve) == first)
        if first:
            self.store.flush()  # its next checkpoint takes the place of the last but one
        job = Job(
            architecture=trial.architecture,
            recipe=self.recipe | trial.adjusted,
            data=self.data,
            seed=trial.seeds[at],
            first_epoch=first,
            last_epoch=self.loop.next_rung(first),
            epochs=self.epochs,
            folder=str(training_folder(self.runs, number, trial.seeds[at])),
            metric=self.metric,
            precision=self.precision,
        )
        future = self.launcher.submit(slot, train, asdict(job))
        self.in_flight[future] = InFlight(number, job, slot, tries + 1, time.time())

    def _settle(self, flight: InFlight, future: Future[dict[str, Any]]) -> None:
        """Stores a rung's epochs; then the trial goes on, ends, or is given up."""
        number, job = flight.trial, flight.job
        error = future.exception()
        if error is not None:
            verdict = self.recovery.after(flight, error)
            if verdict.reason:
                self._give_up(number, verdict.reason)
            else:
                self._waiting.appendleft((number, verdict.tries))
            return
        result = future.result()
        trial = self.store.trials[number]
        curve = [*trial.curves[trial.seeds.index(job.seed)], *result["curve"]]
        trial = self.store.save_curve(number, job.seed, curve, result["device"], result["devices"])
        if trial.epochs == job.last_epoch:
            self._decide(trial)
        else:
            self._waiting.appendleft((number, 0))  # another seed's turn

    def _decide(self, trial: TrialRecord) -> None:
        """At a rung: the trial goes on, is stopped, or is complete."""
        number, sizes, curve = trial.number, trial.sizes, trial.mean_curve
        by_hand = trial.epochs < self.epochs and self.store.asked_to_stop(number)
        state = self.loop.end(number, "PRUNED", sizes, curve) if by_hand else self.loop.settle(number, sizes, curve)
        if state == "RUNNING":
            self._waiting.appendleft((trial.number, 0))
        else:
            how = f"stopped{' by hand' * by_hand} after epoch {trial.epochs} of {self.epochs}"
            reason = how if state == "PRUNED" else ""
            self.store.finish(trial.number, state, reason)
            self._proven = True
            self._fail_doubted()

    def _give_up(self, number: int, reason: str) -> None:
        if self._proven:
            self._fail(number, reason)
        elif self.doubts.add(number, reason):
            self._fail_doubted()

    def _fail_doubted(self) -> None:
        for number, reason in self.doubts.settled().items():
            self._fail(number, reason)

    def _fail(self, number: int, reason: str) -> None:
        trial = self.store.finish(number, "FAIL", reason)
        self.loop.end(number, "FAIL", trial.sizes)
