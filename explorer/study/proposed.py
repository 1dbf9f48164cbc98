"""Networks that a person proposes: a point of the space, or an architecture.json. They are trained next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf, prod
from typing import Any, TypeAlias

from explorer.arch import Architecture, Shape, cost, totals
from explorer.arch.totals import Predict
from explorer.space import DesignSpace

Given: TypeAlias = Mapping[str, Any] | str
"""A point, or the name of a file."""


class ProposalError(ValueError):
    """A network that cannot be trained in this study; one line saying why."""


@dataclass(frozen=True)
class Proposed:
    """A network to be trained next.

    Attributes:
        params: its point of the space; None if it came in a file.
        architecture: of it.
    """

    params: Mapping[str, Any] | None
    architecture: Architecture


def check_point(space: DesignSpace, params: Mapping[str, Any]) -> None:
    """Refuses what is no point of a space.

    Raises:
        ProposalError: naming the first parameter that is missing, unknown or beyond its range.
    """
    active = {each.name: each for each in space.parameters if space.active(each, params)}
    for name, parameter in active.items():
        if name not in params:
            raise ProposalError(f"try: {name} is missing, expected {parameter.words}")
        if not parameter.contains(params[name]):
            raise ProposalError(f"try: {name} is {params[name]!r}, expected {parameter.words}")
    for name in params:
        if name not in active:
            raise ProposalError(f"try: {name} is no parameter there, expected {', '.join(active)}")


def propose(
    space: DesignSpace, given: Given, input_shape: Shape, classes: int, predict: Predict | None = None
) -> Proposed:
    """The network that a person means.

    Raises:
        ArchitectureError: naming a file that holds none.
        ProposalError: if it is over a limit, or not for these images.
    """
    if isinstance(given, str):
        architecture = Architecture.read(given)
        if architecture.input_shape != input_shape:
            shapes = _words(architecture.input_shape), _words(input_shape)
            raise ProposalError("try: {} takes images of {}, the study's are {}".format(given, *shapes))
        if (told := prod(cost(architecture).output_shape)) != classes:
            raise ProposalError(f"try: {given} tells {told} classes apart, the study has {classes}")
        _check_placed(architecture, predict)
        return Proposed(None, architecture)
    check_point(space, given)
    architecture = space.architecture(given, input_shape, classes)
    if (over := space.over_limit(totals(architecture, predict))) is not None:
        raise ProposalError(f"try: {over}")
    _check_placed(architecture, predict)
    return Proposed(dict(given), architecture)


def _check_placed(architecture: Architecture, predict: Predict | None) -> None:
    if predict is not None and isinf(predict(architecture)):
        raise ProposalError(
            f"try: it has operators that the NPU leaves to the processor, so its {predict.cost} are not known"
        )


def _words(shape: Shape) -> str:
    return "x".join(map(str, shape))
