"""Given weights, evaluated on given images, once it is checked that network, weights and images belong together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, architecture, cost
from explorer.arch.families import metaparameters, named, nearest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from explorer.data.module import DataModule
    from explorer.training.network import Network

PARTS = ("train", "val", "test")


class EvaluationError(ValueError):
    """A network, weights and images that do not belong together: one line that says what would."""


@dataclass(frozen=True)
class Scores:
    """What a network is worth on some images.

    Attributes:
        images: their number.
        top1, top5: share of the images whose class is the likeliest, or among the five likeliest.
        loss: mean cross entropy, in nats.
        top1_error, top5_error, loss_error: standard errors of the three, the images being drawn at random.
        seconds: spent, reading the images included.
        device: in words.
    """

    images: int
    top1: float
    top5: float
    loss: float
    top1_error: float
    top5_error: float
    loss_error: float
    seconds: float
    device: str

    def words(self) -> str:
        """One line for people."""
        return (
            f"top-1 {100 * self.top1:.2f} ± {100 * self.top1_error:.2f} %, "
            f"top-5 {100 * self.top5:.2f} ± {100 * self.top5_error:.2f} %, loss {self.loss:.4f}"
        )


@dataclass(frozen=True)
class Given:
    """Weights in their network, with images for it.

    Attributes:
        target: what names the network.
        architecture: the network.
        network: the same with the weights.
        data: arranged.
        part: of the data, to evaluate on.
        notes: what was assumed of the network, in words.
    """

    target: str
    architecture: Architecture
    network: Network
    data: DataModule
    part: str
    notes: tuple[str, ...]


def evaluate(
    network: nn.Module, data: DataModule, part: str, advance: Callable[[int], None] = lambda _: None
) -> Scores:
    """Runs the network over every image of a part once, on the GPU if there is one.

    Args:
        network: moved to that device, and left in evaluation mode.
        data: the images.
        part: train, val or test.
        advance: called after each batch with its number of images.

    Raises:
        DataError: if the part is empty, or an image cannot be read.
    """
    import torch
    from torch.nn import functional as F

    from explorer.training.job import device_name

    losses, hits, started = [], [], time.perf_counter()
    for logits, labels in answers(network, data, part):
        losses.append(F.cross_entropy(logits, labels, reduction="none").double())
        hits.append(logits.topk(min(5, logits.shape[1])).indices == labels[:, None])
        advance(len(labels))
    seconds = time.perf_counter() - started
    hit = torch.cat(hits).double()
    (top1, top1_error), (top5, top5_error) = _mean(hit[:, 0]), _mean(hit.sum(1))
    loss, loss_error = _mean(torch.cat(losses))
    device = device_name(next((each.device for each in network.parameters()), torch.device("cpu")))
    return Scores(data.images[part], top1, top5, loss, top1_error, top5_error, loss_error, seconds, device)


def answers(network: nn.Module, data: DataModule, part: str) -> Iterator[tuple[Tensor, Tensor]]:
    """What a network says of a part: batches of logits (N, classes) and labels (N,), on the CPU.

    Args:
        network: moved to the GPU if there is one, and left in evaluation mode.
        data: the images.
        part: train, val or test.

    Raises:
        DataError: if the part is empty, or an image cannot be read.
    """
    import torch

    from explorer.data import DataError
    from explorer.training.network import channels_last

    if not data.images[part]:
        raise DataError(f"data {data.name} has no images in its part {part}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).eval()
    for batch, labels in data.evaluation(part):
        with torch.inference_mode():
            yield network(channels_last(batch.to(device))).cpu(), labels


def _mean(values: Tensor) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(correction=0)) / math.sqrt(len(values))


def read_weights(file: Path) -> Mapping[str, Tensor]:
    """The network's tensors in an .npz or .safetensors file; of a training's checkpoint those of its model.

    Raises:
        WeightsError: naming the file, if it cannot be read.
    """
    from explorer.training.weights import WeightsError, read

    try:
        tensors = read(file)
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from None
    model = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    return model or tensors


def read_images(options: dict[str, Any], part: str | None, batch_size: int) -> tuple[DataModule, str]:
    """A data set, and the part of it to evaluate on: `part`; if None `test`, which of a folder of images is all of it.

    Raises:
        DataError: if the data cannot be read.
    """
    from explorer import data as datasets

    if part is None and options["name"] == "image_folder":
        options = options | {"val": 0, "test": 1.0}
    if "cache" in options:  # looked at once
        options = options | {"cache": None}
    data = datasets.load(options)
    data.arrange("train", batch_size)
    return data, part or "test"


def put_together(
    target: str,
    file: Path,
    tensors: Mapping[str, Tensor],
    data: DataModule,
    part: str,
    options: Mapping[str, Any] | None = None,
    classes: int | None = None,
) -> Given:
    """Finds the network that a target names and gives it its weights.

    Args:
        target: a published network, a folder with an architecture.json, or such a file.
        file: the weights' file, for messages.
        tensors: the weights, by the names of `training.weights`.
        data: the images.
        part: of the data.
        options: metaparameters of a published network that differ from the published ones.
        classes: of a published network; None: 1000.

    Raises:
        EvaluationError: if there is no such network, or the images are not the network's.
        WeightsError: if the weights are not the network's.
    """
    from explorer.training.memory import check_fits
    from explorer.training.network import build
    from explorer.training.weights import WeightsError, assign

    chosen, notes = _architecture(target, dict(options or {}), data, classes, tensors)
    _check(chosen, data)
    check_fits(target, chosen)
    network = build(chosen)
    try:
        assign(network, tensors)
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from None
    return Given(target, chosen, network, data, part, notes)


def _architecture(
    target: str, options: dict[str, Any], data: DataModule, classes: int | None, tensors: Mapping[str, Tensor]
) -> tuple[Architecture, tuple[str, ...]]:
    """The network that a target names, and what was assumed of it."""
    if target not in named():
        if options or classes is not None:
            raise EvaluationError(f"options and classes go with a published network, {target} has its own")
        path = Path(target)
        if path.suffix != ".json" and not path.is_dir():
            where = "a folder that retrain wrote, or an architecture.json"
            raise EvaluationError(f"target is {target!r}, expected {nearest(target, named())}, {where}")
        return Architecture.read(path if path.suffix == ".json" else path / "architecture.json"), ()
    family, _ = named()[target]
    for key in options:
        if key not in metaparameters(family):
            raise EvaluationError(f"options has {key!r}, expected {nearest(key, metaparameters(family))}")
    notes = []
    if target == "squeezenet_v1_0" and "conv10_padding" not in options and any("/" in name for name in tensors):
        options["conv10_padding"] = 1
        notes.append(
            "Caffe's names, so conv10 is padded by 1 as in the authors' file (+options.conv10_padding=0 undoes it)"
        )
    network = architecture(target, data.input_shape, classes or 1000, options)
    return network, (*notes, *(f"for this input {change}" for change in network.adapted))


def _check(network: Architecture, data: DataModule) -> None:
    """Raises EvaluationError if the images are not the network's."""
    outputs = cost(network).output_shape[0]
    if network.input_shape != data.input_shape:
        raise EvaluationError(
            f"the network has images of shape {network.input_shape}, data {data.name} gives {data.input_shape}"
        )
    if data.classes > outputs:
        raise EvaluationError(f"data {data.name} has {data.classes} classes, the network {outputs} outputs")
    if data.classes < outputs and data.class_names:
        hint = "data.labels=CSV (columns file and class_index) tells which class is which output"
        raise EvaluationError(
            f"data {data.name} has {data.classes} classes, the network {outputs} outputs; "
            + (hint if data.name == "image_folder" else f"classes={data.classes} if its weights have as many")
        )
