"""python -m benchmarks.executed [NETWORK ...]: networks compressed to files that TFLite Micro runs.

Networks are trained on digits by the recipe `fast`, three seeds each, and compressed as `python -m explorer.compress
TARGET format=tflite budget=...` does: SqueezeNet v1.0 to 250,000 and 200,000 bytes, a network of 52,386 parameters to
34,000. Beside each: the int8 file that nothing was compressed in, its .sqz file (`ratio=16`), the bytes of the Huffman
words over the entropy of the codes (coded/H), and what the file has beside words, tables, scales and biases. val_acc is
of the integers that TFLite Micro computes; on eight pictures it is asked itself.

Then the time that unpacking adds to a picture, in TFLite Micro on this processor, each way by itself: the file with
every layer packed in that way over the plain one, measured by turns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import log2
from pathlib import Path
from statistics import mean, median, quantiles, stdev
from typing import Any

import numpy as np
import torch
import yaml

from explorer import data as datasets
from explorer import load_space
from explorer.arch import Architecture, cost
from explorer.arch.tflite.operators import DEPTHWISE
from explorer.cli.config import folder
from explorer.compression import deep, tflite
from explorer.compression.codec import container
from explorer.int8 import encode, file
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantized import Encoded, Quantized
from explorer.training import job
from explorer.training import recipe as recipes
from explorer.training.int8 import answers, quantized
from explorer.training.network import build

SEEDS = (0, 1, 2)
EPOCHS = 96
POINT = {"base_e": 64, "incr_e": 48, "freq": 4, "pct_3x3": 0.5, "squeeze_ratio": 0.125}
BUDGETS = {"squeezenet": (250_000, 200_000), "micro": (34_000,)}
TURNS = 25
LEVELS = 15
"""Values of a weight in the comparison of times: what 4 bits hold."""


def main() -> int:
    """Prints the tables; 1 if a file is too large, or answers too badly."""
    torch.set_num_threads(1)
    missed = sum(compressed(name) for name in sys.argv[1:] or BUDGETS)
    for name in sys.argv[1:] or BUDGETS:
        times(name)
    return int(missed > 0)


def network(name: str) -> Architecture:
    space = load_space("fire_micro")
    return (
        space.anchor("squeezenet_v1_0", (1, 8, 8), 10)
        if name == "squeezenet"
        else space.architecture(POINT, (1, 8, 8), 10)
    )


def compressed(name: str) -> int:
    """Prints a network's table; how many targets it misses."""
    made, recipe = network(name), yaml.safe_load((folder("conf") / "recipe/fast.yaml").read_text())
    options: dict[str, Any] = yaml.safe_load((folder("conf") / "data/digits.yaml").read_text())
    data, own = datasets.load(options), recipes.read(recipe)
    print(f"\n{name}: {cost(made).params:,} parameters, {cost(made).bytes:,} bytes in fp32\n")
    print(f"{'seed':>4}{'budget':>9}{'int8':>9}{'bytes':>9}{'below':>7}{'arena':>9}{'.sqz':>9}"
          f"{'fp32':>8}{'int8':>8}{'ours':>8}{'coded/H':>9}{'beside':>8}")  # fmt: skip
    lost: dict[int, list[float]] = {budget: [] for budget in BUDGETS[name]}
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        for seed in SEEDS:
            place, epochs = str(Path(home) / str(seed)), recipe["epochs"]
            before = job.run(job.Job(made.to_json(), recipe, options, seed, 0, epochs, epochs, place)).curve[-1]
            weights = job.weights(place)
            plain, image = quantized(made, weights, data)
            whole = len(file.write(plain))
            settings = deep.CompressionSettings(cost(made).bytes // 16, epochs=EPOCHS, tolerance=0.01)
            stored = len(container.pack(made, deep.compress(made, weights, data, own, settings, seed)))
            for budget in BUDGETS[name]:
                settings = deep.CompressionSettings(budget, epochs=EPOCHS)
                found = tflite.compress(made, weights, data, own, settings, seed)
                pictures = next(iter(data.evaluation("val")))[0]
                arena = tflite.write(found.int8, found.image, Path(home) / "a.tflite", pictures)
                size = (Path(home) / "a.tflite").stat().st_size
                accuracies = [float(before["val_acc"]), accuracy(plain, image, data),
                              accuracy(found.int8, found.image, data)]  # fmt: skip
                coded, entropy, beside = parts(found.int8, size)
                print(f"{seed:>4}{budget:>9,}{whole:>9,}{size:>9,}{1 - size / whole:>7.1%}{arena:>9,}{stored:>9,}"
                      + "".join(f"{each:>8.4f}" for each in accuracies) + f"{coded / entropy:>9.3f}{beside:>8,}",
                      flush=True)  # fmt: skip
                lost[budget].append(100 * (accuracies[0] - accuracies[2]))
                missed += size > budget
    for budget, points in lost.items():
        print(f"{budget:,}: {mean(points):+.2f} ± {stdev(points) / len(points) ** 0.5:.2f} points below fp32")
        missed += mean(points) > (0.3 if name == "squeezenet" else 0.5)
    return missed


def accuracy(network: Quantized, image: Any, data: Any) -> float:
    logits, labels = answers(network, image, data, "val")
    return float((logits.argmax(1) == labels).float().mean())


def parts(network: Quantized, size: int) -> tuple[int, float, int]:
    """Bytes of the Huffman words, of the codes' entropy, and of the file beside words, tables, scales and biases."""
    coded, entropy, known = 0, 0.0, 0
    for i, filters in enumerate(network.filters):
        if filters is None:
            continue
        known += 4 * (len(filters.scales) + len(filters.bias))
        if (packed := network.encoded.get(i)) is None:
            known += filters.weights.size
            continue
        known += packed.bytes
        counts = Counter(filters.weights.ravel().tolist())
        entropy -= sum(n * log2(n / filters.weights.size) for n in counts.values()) / 8
        coded += len(packed.data)
    return coded, entropy, size - known


def times(name: str) -> None:
    """Prints the time of a picture, over that of the plain file."""
    options: dict[str, Any] = yaml.safe_load((folder("conf") / "data/digits.yaml").read_text())
    data, made = datasets.load(options), network(name)
    torch.manual_seed(0)
    few, image = quantized(made, build(made).state_dict(), data, LEVELS)
    ways: dict[str, Callable[[Any, int], Encoded]] = {
        "LUT": encode.lut,
        "Huffman": lambda weights, _: encode.huffman(weights),
        "pruning": lambda weights, _: encode.pruned(weights),
    }
    files = {"plain": file.write(replace(few, encoded={}))}
    for way, packed in ways.items():
        encoded = {
            i: packed(filters.weights, 3 if few.program.operators[i].kind == DEPTHWISE else 0)
            for i, filters in enumerate(few.filters)
            if filters is not None
        }
        files[way] = file.write(replace(few, encoded=encoded))
    picture = image.int8(next(iter(data.evaluation("val")))[0][:1], few).permute(0, 2, 3, 1).contiguous().numpy()
    runs = {way: Interpreter(content) for way, content in files.items()}
    took: dict[str, list[float]] = {way: [] for way in runs}
    for _ in range(TURNS):
        for way, interpreter in runs.items():
            began = time.perf_counter()
            interpreter.run(picture)
            took[way].append(time.perf_counter() - began)
    print(
        f"\n{name}: a picture in TFLite Micro on this processor, over the plain int8 file ({LEVELS} values a weight)\n"
    )
    for way, content in files.items():
        ratios = np.divide(took[way], took["plain"])
        low, _, high = quantiles(ratios, n=4)
        print(f"{way:>8}{len(content):>10,} bytes{median(ratios):>7.2f}x ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    sys.exit(main())
