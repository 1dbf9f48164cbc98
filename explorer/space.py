"""A design space: which metaparameters of a family are searched, over what, within which limits. Pure data."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from random import Random
from typing import Any

from explorer.arch import Architecture, ArchitectureError, Cost, Shape, architecture, cost
from explorer.arch.families import families, metaparameters, named, nearest
from explorer.domain import ENUMERABLE, Domain
from explorer.parameter import Parameter, SpaceError, as_plain, read_parameter

__all__ = ["DesignSpace", "SpaceError", "parse"]

LIMITS = ("params", "bytes", "macs")


@dataclass(frozen=True)
class DesignSpace(Domain):
    """A family, the metaparameters searched and fixed, the limits and the anchors.

    Attributes:
        parameters: searched metaparameters, in the order in which they are asked for.
        name: of the space, for messages and as the study's name.
        family: name of the family.
        fixed: metaparameters that every candidate has.
        options: metaparameters that every network of the study has, anchors included.
        limits: upper bounds on params, bytes and macs.
        anchors: published networks trained first, under the same recipe.
    """

    name: str
    family: str
    fixed: Mapping[str, Any]
    options: Mapping[str, Any]
    limits: Mapping[str, int]
    anchors: tuple[str, ...]

    @property
    def known(self) -> Mapping[str, Any]:
        """Metaparameters that every candidate has."""
        return {**self.fixed, **self.options}

    def architecture(
        self, params: Mapping[str, Any], input_shape: Shape = (3, 227, 227), classes: int = 1000
    ) -> Architecture:
        """The network at a point.

        Raises:
            ArchitectureError: if it cannot be built.
        """
        return families()[self.family](input_shape, classes, **{**self.known, **params})

    def anchor(self, name: str, input_shape: Shape, classes: int) -> Architecture:
        """A published network in the form that this space trains."""
        return architecture(name, input_shape, classes, self.options)

    def point_of(self, name: str) -> dict[str, Any] | None:
        """The point that builds a published network, or None if it lies outside the space."""
        family, own = named()[name]
        if family != self.family:
            return None
        canonical = metaparameters(family) | own
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

    def over_limit(self, costs: Cost) -> str | None:
        """The first limit that a network breaks, in words, or None."""
        for key, limit in self.limits.items():
            if getattr(costs, key) > limit:
                return f"{getattr(costs, key):,} {key} is over the limit of {limit:,}"
        return None

    def check(self, input_shape: Shape, classes: int) -> None:
        """Looks for impossible networks and for limits that no point meets.

        Every point of a small space is looked at; of a large one the corners and 2,000 draws.

        Raises:
            SpaceError: naming the point or the limit.
        """
        smallest = dict.fromkeys(self.limits, math.inf)
        met = False
        for params in self._probes():
            try:
                costs = cost(self.architecture(params, input_shape, classes))
            except ArchitectureError as error:
                point = ", ".join(f"{key}={value}" for key, value in params.items())
                raise self._error("search", f"{point} on {input_shape} builds an impossible network: {error}") from None
            met = met or self.over_limit(costs) is None
            smallest = {key: min(least, getattr(costs, key)) for key, least in smallest.items()}
        if not met:
            found = ", ".join(
                f"{key}: {limit:,} (smallest found {smallest[key]:,})" for key, limit in self.limits.items()
            )
            raise self._error("limits", f"no point meets them: {found}")

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

    @property
    def hash(self) -> str:
        """16 hex digits, equal for equal spaces whatever they are called."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _probes(self) -> Iterator[dict[str, Any]]:
        if self.size <= ENUMERABLE:
            yield from self.points()
            return
        ends = [(p.choices if p.type == "categorical" else (p.low, p.high)) for p in self.parameters]
        for corner in islice(product(*ends), 4096):
            params: dict[str, Any] = {}
            for parameter, value in zip(self.parameters, corner, strict=True):
                if self.active(parameter, params):
                    params[parameter.name] = int(value) if parameter.type == "int" else value
            yield params
        rng = Random(0)
        for _ in range(2000):
            yield self.sample(rng)

    def _error(self, key: str, what: str) -> SpaceError:
        return SpaceError(f"space {self.name}: {key}: {what}")


def parse(name: str, data: Mapping[str, Any]) -> DesignSpace:
    """Reads a space from plain data (a search_spaces/*.yaml file after Hydra has composed it).

    Raises:
        SpaceError: naming the key, its value and what would be right.
    """

    def wrong(key: str, what: str) -> SpaceError:
        return SpaceError(f"space {name}: {key}: {what}")

    known = ("family", "search", "fixed", "options", "limits", "anchors")
    for key in data:
        if key not in known:
            raise wrong(str(key), f"no such key, expected {nearest(str(key), dict.fromkeys(known))}")
    family = data.get("family")
    if family not in families():
        raise wrong("family", f"is {family!r}, expected {nearest(str(family), families())}")
    keywords = metaparameters(str(family))
    sections: dict[str, Mapping[str, Any]] = {}
    for section in ("search", "fixed", "options", "limits"):
        content = data.get(section) or {}
        if not isinstance(content, Mapping):
            raise wrong(section, f"is {content!r}, expected a mapping")
        # null takes an inherited key away
        content = {key: value for key, value in content.items() if value is not None}
        sections[section] = content
        for key in content if section != "limits" else ():
            if key not in keywords:
                raise wrong(
                    f"{section}.{key}",
                    f"family {family} has no such metaparameter, expected {nearest(str(key), keywords)}",
                )
    if not sections["search"]:
        raise wrong("search", f"is empty, expected metaparameters of {family}: {', '.join(keywords)}")
    for key, limit in sections["limits"].items():
        if key not in LIMITS or not isinstance(limit, int | float) or isinstance(limit, bool) or limit <= 0:
            raise wrong(f"limits.{key}", f"is {limit!r}, expected a positive number for one of {', '.join(LIMITS)}")
    anchors = data.get("anchors") or ()
    if isinstance(anchors, str) or any(anchor not in named() for anchor in anchors):
        strange = anchors if isinstance(anchors, str) else next(a for a in anchors if a not in named())
        raise wrong("anchors", f"has {strange!r}, expected a list of {nearest(str(strange), named())}")
    parameters: list[Parameter] = []
    for key, entry in sections["search"].items():
        if key in sections["fixed"] or key in sections["options"]:
            raise wrong(f"search.{key}", "is also fixed; set one of the two to null")
        settled = {p.name for p in parameters} | set(sections["fixed"]) | set(sections["options"])
        parameters.append(read_parameter(name, str(key), entry, settled))
    return DesignSpace(
        parameters=tuple(parameters),
        name=name,
        family=str(family),
        fixed=dict(sections["fixed"]),
        options=dict(sections["options"]),
        limits=dict(sections["limits"]),
        anchors=tuple(anchors),
    )
