"""A network layer by layer: Table 1 of the SqueezeNet paper for any Architecture, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from explorer.arch import Architecture, Cost, LayerCost, architecture, cost, tflite
from explorer.arch import layers as L
from explorer.arch.cost import show
from explorer.arch.tflite.arena import HOST

ALEXNET = "alexnet_caffe"
FIRE = ("squeeze", "expand1x1", "expand3x3")
# They change no shape and hold no weights; the paper's table leaves them out too.
HIDDEN = ("ReLU", "ReLU6", "SiLU", "Hardswish", "Sigmoid", "Dropout", "Flatten")
NAME = 26
"""Columns of a layer's path."""


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        layer: path of the layer or Fire module.
        output: 55x55x96.
        filter: 3x3/2 (x96): kernel, stride and number of filters.
        fire: filters of squeeze, expand1x1, expand3x3; nothing for other layers.
        params, macs: counts.
    """

    layer: str
    output: str
    filter: str
    fire: tuple[int, ...]
    params: int
    macs: int


def rows(network: Architecture) -> list[Row]:
    """One row a layer, a whole Fire module being one."""
    counted = cost(network)
    leaves = {path: layer for path, layer in L.walk(network.tree) if layer.name and isinstance(layer, L.Leaf)}
    modules = {path.rpartition(".")[0] for path in leaves}
    fires = {module for module in modules if module and all(f"{module}.{part}" in leaves for part in FIRE)}
    bypassed = _bypassed(network)
    table: list[Row] = []
    for row in counted.layers:
        module = row.name.rpartition(".")[0]
        if module in fires or row.name in fires:  # a nameless layer has its module's path
            table = _add_to_fire(table, module if module in fires else row.name, row)
        elif row.type not in HIDDEN:
            text = _filter(leaves.get(row.name), row)
            table.append(Row(row.name or row.type, show(row.output_shape), text, (), row.params, row.macs))
    return [replace(row, filter="+ identity bypass") if row.layer in bypassed else row for row in table]


def _place(name: str) -> str:
    """A layer's path that fits the column; its end says most."""
    return name if len(name) <= NAME else f"..{name[2 - NAME :]}"


def table(network: Architecture, name: str) -> str:
    """The table as plain text, less than 100 columns wide.

    Args:
        network: any architecture.
        name: what to call it.

    Raises:
        ArchitectureError: if the network cannot exist.
    """
    counted, lines = cost(network), rows(network)
    heads = ["layer", "output", "filter/stride", "s1x1", "e1x1", "e3x3", "params", "%", "macs", "%"]
    cells = [["input", show(network.input_shape), *[""] * 8]]
    cells += [[*_cells(row), *_counts(row.params, counted.params), *_counts(row.macs, counted.macs)] for row in lines]
    total = ["total", "", "", "", "", "", f"{counted.params:,}", "", f"{counted.macs:,}", ""]
    columns = [i for i in range(len(heads)) if any(line[i] for line in [*cells, total])]
    widths = {i: max(len(line[i]) for line in [heads, *cells, total]) for i in columns}

    def write(line: list[str]) -> str:
        parts = [line[i].ljust(widths[i]) if i < 3 else line[i].rjust(widths[i]) for i in columns]
        return "  ".join(parts).rstrip()

    rule = "─" * (sum(widths.values()) + 2 * (len(columns) - 1))
    title = f"{name}: {show(network.input_shape)} in, {counted.output_shape[0]} classes, identity {network.identity}"
    return "\n".join(
        [title, "", write(heads), rule, *map(write, cells), rule, write(total), "", *_summary(network, counted)]
    )


def as_json(network: Architecture, name: str) -> str:
    """The same as JSON, every layer with its exact numbers; one layer a line.

    Args, Raises: as for `table`.
    """
    counted = cost(network)
    facts = {
        "name": name,
        "identity": network.identity,
        "input_shape": network.input_shape,
        "output_shape": counted.output_shape,
        "adapted": network.adapted,
        "params": counted.params,
        "bytes": counted.bytes,
        "statistics_bytes": counted.statistics_bytes,
        "macs": counted.macs,
        "times_smaller_than_alexnet": round(times_smaller_than_alexnet(network), 3),
    }
    head = [f"  {json.dumps(key)}: {json.dumps(value)}," for key, value in facts.items()]
    layers = ",\n".join(f"    {json.dumps(asdict(layer))}" for layer in counted.layers)
    return "\n".join(["{", *head, '  "layers": [', layers, "  ]", "}"])


