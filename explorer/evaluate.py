"""python -m explorer.evaluate TARGET weights=FILE: what given weights are worth on given images."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, architecture, cost
from explorer.arch.families import metaparameters, named, nearest

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console
    from torch import Tensor

    from explorer.data.module import DataModule
    from explorer.training.network import Network

PARTS = ("train", "val", "test")


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


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from rich.console import Console

    from explorer.cli.config import plain
    from explorer.cli.options import ConfigError, choice, whole

    choice(config, "format", "table", "json")
    choice(config, "part", *PARTS, None)
    if config.classes is not None:
        whole(config, "classes", 1)
    batch_size = whole(config, "batch_size", 1)
    options, target = plain(config.options), str(config.target)
    if not isinstance(options, dict):
        raise ConfigError(f"options is {options!r}, expected metaparameters such as +options.conv10_padding=1")
    file = _weights_file(target, config.weights)

    from explorer.training.weights import WeightsError, assign

    tensors = _read(file)
    data, part = _data(plain(config.data), config.part, batch_size)
    network_of, notes = _architecture(target, options, data, config.classes, tensors)
    _check(network_of, data)
    from explorer.training.network import build

    network = build(network_of)
    try:
        assign(network, tensors)
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from None
    scores = evaluate(network, data, part, Console(stderr=True))
    facts: dict[str, Any] = {"target": target, "weights": str(file), "data": data.name, "part": part, "notes": notes}
    facts |= {"params": cost(network_of).params, "identity": network_of.identity}
    print(json.dumps(facts | asdict(scores), indent=1) if config.format == "json" else _words(facts, scores))
    return 0


def evaluate(network: Network, data: DataModule, part: str, console: Console) -> Scores:
    """Runs the network over every image of a part once; shows how far it is on the console.

    Raises:
        DataError: if the part is empty, or an image cannot be read.
    """
    import torch
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
    from torch.nn import functional as F

    from explorer.data import DataError
    from explorer.training.job import device_name

    images = data.images[part]
    if not images:
        raise DataError(f"data {data.name} has no images in its part {part}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).eval()
    losses, hits, started = [], [], time.perf_counter()
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with torch.inference_mode(), Progress(*columns, console=console) as bar:
        task = bar.add_task("images", total=images)
        for batch, labels in data.evaluation(part):
            logits = network(_laid_out(batch.to(device))).cpu()
            losses.append(F.cross_entropy(logits, labels, reduction="none").double())
            hits.append(logits.topk(min(5, logits.shape[1])).indices == labels[:, None])
            bar.advance(task, len(labels))
    seconds = time.perf_counter() - started
    hit = torch.cat(hits).double()
    (top1, top1_error), (top5, top5_error) = _mean(hit[:, 0]), _mean(hit.sum(1))
    loss, loss_error = _mean(torch.cat(losses))
    return Scores(images, top1, top5, loss, top1_error, top5_error, loss_error, seconds, device_name(device))


def _laid_out(images: Tensor) -> Tensor:
    """In the memory layout whose pooling is fast, see `Classifier.forward`."""
    import torch

    if images.device.type != "cpu":
        return images
    return torch.empty_like(images, memory_format=torch.channels_last).copy_(images)


def _mean(values: Tensor) -> tuple[float, float]:
    """Mean and its standard error."""
    return float(values.mean()), float(values.std(correction=0)) / math.sqrt(len(values))


def _weights_file(target: str, weights: Any) -> Path:
    from explorer.cli.options import ConfigError

    if weights is not None:
        return Path(str(weights))
    if target in named() or target.endswith(".json"):
        raise ConfigError("which weights? weights= an .npz or .safetensors file")
    return Path(target) / "weights.safetensors"


def _read(file: Path) -> Mapping[str, Tensor]:
    """The network's tensors in a file; of a training's checkpoint those of its model."""
    from explorer.training.weights import WeightsError, read

    try:
        tensors = read(file)
    except WeightsError as error:
        raise WeightsError(f"{file}: {error}") from None
    model = {name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")}
    return model or tensors


def _data(options: Any, part: str | None, batch_size: int) -> tuple[DataModule, str]:
    """The data, and the part of it to look at: `test`, unless told; a folder of images is one part, all of it."""
    from explorer import data as datasets

    if part is None and options["name"] == "image_folder":
        options = options | {"val": 0, "test": 1.0}
    data = datasets.load(options)
    data.arrange("train", batch_size)
    return data, part or "test"


def _architecture(
    target: str, options: dict[str, Any], data: DataModule, classes: int | None, tensors: Mapping[str, Tensor]
) -> tuple[Architecture, list[str]]:
    """The network that a target names, and what has to be said of it."""
    from explorer.cli.options import ConfigError

    if target not in named():
        if options or classes is not None:
            raise ConfigError(f"options and classes go with a published network, {target} has its own")
        path = Path(target)
        if path.suffix != ".json" and not path.is_dir():
            where = "a folder that retrain wrote, or an architecture.json"
            raise ConfigError(f"target is {target!r}, expected {nearest(target, named())}, {where}")
        return Architecture.read(path if path.suffix == ".json" else path / "architecture.json"), []
    family, _ = named()[target]
    for key in options:
        if key not in metaparameters(family):
            raise ConfigError(f"options has {key!r}, expected {nearest(key, metaparameters(family))}")
    notes = []
    if target == "squeezenet_v1_0" and "conv10_padding" not in options and any("/" in name for name in tensors):
        options = options | {"conv10_padding": 1}
        notes.append(
            "Caffe's names, so conv10 is padded by 1 as in the authors' file (+options.conv10_padding=0 undoes it)"
        )
    network = architecture(target, data.input_shape, classes or 1000, options)
    return network, notes + [f"for this input {change}" for change in network.adapted]


def _check(network: Architecture, data: DataModule) -> None:
    """Raises ConfigError if the images are not the network's."""
    from explorer.cli.options import ConfigError

    outputs = cost(network).output_shape[0]
    if network.input_shape != data.input_shape:
        raise ConfigError(
            f"the network has images of shape {network.input_shape}, data {data.name} gives {data.input_shape}"
        )
    if data.classes > outputs:
        raise ConfigError(f"data {data.name} has {data.classes} classes, the network {outputs} outputs")
    if data.classes < outputs and data.class_names:
        hint = "data.labels=CSV (columns file and class_index) tells which class is which output"
        raise ConfigError(
            f"data {data.name} has {data.classes} classes, the network {outputs} outputs; "
            + (hint if data.name == "image_folder" else f"classes={data.classes} if its weights have as many")
        )


def _words(facts: dict[str, Any], scores: Scores) -> str:
    rate = scores.images / scores.seconds
    lines = [f"{facts['target']}: {facts['params']:,} params, weights from {facts['weights']}", *facts["notes"]]
    which = "" if facts["data"] == "image_folder" else f" ({facts['part']})"
    lines.append(f"{scores.images:,} images of {facts['data']}{which} on {scores.device}, {rate:.1f} images/s")
    for name, value, error in (("1", scores.top1, scores.top1_error), ("5", scores.top5, scores.top5_error)):
        lines.append(f"top-{name}  {100 * value:.2f} ± {100 * error:.2f} %")
    lines.append(f"loss   {scores.loss:.4f} ± {scores.loss_error:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    from explorer.cli.config import command

    command("evaluate", main, bare="target")
