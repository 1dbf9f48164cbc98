"""What `python -m explorer.paper table_2.weights=FILE` measures: ways of compressing given weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def measure(options: dict[str, Any]) -> dict[str, Any]:
    """Measures every way; half of the images, every other one, calibrates ours, the other half measures all.

    Args:
        options: weights, images, labels and budget of conf/paper.yaml.

    Raises:
        ConfigError, DataError, WeightsError: if they are not there or do not belong together.
    """
    import torch
    from rich.console import Console

    from explorer import data as datasets
    from explorer.arch import architecture
    from explorer.compression import table_2
    from explorer.compression.header import tensor_shapes
    from explorer.config import ConfigError
    from explorer.nets import build
    from explorer.weights import load

    if options["images"] is None or options["labels"] is None:
        raise ConfigError("table_2.weights needs table_2.images, a folder, and table_2.labels, a CSV")
    if type(options["budget"]) is not int or options["budget"] < 1:
        raise ConfigError(f"table_2.budget is {options['budget']!r}, expected bytes")
    file = Path(str(options["weights"]))
    network = architecture("squeezenet_v1_0", (3, 227, 227), 1000, {"conv10_padding": 1})
    module = build(network)
    load(module, file)
    tensors = {name: module.state_dict()[name].numpy() for name in tensor_shapes(network)}
    folder = {"name": "image_folder", "dir": str(options["images"]), "labels": str(options["labels"])}
    data = datasets.load(folder | {"val": 0, "test": 1.0})
    data.arrange("train", 50)
    batches = list(data.evaluation("test"))
    images, labels = torch.cat([batch for batch, _ in batches]), torch.cat([each for _, each in batches])
    console = Console(stderr=True)
    lines = table_2.measure(
        network,
        tensors,
        images[::2],
        images[1::2],
        labels[1::2],
        options["budget"],
        lambda line: console.print(line, highlight=False),
    )
    return {"weights": file.name, "ways": [line.plain() for line in lines]}