def times_smaller_than_alexnet(network: Architecture) -> float:
    """Params of the Caffe AlexNet for the same input and classes over the network's params."""
    counted = cost(network)
    alexnet = architecture(ALEXNET, network.input_shape, counted.output_shape[0])
    return cost(alexnet).params / max(counted.params, 1)


def _int8(network: Architecture) -> list[str]:
    """What a network needs on a board, in lines."""
    try:
        needed = tflite.arena(tflite.program(network), HOST)
    except tflite.OperatorError as error:
        return ["not in TFLite Micro:", str(error)]
    arena = f"{needed.total:,} bytes of arena, {needed.head:,} of them activations"
    return [f"{tflite.flash(network):,} bytes of flash in TFLite Micro", arena]


def _summary(network: Architecture, counted: Cost) -> list[str]:
    facts = [
        ("params", f"{counted.params:,}"),
        ("bytes", f"{counted.bytes:,} in fp32: {counted.bytes / 1e6:,.2f} MB, {counted.bytes / 2**20:,.2f} MiB"),
        ("macs", f"{counted.macs:,} multiply-accumulates for one image"),
        ("", "in convolutions and linear layers; biases, norms and pools count as none"),
        ("memory", f"{counted.activations:,} bytes of activations at once, in fp32"),
    ]
    facts += [("" if i else "int8", words) for i, words in enumerate(_int8(network))]
    if counted.statistics_bytes:
        facts.insert(2, ("", f"{counted.statistics_bytes:,} more for batch norm's running statistics"))
    times = times_smaller_than_alexnet(network)
    if times != 1:
        of = "AlexNet (Caffe's) for the same input and classes"
        facts.append(
            ("ratio", f"{times:,.1f} times smaller than {of}" if times > 1 else f"{1 / times:,.2f} times {of}")
        )
    facts += [("" if i else "adapted", note) for i, note in enumerate(network.adapted)]
    return [f"{key:<8} {value}" for key, value in facts]


def _cells(row: Row) -> list[str]:
    return [_place(row.layer), row.output, row.filter, *(map(str, row.fire) if row.fire else ("", "", ""))]


def _counts(count: int, total: int) -> tuple[str, str]:
    return (f"{count:,}", f"{100 * count / total:.1f}") if count else ("", "")


def _filter(layer: L.Layer | None, row: LayerCost) -> str:
    _, height, width = row.input_shape
    match layer:
        case L.Conv2d():
            groups = f" in {layer.groups}" if layer.groups > 1 else ""
            return f"{L.window(layer)}/{layer.stride} (x{layer.out_channels}{groups})"
        case L.Linear():
            return f"full (x{layer.out_features})"
        case L.MaxPool2d():
            return f"{L.window(layer)}/{layer.stride}"
        case L.LocalResponseNorm():
            return f"across {layer.size}"
        case L.AdaptiveAvgPool2d():
            return f"mean to {layer.output_size}x{layer.output_size}"
        case L.GlobalAvgPool2d():
            return f"{height}x{width}/1 mean"
        case _:
            return ""


def _add_to_fire(table: list[Row], module: str, row: LayerCost) -> list[Row]:
    """Adds a layer of a Fire module to the module's row, making that row for the first of them."""
    if not table or table[-1].layer != module:
        table = [*table, Row(module, "", "", (), 0, 0)]
    last, channels = table[-1], row.output_shape[0]
    fire = (*last.fire, channels) if row.type == "Conv2d" else last.fire
    output = show((sum(fire[1:]), *row.output_shape[1:]))
    return [
        *table[:-1],
        replace(last, output=output, fire=fire, params=last.params + row.params, macs=last.macs + row.macs),
    ]


def _bypassed(network: Architecture) -> set[str]:
    """Paths of the modules that an identity runs around."""
    return {
        branch.name
        for _, layer in L.walk(network.tree)
        if isinstance(layer, L.Add) and L.Sequential("", ()) in layer.branches
        for branch in layer.branches
        if branch.name
    }
