"""A design space: points, their networks, limits and anchors. Pure data."""

from __future__ import annotations

import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from explorer.arch import Architecture, ArchitectureError, Shape, cost, totals
from explorer.arch.cost import norm_of_one_number
from explorer.arch.size import SIZES, Costs, Size, shown
from explorer.arch.totals import Predict
from explorer.space.domain import Domain
from explorer.space.parameter import SpaceError

LIMITS = tuple(SIZES)


@dataclass(frozen=True)
class DesignSpace(Domain, ABC):
    """A space of networks to search.

    Attributes:
        parameters: searched metaparameters, in the order in which they are drawn.
        name: of the space, for messages and as the study's name.
        limits: upper bounds on sizes (`explorer.arch.size`); they bind candidates, not anchors.
        anchors: published networks trained first, under the same recipe.
    """

    name: str
    limits: Mapping[str, int]
    anchors: tuple[str, ...]

    @abstractmethod
    def architecture(
        self, params: Mapping[str, Any], input_shape: Shape = (3, 227, 227), classes: int = 1000
    ) -> Architecture:
        """The network at a point.

        Raises:
            ArchitectureError: if it cannot be built.
        """

    @abstractmethod
    def anchor(self, name: str, input_shape: Shape, classes: int) -> Architecture:
        """A published network in the form that this space trains."""

    @abstractmethod
    def point_of(self, name: str) -> dict[str, Any] | None:
        """The point that builds a published network, or None if it lies outside the space."""

    @abstractmethod
    def probes(self) -> Iterator[dict[str, Any]]:
        """Points on which `check` builds networks: all of a small space, else corners and draws."""

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """Plain data that `parse` reads back."""

    @property
    def hash(self) -> str:
        """16 hex digits, equal for equal spaces whatever they are called."""
        text = json.dumps(self.as_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def within(self, limits: Mapping[str, int]) -> DesignSpace:
        """The space with further limits; of two for the same size the lower one holds."""
        lower = {key: min(limit, self.limits.get(key, limit)) for key, limit in limits.items()}
        return replace(self, limits={**self.limits, **lower})

    def over_limit(self, costs: Costs) -> str | None:
        """The first limit that a network breaks, in words, or None."""
        for key, limit in self.limits.items():
            if getattr(costs, key) > limit:
                return f"{getattr(costs, key):,} {key} is over the limit of {limit:,}"
        return None

    def check(
        self,
        input_shape: Shape,
        classes: int,
        batch: int = 2,
        sizes: Sequence[Size] = (),
        predict: Predict | None = None,
    ) -> None:
        """Looks for impossible networks and for limits that no point meets, at the points of `probes`.

        Args:
            input_shape, classes: of the data.
            batch: images of the smallest batch that is trained on.
            sizes: what a search minimises.
            predict: gives a network's latency or cycles, if they are a size or a limit.

        Raises:
            SpaceError: naming the point or the limit, or the size, if it is the same for every network.
        """
        smallest = dict.fromkeys(self.limits, math.inf)
        met, found = False, [set[float]() for _ in sizes]
        for params in self.probes():
            try:
                architecture = self.architecture(params, input_shape, classes)
                counted, costs = cost(architecture), totals(architecture, predict)  # cost checks the layers' names too
                over = self.over_limit(costs) is not None
            except ArchitectureError as error:
                raise self._error(
                    "search", f"{_words(params)} on {input_shape} builds an impossible network: {error}"
                ) from None
            if batch < 2 and (layer := norm_of_one_number(counted)) is not None:
                raise self._error(
                    "search",
                    f"{_words(params)} has batch normalisation on a 1x1 map ({layer}), which a batch of one image "
                    "cannot train; give recipe.batch_size=2 or more",
                )
            met = met or not over
            for size, numbers in zip(sizes, found, strict=True):
                numbers.add(size.of(costs))
                if math.inf in numbers:
                    raise self._error(
                        f"size={size.name}",
                        f"{_words(params)} has operators that the NPU leaves to the processor, so its cycles are not "
                        "known; leave it out of the space",
                    )
            smallest = {key: min(least, getattr(costs, key)) for key, least in smallest.items()}
        if not met:
            limits = ", ".join(
                f"{key}: {limit:,} (smallest found {smallest[key]:,})" for key, limit in self.limits.items()
            )
            raise self._error("limits", f"no point meets them: {limits}")
        for size, numbers in zip(sizes, found, strict=True):
            if len(numbers) == 1 < self.size:
                raise self._error(
                    f"size={size.name}",
                    f"is {shown(numbers.pop())} for every network, so there is nothing to trade for accuracy",
                )

    def _error(self, key: str, what: str) -> SpaceError:
        return SpaceError(f"space {self.name}: {key}: {what}")


def _words(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in params.items())
