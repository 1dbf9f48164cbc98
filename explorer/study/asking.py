"""Which network a search trains next: a published one, one that somebody wants, or what the sampler proposes."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from explorer.arch import Architecture, Totals, totals
from explorer.arch.totals import Predict
from explorer.results.record import TrialRecord
from explorer.samplers import Candidate, Proposal
from explorer.samplers.distributions import distributions
from explorer.space import DesignSpace
from explorer.storage.study_store import StudyStore
from explorer.study.loop import Loop
from explorer.study.proposed import Proposed


@dataclass(frozen=True)
class NetworkCandidate(Candidate):
    """A point and the network there, built once for its limits, its identity and its trial.

    Attributes:
        architecture: the network.
        totals: its cost.
    """

    architecture: Architecture
    totals: Totals


class Asking:
    """The next trials of a study, each made when it is asked for.

    Args:
        store: the study.
        space: its space.
        loop: its sampler and its stopping rule.
        predict: gives a network's latency or cycles, if they are a size or a limit of the study.

    Attributes:
        exhausted: whether the space holds no other network.
    """

    def __init__(self, store: StudyStore, space: DesignSpace, loop: Loop, predict: Predict | None = None) -> None:
        self.store, self.space, self.loop, self.predict = store, space, loop, predict
        record = store.record
        config, facts, self.sizes = record.config, record.facts, record.sizes
        self.seeds = [int(config["seed"]) + k for k in range(int(config["seeds"]))]
        self.input_shape: tuple[int, int, int] = tuple(facts["input_shape"])
        self.classes = int(facts["classes"])
        self.exhausted = False
        self._changed = bool(record.changes)
        self._identities: dict[str, int] = {}
        self._anchors, self._enqueued, self._tries = deque[str](), deque[int](), deque[Proposed]()

    def catch_up(self) -> None:
        """Takes over the trials that the study has."""
        for trial in self.store.trials.values():
            self._identities.setdefault(trial.identity, trial.number)
            proposal, spared = self._proposal(trial.number), trial.anchor is not None
            self.loop.add(trial.number, proposal, trial.sizes, trial.mean_curve, spared)
            if trial.state != "RUNNING":
                self.loop.end(trial.number, trial.state, trial.sizes, trial.mean_curve)
        self._heed_others(sorted(self.store.left_out))
        present = {trial.anchor for trial in self.store.trials.values()}
        self._anchors.extend(name for name in self.space.anchors if name not in present)

    def first(self, tries: Iterable[Proposed]) -> None:
        """Takes networks that are trained next."""
        self._tries.extend(tried for tried in tries if not self._known(tried))

    def look(self) -> None:
        """Takes note of what other programs have added to the study."""
        self._heed_others(self.store.look())

    @property
    def number(self) -> int:
        """Of the next trial."""
        return self._enqueued[0] if self._enqueued else self.store.next_number

    def next(self) -> TrialRecord | None:
        """Makes the next trial; None if the one at hand was refused, or there is none."""
        if self._enqueued:
            return self._take_over(self._enqueued.popleft())
        if self._anchors:
            return self._new_anchor(self._anchors.popleft())
        if self._tries:
            return self._new_try(self._tries.popleft())
        return self._new_point()

    def _proposal(self, number: int) -> Proposal | None:
        """Where a trial came from; None for one from outside the space, as it is now."""
        proposal = self.store.proposal(number)
        if proposal is None or not self._changed:
            return proposal
        if not self.space.contains(proposal.params):
            return None
        return replace(proposal, distributions=distributions(self.space, proposal.params))

    def _heed_others(self, added: Iterable[int]) -> None:
        """Queues the points that other programs have enqueued, and counts their other trials as none."""
        for number in added:
            if number in self.store.enqueued:
                self._enqueued.append(number)
            else:
                self.loop.proposer.skip(number)

    def _new_anchor(self, name: str) -> TrialRecord | None:
        architecture = self.space.anchor(name, self.input_shape, self.classes)
        if architecture.identity in self._identities:
            return None
        point = self.space.point_of(name)
        proposal = Proposal(point, distributions(self.space, point)) if point is not None else None
        trial = self._create(proposal, architecture, totals(architecture, self.predict), name)
        self.loop.add(trial.number, proposal, trial.sizes, (), spared=True)
        return trial

    def _new_try(self, tried: Proposed) -> TrialRecord | None:
        if self._known(tried):
            return None
        params = tried.params
        proposal = Proposal(params, distributions(self.space, params)) if params is not None else None
        trial = self._create(proposal, tried.architecture, totals(tried.architecture, self.predict), None)
        self.loop.add(trial.number, proposal, trial.sizes, ())
        return trial

    def _known(self, tried: Proposed) -> bool:
        known = self._identities.get(tried.architecture.identity)
        if known is not None:
            print(f"try: trial {known} is that network", file=sys.stderr, flush=True)
        return known is not None

    def _new_point(self) -> TrialRecord | None:
        chosen = self.loop.ask(self.store.next_number, self._candidate, self._taken)
        if chosen is None:
            self.exhausted = True
            return None
        proposal, candidate = chosen
        return self._create(proposal, candidate.architecture, candidate.totals, None)

    def _take_over(self, number: int) -> TrialRecord | None:
        """The trial of a point that another program has enqueued, if it is one of the space and new."""
        params, candidate = self.store.enqueued[number], None
        if self.space.contains(params):
            for name, kind in distributions(self.space, params).items():
                params[name] = kind.to_external_repr(kind.to_internal_repr(params[name]))  # 16.0 as 16
            candidate = self._candidate(params)
        if candidate is None or self._taken(candidate):
            why = "is outside the space or its limits" if candidate is None else "was trained before"
            self.loop.proposer.skip(number)
            print(f"trial {number}, enqueued by another program, {why}: left out", file=sys.stderr, flush=True)
            return None
        proposal = Proposal(params, distributions(self.space, params))
        trial = self._create(proposal, candidate.architecture, candidate.totals, None, number)
        self.loop.add(number, proposal, candidate.sizes, ())
        return trial

    def _candidate(self, params: Mapping[str, Any]) -> NetworkCandidate | None:
        architecture = self.space.architecture(params, self.input_shape, self.classes)
        costs = totals(architecture, self.predict)
        if self.space.over_limit(costs) is not None:
            return None
        sizes = tuple(float(size.of(costs)) for size in self.sizes)
        if math.inf in sizes:  # an operator that the NPU leaves to the processor
            return None
        return NetworkCandidate(params, sizes, architecture, costs)

    def _taken(self, candidate: NetworkCandidate) -> bool:
        return candidate.architecture.identity in self._identities

    def _create(
        self,
        proposal: Proposal | None,
        architecture: Architecture,
        costs: Totals,
        anchor: str | None,
        enqueued: int | None = None,
    ) -> TrialRecord:
        attributes: Mapping[str, Any] = {
            "anchor": anchor,
            "identity": architecture.identity,
            "params": costs.params,
            "bytes": costs.bytes,
            "macs": costs.macs,
            "activations": costs.activations,
            "architecture": architecture.to_json(),
            "seeds": self.seeds,
            "uniform": proposal is not None and proposal.uniform,
        }
        if self.predict is not None:
            attributes = {**attributes, self.predict.cost: self.predict(architecture)}
        if enqueued is None or proposal is None:
            trial = self.store.create(proposal, attributes)
        else:
            trial = self.store.take_over(enqueued, proposal, attributes)
        self._identities[trial.identity] = trial.number
        return trial
