"""The space of one family: which of its metaparameters are searched, over what, and which are fixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, product
from random import Random
from typing import Any

from explorer.arch import Architecture, Shape, architecture
from explorer.arch.families import families, metaparameters, named
from explorer.space.design import DesignSpace
from explorer.space.parameter import as_plain

PROBED = 4096
"""Most points of a space that is probed completely; a larger one has so many corners and DRAWN draws."""
DRAWN = 500


@dataclass(frozen=True)
class FamilySpace(DesignSpace):
    """A family, its metaparameters searched and fixed, the limits and the anchors.

    Attributes:
        family: name of the family.
        fixed: metaparameters that every candidate has.
        options: metaparameters of every network whose family has them, anchors included.
    """

    family: str
    fixed: Mapping[str, Any]
    options: Mapping[str, Any]

    @cached_property
    def _settled(self) -> dict[str, Any]:
        keywords = metaparameters(self.family)
        return {**self.fixed, **{key: value for key, value in self.options.items() if key in keywords}}

    @property
    def constants(self) -> Mapping[str, Any]:
        """Metaparameters that every candidate has."""
        return self._settled

    def architecture(
        self, params: Mapping[str, Any], input_shape: Shape = (3, 227, 227), classes: int = 1000
    ) -> Architecture:
        """The network at a point.

        Raises:
            ArchitectureError: if it cannot be built.
        """
        return families()[self.family](input_shape, classes, **{**self.constants, **params})

    def anchor(self, name: str, input_shape: Shape, classes: int) -> Architecture:
        """A published network in the form that this space trains."""
        return architecture(name, input_shape, classes, self.options)

    def point_of(self, name: str) -> dict[str, Any] | None:
        """The point that builds a published network, or None if it lies outside the space."""
        family, changes = named()[name]
        if family != self.family:
            return None
        canonical = metaparameters(family) | changes
        searched = {parameter.name: parameter for parameter in self.parameters}
        for key, value in {**metaparameters(family), **self.fixed}.items():
            if key not in searched and key not in self.options and canonical[key] != value:
                return None
        params: dict[str, Any] = {}
        for parameter in self.parameters:
            if self.active(parameter, params):
                if not parameter.contains(canonical[parameter.name]):
                    return None
                params[parameter.name] = canonical[parameter.name]
        return params

    def probes(self) -> Iterator[dict[str, Any]]:
        """Every point of a small space; of a large one corners and draws."""
        if self.size <= PROBED:
            yield from self.points()
            return
        ends = [(p.choices if p.type == "categorical" else (p.low, p.high)) for p in self.parameters]
        for corner in islice(product(*ends), PROBED):
            params: dict[str, Any] = {}
            for parameter, value in zip(self.parameters, corner, strict=True):
                if self.active(parameter, params):
                    params[parameter.name] = int(value) if parameter.type == "int" else value
            yield params
        rng = Random(0)
        for _ in range(DRAWN):
            yield self.sample(rng)

    def as_dict(self) -> dict[str, Any]:
        """Plain data that `parse` reads back."""
        return {
            "family": self.family,
            "search": {parameter.name: as_plain(parameter) for parameter in self.parameters},
            "fixed": dict(self.fixed),
            "options": dict(self.options),
            "limits": dict(self.limits),
            "anchors": list(self.anchors),
        }
