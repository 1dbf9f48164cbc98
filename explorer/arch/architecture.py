"""Architecture: a layer tree with its input shape; its identity; JSON there and back."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import Field, asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from explorer.arch import layers as L

FORMAT = "explorer.architecture/1"
# What a file from elsewhere may ask for: no real network comes near, and nothing below has to fear what lies beyond.
LARGEST = 2**24
DEEPEST = 32
NAME = re.compile(r"[A-Za-z0-9_]*", re.ASCII)
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(L.Layer)}


@dataclass(frozen=True)
class Architecture:
    """A whole network.

    Attributes:
        input_shape: (channels, height, width) of one image.
        layers: from the image to the logits.
        adapted: what a family changed to fit the input, in words; no part of the identity.
    """

    input_shape: L.Shape
    layers: tuple[L.Layer, ...]
    adapted: tuple[str, ...] = ()

    @property
    def tree(self) -> L.Sequential:
        """The layers as one nameless Sequential."""
        return L.Sequential("", self.layers)

    @cached_property
    def identity(self) -> str:
        """16 hex digits, equal for equal networks: names and needless nesting do not count."""
        text = json.dumps([list(self.input_shape), _structure(self.tree)], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back to an equal Architecture."""
        return json.dumps(
            {
                "format": FORMAT,
                "identity": self.identity,
                "input_shape": list(self.input_shape),
                "adapted": list(self.adapted),
                "layers": [_encode(layer) for layer in self.layers],
            },
            separators=(",", ":"),
        )

    @staticmethod
    def from_json(text: str) -> Architecture:
        """Reads what `to_json` wrote.

        Raises:
            ArchitectureError: for anything else, naming the place that is wrong.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise L.ArchitectureError(f"no architecture JSON: {error}") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise L.ArchitectureError(f"format is {_short(found)}, expected {FORMAT!r}")
        shape, nodes, adapted = data.get("input_shape"), data.get("layers"), data.get("adapted", [])
        if not (
            isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and 0 < n <= LARGEST for n in shape)
        ):
            raise L.ArchitectureError(f"input_shape is {_short(shape)}, expected [channels, height, width]")
        if not isinstance(adapted, list) or not all(isinstance(note, str) and note.isprintable() for note in adapted):
            raise L.ArchitectureError("adapted is not a list of one-line strings")
        architecture = Architecture((shape[0], shape[1], shape[2]), _decode_all(nodes, "layers"), tuple(adapted))
        identity = architecture.identity
        if data.get("identity") != identity:
            raise L.ArchitectureError(
                f"identity is {_short(data.get('identity'))}, but the layers give {identity!r}: the file was altered"
            )
        return architecture

    @staticmethod
    def read(file: str | Path) -> Architecture:
        """Reads a file that holds what `to_json` wrote.

        Raises:
            ArchitectureError: naming the file.
        """
        try:
            return Architecture.from_json(Path(file).read_text(encoding="utf-8"))
        except OSError as error:
            raise L.ArchitectureError(f"{file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise L.ArchitectureError(f"{file}: no text, expected an architecture.json") from None
        except L.ArchitectureError as error:
            raise L.ArchitectureError(f"{file}: {error}") from None


def _encode(layer: L.Layer) -> dict[str, Any]:
    node: dict[str, Any] = {"type": type(layer).__name__, "name": layer.name}
    held = L.children(layer)
    if isinstance(layer, L.Sequential | L.Merge):
        node["layers" if isinstance(layer, L.Sequential) else "branches"] = [_encode(child) for child in held]
    else:
        node |= asdict(layer)
    return node


def _decode_all(nodes: object, where: str) -> tuple[L.Layer, ...]:
    if not isinstance(nodes, list):
        raise L.ArchitectureError(f"{where} is not a list")
    if where.count(".") > DEEPEST:
        raise L.ArchitectureError(f"layers are nested deeper than {DEEPEST} containers")
    return tuple(_decode(node, f"{where}[{i}]") for i, node in enumerate(nodes))


def _decode(node: object, where: str) -> L.Layer:
    found = node.get("type") if isinstance(node, dict) else node
    if not isinstance(node, dict) or not isinstance(found, str) or found not in KINDS:
        raise L.ArchitectureError(f"{where}: unknown layer type {_short(found)}, expected one of {', '.join(KINDS)}")
    kind = KINDS[found]
    arguments: dict[str, Any] = {}
    for field in fields(kind):
        if field.name not in node:
            raise L.ArchitectureError(f"{where}: {kind.__name__} lacks {field.name!r}")
        value = node[field.name]
        if field.name in ("layers", "branches"):
            arguments[field.name] = _decode_all(value, f"{where}.{field.name}")
            continue
        good, expected = _check(field, value)
        if not good:
            raise L.ArchitectureError(f"{where}: {kind.__name__}.{field.name} is {_short(value)}, expected {expected}")
        arguments[field.name] = tuple(value) if isinstance(value, list) else value
    unknown = set(node) - {field.name for field in fields(kind)} - {"type"}
    if unknown:
        raise L.ArchitectureError(f"{where}: {kind.__name__} has no {_short(min(unknown))}")
    layer: L.Layer = kind(**arguments)
    return layer


def _check(field: Field[Any], value: object) -> tuple[bool, str]:
    """Whether a value from a file is one the field may hold, and in words what it may hold."""
    match field.type:
        case "str":
            return isinstance(value, str) and NAME.fullmatch(value) is not None, "letters, digits and _"
        case "bool":
            return type(value) is bool, "true or false"
        case "float":
            return type(value) is float and 0 < value < LARGEST, "a decimal number above 0"
    smallest = 0 if field.name in ("padding", "index") else 1

    def whole(number: object) -> bool:
        return type(number) is int and smallest <= number <= LARGEST

    expected = f"a whole number from {smallest} to {LARGEST}"
    if field.type == "Sides" and isinstance(value, list):  # two equal ones would be another way to write a square
        return len(value) == 2 and all(map(whole, value)) and value[0] != value[1], f"{expected}, or two different ones"
    return whole(value), expected


def _short(value: object) -> str:
    """A value as an error message shows it: on one line that ends."""
    parts = value if isinstance(value, list) else [value]
    text = type(value).__name__ if any(isinstance(part, list | dict) for part in parts) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _structure(layer: L.Layer) -> list[Any]:
    """The tree without names, Sequentials flattened: what is computed, not how it is written."""
    match layer:
        case L.Sequential():
            flat: list[Any] = []
            for child in layer.layers:
                inner = _structure(child)
                flat.extend(inner[1:] if inner[0] == "Sequential" else [inner])
            return flat[0] if len(flat) == 1 else ["Sequential", *flat]
        case L.Concat() | L.Add() | L.Multiply():
            inners = [_structure(branch) for branch in layer.branches]
            if isinstance(layer, L.Concat):
                inners = [part for inner in inners for part in (inner[1:] if inner[0] == "Concat" else [inner])]
            return inners[0] if len(inners) == 1 else [type(layer).__name__, *inners]
        case _:
            return [type(layer).__name__, *(value for key, value in asdict(layer).items() if key != "name")]
