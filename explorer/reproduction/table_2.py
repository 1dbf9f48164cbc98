"""What `python -m explorer.paper` measures for Table 2: ways of compressing given weights, or a trained network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from explorer.reproduction.compression import Measured

if TYPE_CHECKING:
    from explorer.arch import Architecture

SEEDS = (0, 1)


class MeasureError(ValueError):
    """Options with which nothing can be measured."""


def measure(options: dict[str, Any], conf: Path, report: Callable[[str], None]) -> dict[str, Any]:
    """Measures every way on the weights that are given, or else, with retraining, on SqueezeNet trained on digits.

    Args:
        options: weights, images, labels and budget of conf/paper.yaml.
        conf: folder of the recipe `fast` and the data `digits`.
        report: takes a line about each way.

    Returns:
        What `Measured.read` reads.

    Raises:
        MeasureError, DataError, WeightsError: if they are not there or do not belong together.
    """
    measured = _trained(conf, report) if options["weights"] is None else _given(options, report)
    return asdict(measured)


def _given(options: dict[str, Any], report: Callable[[str], None]) -> Measured:
    """Half of the images, every other one, calibrates ours, the other half measures all."""
    import torch

    from explorer import data as datasets
    from explorer.arch import architecture
    from explorer.compression.codec.header import tensor_shapes
    from explorer.reproduction import table_2_given
    from explorer.training.network import build
    from explorer.training.weights import load

    if options["images"] is None or options["labels"] is None:
        raise MeasureError("table_2.weights needs table_2.images, a folder, and table_2.labels, a CSV")
    if type(options["budget"]) is not int or options["budget"] < 1:
        raise MeasureError(f"table_2.budget is {options['budget']!r}, expected bytes")
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
    calibration, held_out = images[::2], (images[1::2], labels[1::2])
    facts = data.preparation_facts()
    ways = table_2_given.measure(network, tensors, calibration, *held_out, options["budget"], facts, report)
    return Measured(file.name, "SqueezeNet here", (), _alexnet_bytes(network), tuple(ways))


def _trained(conf: Path, report: Callable[[str], None]) -> Measured:
    """SqueezeNet v1.0 as it is trained on digits in a search, by the recipe `fast`."""
    import torch
    import yaml

    from explorer import data as datasets
    from explorer.arch import architecture
    from explorer.reproduction import table_2_trained
    from explorer.training import job
    from explorer.training import recipe as recipes

    torch.set_num_threads(1)  # the same weights as in a search
    recipe = yaml.safe_load((conf / "recipe/fast.yaml").read_text())
    options = yaml.safe_load((conf / "data/digits.yaml").read_text())
    data = datasets.load(options)
    network = architecture("squeezenet_v1_0", data.input_shape, data.classes, {"final_relu": False})
    report("Table 2 on digits: about four minutes, once (table_2.network=null leaves it out)")
    trained, epochs = [], recipe["epochs"]
    for seed in SEEDS:
        with TemporaryDirectory() as folder:
            job.run(job.Job(network.to_json(), recipe, options, seed, 0, epochs, epochs, folder))
            trained.append((seed, job.weights(folder)))
    ways = table_2_trained.measure(network, trained, data, recipes.read(recipe), report)
    return Measured("digits", "SqueezeNet v1.0 on digits", SEEDS, _alexnet_bytes(network), tuple(ways))


def _alexnet_bytes(network: Architecture) -> int:
    """Bytes in fp32 of AlexNet for a network's input and classes."""
    from explorer.arch import architecture, cost

    outputs = cost(network).output_shape[0]
    return cost(architecture("alexnet_caffe", network.input_shape, outputs)).bytes
