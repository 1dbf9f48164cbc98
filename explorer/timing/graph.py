"""A network's ONNX graph with random weights, written from its operators: what export writes, in milliseconds.

Tensors bear the number of the operator that makes them, so that what a runtime makes of the graph can be told back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from explorer.arch import layers as L
from explorer.timing.operators import IMAGE, Operator

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

IMAGES, LOGITS = "images", "logits"
OPSET = 18


def write(found: Sequence[Operator], input_shape: L.Shape) -> ModelProto:
    """The graph for one image.

    Args:
        found: the network's operators.
        input_shape: (channels, height, width) of the image.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    for number, operator in enumerate(found):
        graph.add(number, operator)
    last = found[-1]
    classes = last.shape[0] * last.shape[1] * last.shape[2]
    graph.node("Reshape", [tensor(len(found) - 1), graph.integers("flat", [1, classes])], LOGITS)
    made = helper.make_graph(
        graph.nodes,
        "network",
        [helper.make_tensor_value_info(IMAGES, TensorProto.FLOAT, [1, *input_shape])],
        [helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, [1, classes])],
        graph.constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


def tensor(number: int) -> str:
    """Name of what an operator puts out."""
    return IMAGES if number == IMAGE else f"t{number}"


def number(name: str) -> int | None:
    """The operator that a tensor's name tells of, within it or at its end."""
    digits = name.removeprefix("t").partition("_")[0]
    return int(digits) if name.startswith("t") and digits.isdigit() else None


class _Graph:
    def __init__(self) -> None:
        import numpy as np

        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._random = np.random.default_rng(0)

    def node(self, kind: str, inputs: Sequence[str], output: str | Sequence[str], **attributes: Any) -> None:
        from onnx import helper

        outputs = [output] if isinstance(output, str) else list(output)
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=outputs[0], **attributes))

    def constant(self, name: str, values: Any, kind: str) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def numbers(self, name: str, shape: Sequence[int], fan_in: int = 1) -> str:
        """Random constants of the size that keeps activations of the size of the image's."""
        import numpy as np

        drawn = self._random.standard_normal(tuple(shape), np.float32) * np.float32((2 / fan_in) ** 0.5)
        return self.constant(name, drawn, "f4")

    def integers(self, name: str, values: Sequence[int]) -> str:
        return self.constant(name, values, "i8")

    def add(self, number: int, operator: Operator) -> None:
        out = tensor(number)
        bare = f"{out}_bare" if operator.activation else out
        inputs = [tensor(read) for read in operator.inputs]
        self._layer(operator, inputs, bare)
        if operator.activation:
            self._activation(operator.activation, bare, out)

    def _layer(self, operator: Operator, inputs: list[str], out: str) -> None:
        (channels, height, width), layer = operator.shapes[0], operator.layer
        match layer:
            case L.Conv2d():
                kernel, padding = L.sides(layer.kernel_size), L.sides(layer.padding)
                fan_in = channels // layer.groups * kernel[0] * kernel[1]
                filters = (layer.out_channels, channels // layer.groups, *kernel)
                given = [*inputs, self.numbers(f"{out}_weight", filters, fan_in)]
                if operator.bias:
                    given.append(self.numbers(f"{out}_bias", filters[:1]))
                self.node(
                    "Conv", given, out, kernel_shape=kernel, strides=[layer.stride] * 2, pads=[*padding, *padding],
                    group=layer.groups,
                )  # fmt: skip
            case L.Linear():
                given = [f"{out}_rows", self.numbers(f"{out}_weight", (layer.out_features, channels), channels)]
                if operator.bias:
                    given.append(self.numbers(f"{out}_bias", (layer.out_features,)))
                self.node("Reshape", [*inputs, self.integers(f"{out}_as_rows", [1, channels])], f"{out}_rows")
                self.node("Gemm", given, f"{out}_product", transB=1)
                shape = self.integers(f"{out}_as_map", [1, *operator.shape])
                self.node("Reshape", [f"{out}_product", shape], out)
            case L.BatchNorm2d():
                given = [self.numbers(f"{out}_{name}", (channels,)) for name in ("scale", "shift", "mean")]
                self.node(
                    "BatchNormalization", [*inputs, *given, self.constant(f"{out}_variance", [1] * channels, "f4")], out
                )
            case L.LocalResponseNorm():
                self.node("LRN", inputs, out, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)
            case L.MaxPool2d():
                self.node(
                    "MaxPool", inputs, out, kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2,
                    pads=[layer.padding] * 4, ceil_mode=int(layer.ceil_mode),
                )  # fmt: skip
            case L.AdaptiveAvgPool2d() if layer.output_size > 1:
                side = layer.output_size
                strides = [max(height // side, 1), max(width // side, 1)]
                kernel = (height - strides[0] * (side - 1), width - strides[1] * (side - 1))
                self.node("AveragePool", inputs, out, kernel_shape=kernel, strides=strides)
            case L.GlobalAvgPool2d() | L.AdaptiveAvgPool2d():
                self.node("ReduceMean", [*inputs, self.integers(f"{out}_axes", [2, 3])], out, keepdims=1)
            case L.Flatten():
                self.node("Reshape", [*inputs, self.integers(f"{out}_shape", [1, *operator.shape])], out)
            case L.Chunk():
                rest = [f"{out}_other{i}" for i in range(layer.chunks - 1)]
                outputs = [*rest[: layer.index], out, *rest[layer.index :]]
                self.node("Split", inputs, outputs, axis=1, num_outputs=layer.chunks)
            case L.ChannelShuffle():
                share = [1, layer.groups, channels // layer.groups, height, width]
                self.node("Reshape", [*inputs, self.integers(f"{out}_apart", share)], f"{out}_groups")
                self.node("Transpose", [f"{out}_groups"], f"{out}_turned", perm=[0, 2, 1, 3, 4])
                shape = self.integers(f"{out}_shape", [1, channels, height, width])
                self.node("Reshape", [f"{out}_turned", shape], out)
            case L.Concat():
                self.node("Concat", inputs, out, axis=1)
            case L.Add() | L.Multiply():
                kind = "Add" if isinstance(layer, L.Add) else "Mul"
                while len(inputs) > 2:
                    self.node(kind, inputs[:2], f"{out}_of{len(inputs)}")
                    inputs = [f"{out}_of{len(inputs)}", *inputs[2:]]
                self.node(kind, inputs, out)
            case _:
                self._activation(operator.kind, inputs[0], out)

    def _activation(self, kind: str, given: str, out: str) -> None:
        match kind:
            case "ReLU":
                self.node("Relu", [given], out)
            case "ReLU6":
                self.node("Clip", [given, *(self.constant(f"{out}_{end}", end, "f4") for end in (0, 6))], out)
            case "SiLU":
                self.node("Sigmoid", [given], f"{out}_gate")
                self.node("Mul", [given, f"{out}_gate"], out)
            case "Hardswish":
                self.node("HardSwish", [given], out)
            case "Sigmoid":
                self.node("Sigmoid", [given], out)
            case _:
                raise ValueError(f"no operator for {kind}")
