"""A learning curve, packed: a study of 10,000 trials keeps its curves in a tenth of the memory of as many dicts."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, overload

WHOLE = "epoch"
"""The one name whose numbers are whole."""


@lru_cache(maxsize=1000)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One object for equal names: nearly all epochs have the same."""
    return names


def column(curve: Sequence[Mapping[str, float]], name: str, default: float | None = None) -> list[float]:
    """The numbers of one name in a curve of either kind.

    Raises:
        KeyError: if an epoch has none, and there is no default.
    """
    if isinstance(curve, Curve):
        return curve.column(name, default)
    return [epoch[name] if default is None else epoch.get(name, default) for epoch in curve]


class Curve(Sequence[dict[str, float]]):
    """Epochs of a training, each made into a dict when it is asked for; equal to a list or a tuple of them.

    Args:
        epochs: numbers by name.

    Raises:
        TypeError: if some value is no number.
    """

    __slots__ = ("_names", "_numbers")

    def __init__(self, epochs: Iterable[Mapping[str, float]] = ()) -> None:
        epochs = list(epochs)
        self._names = tuple(_shared(tuple(epoch)) for epoch in epochs)
        self._numbers = array("d", chain.from_iterable(epoch.values() for epoch in epochs))

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> dict[str, float]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[dict[str, float], ...]: ...
    def __getitem__(self, index: int | slice) -> dict[str, float] | tuple[dict[str, float], ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        at = range(len(self._names))[index]
        return self._epoch(at, sum(map(len, self._names[:at])))

    def __iter__(self) -> Iterator[dict[str, float]]:
        start = 0
        for at, names in enumerate(self._names):
            yield self._epoch(at, start)
            start += len(names)

    def column(self, name: str, default: float | None = None) -> list[float]:
        """See `column`."""
        if not self._names:
            return []
        if len(set(self._names)) > 1 or name not in self._names[0]:
            return column(list(self), name, default)
        return self._numbers[self._names[0].index(name) :: len(self._names[0])].tolist()

    def _epoch(self, at: int, start: int) -> dict[str, float]:
        names = self._names[at]
        found = dict(zip(names, self._numbers[start : start + len(names)], strict=True))
        if WHOLE in found:
            found[WHOLE] = int(found[WHOLE])
        return found

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(dict.__eq__, self, other))

    def __hash__(self) -> int:
        return hash((self._names, tuple(self._numbers)))

    def __repr__(self) -> str:
        return repr(tuple(self))
