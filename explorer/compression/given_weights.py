"""python -m explorer.compress weights=FILE: given weights rounded to a budget of bytes, without any training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig
    from torch import Tensor

    from explorer.data.module import DataModule


def main(config: DictConfig, budget: int | None) -> int:
    """Runs the command; returns its exit code.

    Raises:
        ConfigError: if there is no budget, or the weights, the network and the images do not belong together.
    """
    import torch
    from rich.console import Console

    from explorer import evaluate as evaluation
    from explorer.cli.config import ConfigError, plain
    from explorer.compression.codec import container
    from explorer.compression.codec.header import tensor_shapes
    from explorer.compression.quantize import quantize
    from explorer.training.network import build
    from explorer.training.weights import assign

    if budget is None:
        raise ConfigError("budget is null, expected bytes such as budget=0.4MB with weights=FILE")
    file = Path(str(config.weights))
    given = evaluation._read(file)
    data, part = evaluation._data(plain(config.data), None, 50)
    target = _target(str(config.trial), given, data)
    architecture, notes = evaluation._architecture(target, {}, data, None, given)
    evaluation._check(architecture, data)
    network = build(architecture)
    assign(network, given)
    tensors = {name: network.state_dict()[name].numpy() for name in tensor_shapes(architecture)}
    console = Console()
    for note in [f"{file.name}: {target}", *notes]:
        console.print(note, highlight=False)
    images = calibration(data, part, config.images)
    made = quantize(
        architecture, tensors, images, budget=budget, told=lambda line: console.print(line, highlight=False)
    )
    out = Path(config.output or f"compressed/{target}.sqz")
    out.parent.mkdir(parents=True, exist_ok=True)
    size = container.write(out, architecture, made)
    decoded, values = container.read(out)
    found = build(decoded)
    found.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()}, strict=False)
    line = f"{out}: {size:,} bytes, {sum(4 * value.size for value in values.values()) / size:.1f} times below fp32"
    console.print(line, highlight=False)
    for what, each in (("given", network), ("decoded", found)):
        scores = evaluation.evaluate(each, data, part, Console(stderr=True))
        console.print(
            f"{what}: top-1 {100 * scores.top1:.2f} ± {100 * scores.top1_error:.2f} %, top-5 {100 * scores.top5:.2f} ± "
            f"{100 * scores.top5_error:.2f} %, loss {scores.loss:.4f} ({scores.images} images, calibration's included)",
            highlight=False,
        )
    return 0


def _target(trial: str, given: Mapping[str, Tensor], data: DataModule) -> str:
    """The published network that is named, or, where none is (`best` stands there), the first of these shapes.

    Raises:
        ConfigError: if none has them.
    """
    from explorer.arch import ArchitectureError, architecture
    from explorer.arch.families import named
    from explorer.cli.config import ConfigError
    from explorer.compression.codec.header import tensor_shapes

    if trial != "best":
        return trial
    shapes = sorted(tuple(value.shape) for name, value in given.items() if not name.endswith("num_batches_tracked"))
    for name in named():
        try:
            network = architecture(name, data.input_shape, 1000)
        except ArchitectureError:  # none for images of this size
            continue
        if sorted(tensor_shapes(network).values()) == shapes:
            return name
    raise ConfigError(f"weights are of no published network ({', '.join(named())}) with 1000 classes; name yours")


def calibration(data: DataModule, part: str, count: int) -> Tensor:
    """Every n-th image of a part, so many of them: (count, C, H, W)."""
    import torch

    images = torch.cat([batch for batch, _ in data.evaluation(part)])
    return images[:: max(1, len(images) // count)][:count]
