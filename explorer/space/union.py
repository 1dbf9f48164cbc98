"""Several families as one space: the family is a parameter, and decides which others exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from explorer.arch import Architecture, Shape, architecture
from explorer.arch.families import metaparameters, named
from explorer.space.design import DesignSpace
from explorer.space.family import FamilySpace
from explorer.space.parameter import Parameter

FAMILY = "family"


@dataclass(frozen=True)
class UnionSpace(DesignSpace):
    """Spaces of families side by side, under common limits and with common anchors.

    A point has its `family` and, as FAMILY.METAPARAMETER, that family's metaparameters: families share names such as
    `depth`, but not their ranges and meaning.

    Attributes:
        parts: the space of each family, by its name, without limits and anchors of its own.
    """

    parts: Mapping[str, FamilySpace]

    @staticmethod
    def of(
        name: str, parts: Mapping[str, FamilySpace], limits: Mapping[str, int], anchors: tuple[str, ...]
    ) -> UnionSpace:
        """The union of spaces; their own limits and anchors do not count."""
        bare = {family: replace(part, limits={}, anchors=()) for family, part in parts.items()}
        choice = Parameter(FAMILY, "categorical", choices=tuple(bare))
        theirs = (_conditional(family, parameter) for family, part in bare.items() for parameter in part.parameters)
        return UnionSpace(parameters=(choice, *theirs), name=name, limits=limits, anchors=anchors, parts=bare)

    @cached_property
    def _settled(self) -> dict[str, Any]:
        return {
            f"{family}.{key}": value for family, part in self.parts.items() for key, value in part.constants.items()
        }

    @property
    def constants(self) -> Mapping[str, Any]:
        """Metaparameters that every candidate of a family has."""
        return self._settled

    def architecture(
        self, params: Mapping[str, Any], input_shape: Shape = (3, 227, 227), classes: int = 1000
    ) -> Architecture:
        """The network at a point.

        Raises:
            ArchitectureError: if it cannot be built.
        """
        start = f"{params[FAMILY]}."
        of_family = {name.removeprefix(start): value for name, value in params.items() if name.startswith(start)}
        return self.parts[params[FAMILY]].architecture(of_family, input_shape, classes)

    def anchor(self, name: str, input_shape: Shape, classes: int) -> Architecture:
        """A published network with its family's options; if the family is no part, with those parts have for others."""
        if part := self.parts.get(named()[name][0]):
            return part.anchor(name, input_shape, classes)
        options = {
            key: value
            for family, part in self.parts.items()
            for key, value in part.options.items()
            if key not in metaparameters(family)
        }
        return architecture(name, input_shape, classes, options)

    def point_of(self, name: str) -> dict[str, Any] | None:
        """The point that builds a published network, or None if it lies outside the space."""
        family = named()[name][0]
        point = self.parts[family].point_of(name) if family in self.parts else None
        return None if point is None else _prefixed(family, point)

    def probes(self) -> Iterator[dict[str, Any]]:
        """Those of every family."""
        for family, part in self.parts.items():
            for point in part.probes():
                yield _prefixed(family, point)

    def as_dict(self) -> dict[str, Any]:
        """Plain data that `parse` reads back."""
        parts = {family: part.as_dict() for family, part in self.parts.items()}
        keys = ("search", "fixed", "options")
        return {
            "families": {family: {key: part[key] for key in keys} for family, part in parts.items()},
            "limits": dict(self.limits),
            "anchors": list(self.anchors),
        }


def _conditional(family: str, parameter: Parameter) -> Parameter:
    """A family's parameter as one of the union's."""
    when = ((FAMILY, (family,)), *((f"{family}.{key}", values) for key, values in parameter.when))
    return replace(parameter, name=f"{family}.{parameter.name}", when=when)


def _prefixed(family: str, point: Mapping[str, Any]) -> dict[str, Any]:
    return {FAMILY: family, **{f"{family}.{name}": value for name, value in point.items()}}
