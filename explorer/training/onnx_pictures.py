"""A network's ONNX graph made to work alone: from a picture's bytes to the name of a class.

What a data set does to a picture stands before the network, and the names of the classes behind it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from explorer.data.memory import Pixels
from explorer.data.preparation import Preparation

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

IMAGES, LOGITS, LABEL = "images", "logits", "label"
"""Names of the graph's input and outputs."""
PREPARED = "prepared"


@dataclass(frozen=True)
class Pictures:
    """The pictures that a network is for.

    Attributes:
        preparation: see `explorer.data.module.DataModule.preparation_facts`.
        class_names: in the order of their numbers; empty if unknown.
    """

    preparation: Mapping[str, Any]
    class_names: Sequence[str]

    @property
    def words(self) -> str:
        """What the graph takes."""
        if not self.preparation:
            return "float32 (N, C, H, W), normalised as in training"
        if "resize" not in self.preparation:
            return "uint8 (N, C, H, W), as the data set stores them"
        return "uint8 (N, 3, H, W), red, green, blue, upright, of any height and width"

    def example(self, images: int, shape: tuple[int, int, int]) -> Tensor:
        """Random input (images, C, H, W) that is cropped but not resized."""
        chance = torch.Generator().manual_seed(0)
        if not self.preparation:
            return torch.randn(images, *shape, generator=chance)
        side = self.preparation.get("side")
        height, width = (side, side) if side else shape[1:]
        return torch.randint(256, (images, shape[0], height, width), generator=chance, dtype=torch.uint8)

    def prepared(self, images: Tensor) -> Tensor:
        """What the network sees of an example, as the data set would make it."""
        if not self.preparation:
            return images
        if "resize" in self.preparation:
            how = Preparation(**self.preparation, mirror=False)
            windows = [torch.from_numpy(how.window(image, None).copy()) for image in images.numpy()]
            return how.values(torch.stack(windows))
        mean, std = Pixels(**self.preparation).on(images.device)
        return (images.float() - mean) / std


def work_alone(model: ModelProto, pictures: Pictures) -> None:
    """Puts the preparation before a graph of normalised images, and the names of the classes behind it.

    Args:
        model: takes IMAGES, float32 (N, C, H, W), and gives LOGITS (N, classes); changed in place.
        pictures: what it shall take.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    _strip(model)
    if pictures.preparation:
        shape = [dimension.dim_param or dimension.dim_value for dimension in graph.input[0].type.tensor_type.shape.dim]
        if "resize" in pictures.preparation:
            shape[2:] = ["height", "width"]
        for node in graph.node:
            node.input[:] = [PREPARED if name == IMAGES else name for name in node.input]
        before, constants = _preparation(pictures.preparation)
        network = list(graph.node)
        del graph.node[:]
        graph.node.extend([*before, *network])
        graph.initializer.extend(constants)
        del graph.input[:]
        graph.input.append(helper.make_tensor_value_info(IMAGES, TensorProto.UINT8, shape))
    if pictures.class_names:
        batch = graph.output[0].type.tensor_type.shape.dim[0]
        names = np.array(pictures.class_names, object)
        graph.initializer.append(numpy_helper.from_array(names, "class_names"))
        graph.node.append(helper.make_node("ArgMax", [LOGITS], ["class"], axis=1, keepdims=0))
        graph.node.append(helper.make_node("Gather", ["class_names", "class"], [LABEL], axis=0))
        rows = [batch.dim_param or batch.dim_value]
        graph.output.append(helper.make_tensor_value_info(LABEL, TensorProto.STRING, rows))
    facts = {
        "images": pictures.words,
        "preparation": json.dumps(pictures.preparation),
        "class_names": json.dumps(list(pictures.class_names), ensure_ascii=False),
    }
    helper.set_model_props(model, facts)


def _strip(model: ModelProto) -> None:
    """Takes out what the exporter leaves for its own debugging: shapes, stack traces with paths of this machine."""
    from importlib.metadata import version

    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for each in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del each.metadata_props[:]
        each.doc_string = ""
    graph.name, graph.doc_string, model.doc_string = "explorer", "", ""
    model.producer_name, model.producer_version = "explorer", version("explorer")


def _preparation(how: Mapping[str, Any]) -> tuple[list[NodeProto], list[TensorProto]]:
    """Nodes from IMAGES to PREPARED, and their constants: resize, crop, order of the channels, mean, std."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[NodeProto] = []
    constants: list[TensorProto] = []

    def constant(value: Any, dtype: Any) -> str:
        constants.append(numpy_helper.from_array(np.array(value, dtype), f"prepare_{len(constants)}"))
        return constants[-1].name

    def apply(operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"prepare_{operator.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    last = apply("Cast", IMAGES, to=TensorProto.FLOAT)
    if "resize" in how:
        side, crop = constant([how["side"]] * 2, np.int64), constant([how["crop"]] * 2, np.int64)
        if how["resize"] == "short_side":  # the long side is rounded down
            size = apply("Shape", IMAGES, start=2, end=4)
            short = apply("ReduceMin", size, keepdims=1)
            side = apply("Div", apply("Mul", size, side), short)
        last = apply("Resize", last, "", "", side, axes=[2, 3], mode="linear", antialias=1)
        last = apply("Clip", apply("Round", last), constant(0, np.float32), constant(255, np.float32))
        free = apply("Cast", apply("Sub", side, crop), to=TensorProto.FLOAT)
        half = apply("Round", apply("Mul", free, constant(0.5, np.float32)))
        top = apply("Cast", half, to=TensorProto.INT64)
        last = apply("Slice", last, top, apply("Add", top, crop), constant([2, 3], np.int64))
    if how.get("order") == "bgr":
        last = apply("Gather", last, constant([2, 1, 0], np.int64), axis=1)
    mean, std = (constant(np.reshape(how[key], (-1, 1, 1)), np.float32) for key in ("mean", "std"))
    last = apply("Div", apply("Sub", last, mean), std)
    nodes[-1].output[:] = [PREPARED]
    return nodes, constants
