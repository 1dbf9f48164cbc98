"""The paper's Table 2 on a network that is trained here: every way of compressing is retrained to answer as it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import mean, stdev

import numpy as np
import torch
from torch import Tensor, nn

from explorer.arch import Architecture, cost
from explorer.compression import deep, finetune
from explorer.compression.codec.coded import Floats
from explorer.compression.layers import weighted_layers
from explorer.compression.rounding import file_tensors
from explorer.data.module import DataModule
from explorer.reproduction import table_2_given
from explorer.reproduction.compression import RUNS, Way
from explorer.training.network import Network, build
from explorer.training.recipe import Recipe

SMALLER = 2.0
"""Ratio of compression by singular value decomposition; these weights, unlike AlexNet's, have nearly full rank."""
RATIO = 30.0
"""fp32 bytes over the budget of ours."""
EXECUTED = 12.0
"""The same over the file that runs as it is."""
EPOCHS = {"SVD": 4, "pruning": 6, "codebooks": 2, "ours": 12, "executed": 24}
LR = 0.5


def measure(
    architecture: Architecture,
    trained: Sequence[tuple[int, Mapping[str, Tensor]]],
    data: DataModule,
    recipe: Recipe,
    report: Callable[[str], None] = lambda _: None,
) -> list[Way]:
    """Every way in the table's order; means over the trainings.

    Args:
        architecture: the network.
        trained: seed and weights of each training.
        data: it was trained on; accuracy is that on its validation split, which nothing is trained or chosen on.
        recipe: it was trained by.
        report: takes a line about each way.
    """
    batches = list(data.evaluation("val"))
    images, labels = torch.cat([batch for batch, _ in batches]), torch.cat([each for _, each in batches])
    rows = []
    for seed, weights in trained:
        state = {name: value.numpy() for name, value in weights.items() if value.is_floating_point()}
        before = table_2_given.mean(table_2_given.hits(architecture, state, images, labels))
        ways = []
        for method, size, found in _ways(architecture, weights, data, recipe, seed):
            after = table_2_given.mean(table_2_given.hits(architecture, found, images, labels))
            ways.append((method, size, before, after))
            report(f"seed {seed}, {method}: {size:,} bytes, top-1 {100 * before[0]:.1f} -> {100 * after[0]:.1f} %")
        rows.append(ways)
    return [_mean_way([row[i] for row in rows], len(labels)) for i in range(len(rows[0]))]


def _mean_way(rows: Sequence[tuple[str, int, tuple[float, float], tuple[float, float]]], images: int) -> Way:
    methods, sizes, before, after = zip(*rows, strict=True)
    gained = [new[0] - old[0] for old, new in zip(before, after, strict=True)]
    error = stdev(gained) / len(gained) ** 0.5 if len(gained) > 1 else 0.0

    def middle(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
        return mean(one for one, _ in pairs), mean(five for _, five in pairs)

    return Way(methods[0], round(mean(sizes)), middle(before), middle(after), (mean(gained), error), images)


def _ways(
    architecture: Architecture, weights: Mapping[str, Tensor], data: DataModule, recipe: Recipe, seed: int
) -> Iterator[tuple[str, int, Mapping[str, Floats] | nn.Module]]:
    """Method, bytes, and the decompressed weights or what gives the file's answers, retrained."""
    dense = cost(architecture).bytes

    def network(state: Mapping[str, Tensor]) -> Network:
        made = build(architecture, recipe.dropout)
        made.load_state_dict(dict(state), strict=False)
        return made

    teacher = network(weights).eval()

    def train(made: Network, epochs: int, lr: float = LR) -> None:
        finetune.train(made, data, recipe, epochs, lr, seed + 1, teacher)

    yield "none, 32 bit", dense, _floats(network(weights))
    made = network(weights)
    layers = {name: layer.weight.detach().numpy() for name, layer in weighted_layers(made).items()}
    others = dense - 4 * sum(value.size for value in layers.values())
    ranks = _ranks(layers, dense / SMALLER - others)
    finetune.factor(made, ranks)
    train(made, EPOCHS["SVD"])
    finetune.materialise(made)
    size = others + sum(4 * table_2_given.factors(value, ranks[name]) for name, value in layers.items())
    yield "SVD, 32 bit", size, _floats(made)
    made, densities = network(weights), deep.paper_densities(architecture)
    for share in (0.5, 1.0):
        kept = {name: max(1, round(value.size * densities[name] ** share)) for name, value in layers.items()}
        finetune.hold_pruned(made, kept)
        train(made, EPOCHS["pruning"] // 2)
        finetune.release(made)
    floats = _floats(made)
    yield "pruning alone, 32 bit", others + sum(table_2_given.sparse(v) for v in floats.values() if v.ndim > 1), floats
    pruned = {name: value.clone() for name, value in made.state_dict().items()}
    for bits in (8, 6):
        made = network(pruned)
        finetune.share(
            made,
            {
                name: table_2_given.shared(layer.weight.detach().numpy(), 2**bits - 1)
                for name, layer in weighted_layers(made).items()
            },
        )
        train(made, EPOCHS["codebooks"], LR / 5)
        finetune.materialise(made)
        yield f"Deep Compression, {bits} bit", *table_2_given.through_file(architecture, file_tensors(made))
    settings = deep.CompressionSettings(int(dense / RATIO), rounds=3, epochs=EPOCHS["ours"])
    yield (
        "ours",
        *table_2_given.through_file(architecture, deep.compress(architecture, weights, data, recipe, settings, seed)),
    )
    if table_2_given.runs_here():
        from explorer.compression import tflite
        from explorer.compression.given_executed import Executed
        from explorer.int8 import file

        settings = deep.CompressionSettings(int(dense / EXECUTED), rounds=3, epochs=EPOCHS["executed"])
        packed = tflite.compress(architecture, weights, data, recipe, settings, seed)
        yield RUNS, len(file.write(packed.int8)), Executed(packed.int8, packed.image)


def _ranks(layers: Mapping[str, Floats], room: float) -> dict[str, int | None]:
    """The ranks that keep the same share of every layer's squares, the largest share within so many bytes."""
    low, high = 0.0, 1.0
    best: dict[str, int | None] = {}
    for _ in range(12):
        energy = (low + high) / 2
        ranks = {name: table_2_given.rank(value, energy) for name, value in layers.items()}
        if 4 * sum(table_2_given.factors(value, ranks[name]) for name, value in layers.items()) <= room:
            low, best = energy, ranks
        else:
            high = energy
    return best or {name: table_2_given.rank(value, 0.0) for name, value in layers.items()}


def _floats(network: Network) -> dict[str, Floats]:
    return {
        name: np.array(value.detach().numpy())
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }
