"""A network as a chain of units to be drawn: a layer or a module each, with its parts, its cost, and what bypasses it.

Works on the tree alone, so for every family: a container becomes one unit where it is small enough to be drawn as one
(a Fire module, a residual block), else its children do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from explorer.arch import Architecture, LayerCost, cost
from explorer.arch import layers as L

Kind: TypeAlias = Literal["1x1", "3x3", "wide", "depthwise", "linear", "pool", "gate", "pass"]
MOST_CONVS, MOST_IN_A_ROW = 8, 3
"""Convolutions of a unit that branches, and of one that does not."""


@dataclass(frozen=True)
class Piece:
    """A layer of a unit.

    Attributes:
        kind: by which it is coloured: a convolution's kernel, or what else it is.
        label: 3x3/2, max 3x3/2, linear.
        channels: that it puts out.
    """

    kind: Kind
    label: str
    channels: int


@dataclass(frozen=True)
class Unit:
    """A box of the drawing.

    Attributes:
        name: path of the layer or module.
        shape: (channels, height, width) that it puts out.
        params, macs: of all its layers, those of its bypass too.
        stages: what comes one after the other; the pieces of a stage stand side by side.
    """

    name: str
    shape: L.Shape
    params: int
    macs: int
    stages: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True)
class Arc:
    """A way around the units from `first` to `last`: an identity, or the layer that `label` names."""

    first: int
    last: int
    label: str


@dataclass(frozen=True)
class Chain:
    """A network to be drawn."""

    input_shape: L.Shape
    params: int
    macs: int
    units: tuple[Unit, ...]
    arcs: tuple[Arc, ...]

    @property
    def widest(self) -> int:
        """Most channels of a stage."""
        stages = (stage for unit in self.units for stage in unit.stages)
        return max((sum(piece.channels for piece in stage) for stage in stages), default=1)


def chain(network: Architecture) -> Chain:
    """Reads a network.

    Raises:
        ArchitectureError: if it cannot exist.
    """
    counted = cost(network)
    reader = _Reader(iter(counted.layers))
    reader.read(network.tree, "")
    return Chain(network.input_shape, counted.params, counted.macs, tuple(reader.units), tuple(reader.arcs))


class _Reader:
    """Walks the tree along with the rows of its cost, which come in the same order: one a leaf."""

    def __init__(self, rows: Iterator[LayerCost]) -> None:
        self.rows = rows
        self.units: list[Unit] = []
        self.arcs: list[Arc] = []
        self._taken: list[LayerCost] = []
        self._bypasses: list[str] = []

    def read(self, layer: L.Layer, prefix: str) -> None:
        """Adds the units of a layer."""
        path = L.join(prefix, layer.name)
        if not L.children(layer) or _small(layer):
            self._add(layer, path)
        elif isinstance(layer, L.Add):
            self._around(layer, path)
        else:
            for child in L.children(layer):
                self.read(child, path)

    def _add(self, layer: L.Layer, path: str) -> None:
        """One unit; what has no piece of its own, such as batch norm, counts with the unit before it."""
        self._taken, self._bypasses = [], []
        stages = tuple(self._stages(layer))
        params, macs = sum(row.params for row in self._taken), sum(row.macs for row in self._taken)
        if not stages:
            if self.units and params:
                last = self.units[-1]
                changed = Unit(last.name, last.shape, last.params + params, last.macs + macs, last.stages)
                self.units[-1] = changed
            return
        place = len(self.units)
        self.arcs += [Arc(place, place, label) for label in self._bypasses]
        self.units.append(Unit(_name(layer, path), _shape(layer, self._taken), params, macs, stages))

    def _around(self, layer: L.Add, path: str) -> None:
        """A sum around several units: the branch with the most layers is drawn, the others are arcs around it."""
        main = max(layer.branches, key=_leaves)
        first, lost = len(self.units), 0
        labels: list[str] = []
        for branch in layer.branches:
            if branch is main:
                self.read(branch, path)
                continue
            self._taken = []
            labels.append(_words(self._stages(branch)))
            lost += sum(row.params for row in self._taken)
        last = len(self.units) - 1
        if last >= first:
            unit = self.units[last]
            self.units[last] = Unit(unit.name, unit.shape, unit.params + lost, unit.macs, unit.stages)
            self.arcs += [Arc(first, last, label) for label in labels]

    def _stages(self, layer: L.Layer) -> list[tuple[Piece, ...]]:
        """What a layer draws; takes its rows."""
        held = L.children(layer)
        if not held:
            if isinstance(layer, L.Sequential | L.Merge):
                return []
            row = next(self.rows)
            self._taken.append(row)
            piece = _piece(layer, row)
            return [(piece,)] if piece else []
        parts = [self._stages(child) for child in held]
        match layer:
            case L.Sequential():
                return [stage for part in parts for stage in part]
            case L.Concat():
                return _side_by_side(parts)
            case L.Add():
                main = max(range(len(held)), key=lambda i: _leaves(held[i]))
                self._bypasses += [_words(part) for i, part in enumerate(parts) if i != main]
                return parts[main]
            case _:  # a product: the branch that is a factor a channel is drawn as a gate
                gate = Piece("gate", "gate", self._taken[-1].output_shape[0])
                return [*min(parts, key=len), (gate,)]


def _side_by_side(parts: list[list[tuple[Piece, ...]]]) -> list[tuple[Piece, ...]]:
    """Branches of a concatenation, their ends in line; the share of the channels that a branch starts from is left."""
    cut = [part[1:] if len(part) > 1 and part[0][0].kind == "pass" else part for part in parts]
    height = max(map(len, cut))
    rows = [[piece for part in cut if len(part) >= height - i for piece in part[len(part) - height + i]]
            for i in range(height)]  # fmt: skip
    return [tuple(row) for row in rows]


def _piece(layer: L.Layer, row: LayerCost) -> Piece | None:
    """How a leaf is drawn, if it is."""
    channels = row.output_shape[0]
    match layer:
        case L.Conv2d():
            kernel = L.sides(layer.kernel_size)
            size = L.window(layer) + (f"/{layer.stride}" if layer.stride > 1 else "")
            if layer.groups > 1:
                alone = layer.groups == row.input_shape[0]
                return Piece("depthwise", f"{size} {'depthwise' if alone else f'in {layer.groups} groups'}", channels)
            kind: Kind = "1x1" if max(kernel) == 1 else "3x3" if max(kernel) == 3 else "wide"
            return Piece(kind, size, channels)
        case L.Linear():
            return Piece("linear", "linear", channels)
        case L.MaxPool2d():
            return Piece("pool", f"max {L.window(layer)}/{layer.stride}", channels)
        case L.GlobalAvgPool2d() | L.AdaptiveAvgPool2d():
            return Piece("pool", "average", channels)
        case L.Chunk():
            return Piece("pass", "as it is", channels)
        case _:
            return None


def _small(layer: L.Layer) -> bool:
    """Whether a container is drawn as one unit: a few convolutions, at most one sum and one concatenation, no pool."""
    inner = [each for _, each in L.walk(layer)]
    convs = sum(isinstance(each, L.Conv2d) for each in inner)
    sums, joins = (sum(isinstance(each, kind) for each in inner) for kind in (L.Add, L.Concat))
    gates = any(isinstance(each, L.Multiply) for each in inner)
    if any(isinstance(each, L.MaxPool2d | L.AdaptiveAvgPool2d | L.Linear) for each in inner) or not convs:
        return False
    if not gates and any(isinstance(each, L.GlobalAvgPool2d) for each in inner):
        return False
    if isinstance(layer, L.Sequential) and not layer.name and not (sums or joins or gates):
        return False
    return sums <= 1 and joins <= 1 and convs <= (MOST_CONVS if sums or joins or gates else MOST_IN_A_ROW)


def _name(layer: L.Layer, path: str) -> str:
    """The path of a layer, or, where it has no name of its own, of the first below it that has one."""
    if layer.name:
        return path
    return next((below for below, inner in L.walk(layer, path) if inner.name), path) or type(layer).__name__


def _shape(layer: L.Layer, rows: list[LayerCost]) -> L.Shape:
    """The output shape of a unit."""
    return _output(layer, iter(rows)) or rows[-1].output_shape


def _output(layer: L.Layer, rows: Iterator[LayerCost]) -> L.Shape | None:
    """The output shape of a layer; None for an identity."""
    held = L.children(layer)
    if not held:
        return None if isinstance(layer, L.Sequential | L.Merge) else next(rows).output_shape
    shapes = [_output(child, rows) for child in held]
    outputs = [shape for shape in shapes if shape]
    if isinstance(layer, L.Concat) and outputs:
        return sum(shape[0] for shape in outputs), *outputs[0][1:]
    if isinstance(layer, L.Multiply) and outputs:
        return max(outputs, key=lambda shape: shape[1] * shape[2])
    return outputs[-1] if outputs else None


def _leaves(layer: L.Layer) -> int:
    return sum(isinstance(each, L.Weighted) for _, each in L.walk(layer))


def _words(stages: list[tuple[Piece, ...]]) -> str:
    """1x1/2, or nothing for an identity."""
    return ", ".join(piece.label for stage in stages for piece in stage)
