"""What `python -m explorer.paper` measures for Table 2: ways of compressing given weights, or a trained network."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explorer.arch import Architecture
    from explorer.reproduction.table_2_given import Line

SEEDS = (0, 1)


def measure(options: dict[str, Any]) -> dict[str, Any]:
    """Measures every way on the weights that are given, or else, with retraining, on SqueezeNet trained on digits.

    Args:
        options: weights, images, labels and budget of conf/paper.yaml.

    Returns:
        What `explorer.reproduction.compression.Measured.read` reads.

    Raises:
        ConfigError, DataError, WeightsError: if they are not there or do not belong together.
    """
    return _trained() if options["weights"] is None else _given(options)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Half of the images, every other one, calibrates ours, the other half measures all."""
    import torch

    from explorer import data as datasets
    from explorer.arch import architecture
    from explorer.cli.config import ConfigError
    from explorer.compression.codec.header import tensor_shapes
    from explorer.reproduction import table_2_given
    from explorer.training.network import build
    from explorer.training.weights import load

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
    lines = table_2_given.measure(network, tensors, images[::2], images[1::2], labels[1::2], options["budget"], _told)
    return _plain(file.name, "SqueezeNet here", (), network, lines)


def _trained() -> dict[str, Any]:
    """SqueezeNet v1.0 as it is trained on digits in a search, by the recipe `fast`."""
    import torch
    import yaml

    from explorer import data as datasets
    from explorer.arch import architecture
    from explorer.cli.config import folder
    from explorer.reproduction import table_2_trained
    from explorer.training import job
    from explorer.training import recipe as recipes

    torch.set_num_threads(1)  # the same weights as in a search
    recipe = yaml.safe_load((folder("conf") / "recipe/fast.yaml").read_text())
    options = yaml.safe_load((folder("conf") / "data/digits.yaml").read_text())
    data = datasets.load(options)
    network = architecture("squeezenet_v1_0", data.input_shape, data.classes, {"final_relu": False})
    _told("Table 2 on digits: about two minutes, once (table_2.network=null leaves it out)")
    trained, epochs = [], recipe["epochs"]
    for seed in SEEDS:
        with TemporaryDirectory() as place:
            job.run(job.Job(network.to_json(), recipe, options, seed, 0, epochs, epochs, place))
            trained.append((seed, job.weights(place)))
    lines = table_2_trained.measure(network, trained, data, recipes.read(recipe), _told)
    return _plain("digits", "SqueezeNet v1.0 on digits", SEEDS, network, lines)


def _plain(
    weights: str, name: str, seeds: Sequence[int], network: Architecture, lines: Sequence[Line]
) -> dict[str, Any]:
    from explorer.arch import architecture, cost

    outputs = cost(network).output_shape[0]
    alexnet = cost(architecture("alexnet_caffe", network.input_shape, outputs)).bytes
    return {
        "weights": weights,
        "network": name,
        "seeds": list(seeds),
        "alexnet": alexnet,
        "ways": [line.plain() for line in lines],
    }


def _told(line: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(line, highlight=False)
