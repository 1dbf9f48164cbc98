"""Search with any objective: accuracy is measured, size is computed. `explorer.search` runs on the same loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter as Argument
from inspect import signature
from typing import Any

from explorer.results.pareto import pareto_front
from explorer.samplers import Candidate, Proposal, Proposer
from explorer.samplers.distributions import distributions, from_distributions
from explorer.space.domain import Domain, key
from explorer.study.loop import Loop
from explorer.study.stopping import make

POSITIONAL = (Argument.POSITIONAL_ONLY, Argument.POSITIONAL_OR_KEYWORD)


class OptimizeError(ValueError):
    """An objective or a budget that cannot be searched with."""


@dataclass(frozen=True)
class Trial:
    """A point that was tried.

    Attributes:
        number: from 0, in the order in which they were asked for.
        params: the point.
        size: of it.
        curve: its accuracy after each epoch.
        state: COMPLETE, PRUNED (stopped early, or the budget of epochs was spent) or FAIL (accuracy is not a number).
        system_attrs: what an Optuna sampler stores with it.
    """

    number: int
    params: dict[str, Any]
    size: float
    curve: tuple[float, ...]
    state: str
    system_attrs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def epochs(self) -> int:
        """Epochs that it was given."""
        return len(self.curve)

    @property
    def accuracy(self) -> float:
        """After its last epoch."""
        return self.curve[-1] if self.curve else math.nan


@dataclass
class Study:
    """The trials of a search.

    Attributes:
        trials: in the order of their numbers.
    """

    trials: list[Trial] = field(default_factory=list)

    @property
    def front(self) -> list[Trial]:
        """The complete trials that no other is both as small and as accurate as, by rising size."""
        complete = [trial for trial in self.trials if trial.state == "COMPLETE"]
        return [complete[index] for index in pareto_front([(trial.size, trial.accuracy) for trial in complete])]

    @property
    def epochs(self) -> int:
        """Epochs of all trials."""
        return sum(trial.epochs for trial in self.trials)


def optimize(
    parameters: Mapping[str, Any] | Domain,
    accuracy: Callable[..., float],
    size: Callable[[Mapping[str, Any]], float],
    *,
    n_trials: int = 100,
    max_epochs: int = 1,
    epoch_budget: int | None = None,
    sampler: str | Mapping[str, Any] = "front",
    stopping: str | Mapping[str, Any] = "pareto",
    seed: int = 0,
    uniform: float = 0.05,
    study: Study | None = None,
) -> Study:
    """Searches the front of accuracy, which is measured, over size, which is computed.

        study = explorer.optimize({"width": IntDistribution(8, 64)}, accuracy=train, size=count, n_trials=50)
        for trial in study.front: print(trial.size, trial.accuracy, trial.params)

    Args:
        parameters: Optuna's distributions by name, or a DesignSpace.
        accuracy: `accuracy(params)`, or `accuracy(params, epoch)` called with epoch 1, 2, ... of a training; higher is
            better.
        size: of a point, above 0; called often, also at points that are never tried.
        n_trials: trials in all, stopped ones included. Fewer, if the space holds no other point.
        max_epochs: full length of a trial.
        epoch_budget: epochs over all trials; what would go beyond is not begun.
        sampler: its name, or its name and arguments as in conf/sampler.
        stopping: the rule's name, or its name and arguments as in conf/stopping.
        seed: of the sampler.
        uniform: share of the trials that are uniform draws, never stopped.
        study: to go on with; its trials count as if they had been tried here. Every trial is added to it as it ends, so
            that an error in `accuracy` or Ctrl-C loses none but the one under way.

    Raises:
        OptimizeError, SamplerError, StoppingError, SpaceError: naming what is wrong.
        Exception: whatever `accuracy` and `size` raise.
    """
    for name, value in (("n_trials", n_trials), ("max_epochs", max_epochs), ("epoch_budget", epoch_budget)):
        if value is not None and (not isinstance(value, int) or value < 1):
            raise OptimizeError(f"{name} is {value!r}, expected a whole number of at least 1")
    domain = parameters if isinstance(parameters, Domain) else from_distributions(parameters)
    after = _by_epoch(accuracy, max_epochs)
    rule = make({"name": stopping} if isinstance(stopping, str) else stopping)
    proposer = Proposer(domain, {"name": sampler} if isinstance(sampler, str) else sampler, seed, uniform=uniform)
    study = Study() if study is None else study
    loop, tried = Loop(proposer, rule, max_epochs), set[Any]()
    for trial in study.trials:
        _add(loop, domain, trial, max_epochs)
        tried.add(key(trial.params))
    left = math.inf if epoch_budget is None else epoch_budget - study.epochs
    for number in range(len(study.trials), n_trials):
        if left < loop.next_rung(0):
            break
        chosen = loop.ask(
            number,
            lambda params: Candidate(params, (_positive(size(params), params),)),
            lambda candidate: key(candidate.params) in tried,
        )
        if chosen is None:
            break
        proposal, candidate = chosen
        trial = _train(loop, number, proposal, candidate.sizes[0], after, left)
        tried.add(key(trial.params))
        left -= trial.epochs
        study.trials.append(trial)
    return study


def _add(loop: Loop, domain: Domain, trial: Trial, max_epochs: int) -> None:
    """Adds a trial of an earlier search."""
    if not domain.contains(trial.params):
        raise OptimizeError(f"study: trial {trial.number} is at {trial.params}, which is no point of the parameters")
    if trial.epochs > max_epochs or (trial.state == "COMPLETE" and trial.epochs < max_epochs):
        raise OptimizeError(f"study: trial {trial.number} is {trial.state} after {trial.epochs} of {max_epochs} epochs")
    curve = () if trial.state == "FAIL" else trial.curve
    proposal = Proposal(trial.params, distributions(domain, trial.params), trial.system_attrs)
    loop.add(trial.number, proposal, (trial.size,), curve)
    loop.end(trial.number, trial.state, (trial.size,), curve)


def _train(
    loop: Loop,
    number: int,
    proposal: Proposal,
    size: float,
    after: Callable[[dict[str, Any], int], float],
    left: float,
) -> Trial:
    """Trains from rung to rung."""
    params, curve, state = dict(proposal.params), list[float](), "RUNNING"
    while state == "RUNNING":
        rung = loop.next_rung(len(curve))
        if rung > left:
            state = loop.end(number, "PRUNED", (size,), curve)
            break
        curve += (float(after(params, epoch)) for epoch in range(len(curve) + 1, rung + 1))
        failed = not all(map(math.isfinite, curve))
        state = loop.end(number, "FAIL", (size,)) if failed else loop.settle(number, (size,), curve)
    return Trial(number, params, size, tuple(curve), state, proposal.system_attrs)


def _by_epoch(accuracy: Callable[..., float], max_epochs: int) -> Callable[[dict[str, Any], int], float]:
    """The objective as a function of (params, epoch)."""
    kinds = [argument.kind for argument in signature(accuracy).parameters.values()]
    if sum(kind in POSITIONAL for kind in kinds) >= 2 or Argument.VAR_POSITIONAL in kinds:
        return accuracy
    if max_epochs > 1:
        raise OptimizeError(f"max_epochs is {max_epochs}, so accuracy must take (params, epoch); it takes (params)")
    return lambda params, epoch: accuracy(params)


def _positive(size: float, params: Mapping[str, Any]) -> float:
    if not (math.isfinite(size) and size > 0):
        raise OptimizeError(f"size is {size!r} at {dict(params)}, expected a number above 0")
    return float(size)
