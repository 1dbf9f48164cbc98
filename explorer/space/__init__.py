"""Design spaces, read from plain data.

{family: fire, search: {...}, fixed: {...}, options: {...}, limits: {...}, anchors: [...]}     one family
{families: {fire: {search: ...}, residual: {...}}, limits: {...}, anchors: [...]}              several
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from explorer.arch.families import families, metaparameters, named, nearest
from explorer.space.design import LIMITS, DesignSpace
from explorer.space.family import FamilySpace
from explorer.space.parameter import MOST_VALUES, Parameter, SpaceError, read_parameter
from explorer.space.union import UnionSpace

__all__ = ["DesignSpace", "FamilySpace", "SpaceError", "UnionSpace", "parse"]

KEYS = ("family", "search", "fixed", "options", "limits", "anchors")
UNION_KEYS = ("families", "limits", "anchors")


def parse(name: str, data: Mapping[str, Any]) -> DesignSpace:
    """Reads a space from plain data (a search_spaces/*.yaml file after Hydra has composed it).

    Raises:
        SpaceError: naming the key, its value and what would be right.
    """
    reader = _Reader(name, data)
    return reader.union() if "families" in data else reader.family()


class _Reader:
    """The space `name` from plain data, key by key."""

    def __init__(self, name: str, data: Mapping[str, Any]) -> None:
        self.name, self.data = name, data

    def family(self) -> FamilySpace:
        self._check_keys(KEYS)
        family = self.data.get("family")
        if not isinstance(family, str) or family not in families():
            self._wrong("family", f"is {family!r}, expected {nearest(str(family), families())}")
        keywords = metaparameters(str(family))
        all_keywords = dict.fromkeys(key for each in families() for key in metaparameters(each))
        search, fixed = (self._section(key, keywords, f"family {family}") for key in ("search", "fixed"))
        # Options of other families apply to anchors, such as `final_relu: false` to SqueezeNet.
        options = self._section("options", all_keywords, "every family")
        if not search:
            self._wrong("search", f"is empty, expected metaparameters of {family}: {', '.join(keywords)}")
        parameters: list[Parameter] = []
        for key, entry in search.items():
            if key in fixed or key in options:
                self._wrong(f"search.{key}", "is also fixed; set one of the two to null")
            settled = dict.fromkeys((*fixed, *options)) | {parameter.name: parameter for parameter in parameters}
            parameters.append(read_parameter(self.name, str(key), entry, settled))
        self._check_conditions(parameters)
        return FamilySpace(
            parameters=tuple(parameters),
            name=self.name,
            family=str(family),
            fixed=fixed,
            options=options,
            limits=self._limits(),
            anchors=self._anchors(),
        )

    def _check_conditions(self, parameters: Sequence[Parameter]) -> None:
        """Points are counted by trying every value of each parameter that another depends on."""
        asked = {key for parameter in parameters for key, _ in parameter.when}
        tried = math.prod(len(parameter.values or ()) for parameter in parameters if parameter.name in asked)
        if tried > MOST_VALUES:
            self._wrong("search", f"its conditions (when) depend on {tried:,} combinations, at most {MOST_VALUES:,}")

    def union(self) -> UnionSpace:
        self._check_keys(UNION_KEYS)
        parts: dict[str, FamilySpace] = {}
        for family, part in self._mapping("families").items():
            if not isinstance(part, Mapping) or part.get("family", family) != family:
                found = repr(part.get("family")) if isinstance(part, Mapping) else repr(part)
                self._wrong(f"families.{family}", f"is {found}, expected a space of the family {family}")
            parts[family] = _Reader(f"{self.name}.families.{family}", {**part, "family": family}).family()
        if not parts:
            self._wrong("families", f"is empty, expected spaces by their families: {', '.join(families())}")
        return UnionSpace.of(self.name, parts, self._limits(), self._anchors())

    def _check_keys(self, known: tuple[str, ...]) -> None:
        for key in self.data:
            if key not in known:
                self._wrong(str(key), f"no such key, expected {nearest(str(key), dict.fromkeys(known))}")

    def _mapping(self, key: str) -> dict[str, Any]:
        content = self.data.get(key) or {}
        if not isinstance(content, Mapping):
            self._wrong(key, f"is {content!r}, expected a mapping")
        # null removes an inherited key
        return {str(name): value for name, value in content.items() if value is not None}

    def _section(self, section: str, keywords: Mapping[str, Any], whose: str) -> dict[str, Any]:
        content = self._mapping(section)
        for key in content:
            if key not in keywords:
                self._wrong(f"{section}.{key}", f"{whose} has no such metaparameter, expected {nearest(key, keywords)}")
        return content

    def _limits(self) -> dict[str, int]:
        limits = self._mapping("limits")
        for key, limit in limits.items():
            number = isinstance(limit, int | float) and not isinstance(limit, bool)
            if key not in LIMITS or not number or not 0 < limit < math.inf:
                known = ", ".join(LIMITS)
                self._wrong(f"limits.{key}", f"is {limit!r}, expected a positive number for one of {known}")
        return limits

    def _anchors(self) -> tuple[str, ...]:
        anchors = self.data.get("anchors") or ()
        if not isinstance(anchors, list | tuple):
            self._wrong("anchors", f"is {anchors!r}, expected a list of {nearest(str(anchors), named())}")
        for anchor in anchors:
            if not isinstance(anchor, str) or anchor not in named():
                self._wrong("anchors", f"has {anchor!r}, expected a list of {nearest(str(anchor), named())}")
        return tuple(anchors)

    def _wrong(self, key: str, what: str) -> NoReturn:
        raise SpaceError(f"space {self.name}: {key}: {what}")
