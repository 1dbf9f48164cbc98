"""python -m benchmarks.board: what is predicted for a board, held against TFLite Micro; what int8 costs in accuracy.

Three tables: the arena as predicted and as TFLite Micro's recording allocator counts it; the file's size, and what it
has beside the weights; the accuracy of random networks of fire_micro on digits in fp32 and in int8, and whether a front
chosen by int8 accuracy is better than one chosen by fp32 accuracy and quantized afterwards.

    python -m benchmarks.board                    # eight minutes on two cores
    python -m benchmarks.board --networks 0       # without the trainings
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, stdev

import numpy as np

from benchmarks.networks import recipe
from benchmarks.recipe import draw
from explorer import load_space
from explorer.arch import Architecture, architecture, cost, totals
from explorer.arch.tflite import arena, file_size, flash, operators, program
from explorer.arch.tflite.arena import HOST, head
from explorer.int8 import file
from explorer.int8.interpreter import Interpreter
from explorer.int8.quantized import Filters, Quantized
from explorer.results.pareto import hypervolume, pareto_front

SPACES = ("all", "fire", "inverted_residual", "regnet", "residual", "shuffle", "squeezenext")
SIDES = (8, 9, 16, 24, 28, 32, 33, 48)
PUBLISHED = ("squeezenet_v1_0", "squeezenet_v1_1", "mobilenet_v2", "shufflenet_v2_x1_0", "resnet18", "squeezenext_23")
LARGEST = 4e8
"""Multiply-accumulates of a network whose arena is looked at."""
DIGITS = {"name": "digits"}


def planner(count: int) -> Iterator[str]:
    """The first table."""
    yield "| space | networks | head exact | total exact | largest error | head as lowered | predicted in |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name in SPACES:
        space, random, rows, spent = load_space(name), Random(1), [], 0.0
        while len(rows) < count:
            side = random.choice(SIDES)
            network = space.architecture(space.sample(random), (random.choice((1, 3)), side, side), 10)
            if totals(network).macs > LARGEST:
                continue
            begun = time.perf_counter()
            needed, size = arena(program(network), HOST), file_size(program(network))
            spent += time.perf_counter() - begun
            written = file.write(blank(network))
            found = Interpreter(written).allocations()
            assert size == len(written), "the size of a file was predicted wrongly"
            lowered = head(operators.program(network)) / needed.head
            rows.append((needed.head == found.head, needed.total, found.head + found.tail, lowered))
        right = sum(row[0] for row in rows), sum(row[1] == row[2] for row in rows)
        error = max(abs(row[1] / row[2] - 1) for row in rows)
        times = f"{mean(row[3] for row in rows):.3f}x"
        yield f"| {name} | {count} | {right[0]} | {right[1]} | {error:.1%} | {times} | {1e3 * spent / count:.1f} ms |"


def blank(network: Architecture) -> Quantized:
    """A network in int8 whose numbers are all 0; its size and memory are those of any other."""
    whole = program(network)
    filters = tuple(
        Filters(np.zeros(each.weights, np.int8), np.ones(each.filters, np.float32), np.zeros(each.filters, np.int32))
        if each.weights
        else None
        for each in whole.operators
    )
    fixed = {each.output for each in whole.operators if each.kind == operators.LOGISTIC}
    scales = tuple(1 / 256 if number in fixed else 1.0 for number in range(len(whole.maps)))
    return Quantized(whole, scales, tuple(-128 if number in fixed else 0 for number in range(len(whole.maps))), filters)


def sizes() -> Iterator[str]:
    """The second table."""
    yield "| network, 10 classes | parameters | fp32 | int8 file | beside weights | by channel | for LiteRT |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    networks = {f"{name}, 64 px": architecture(name, (3, 64, 64), 10) for name in PUBLISHED}
    networks |= {"squeezenet_v1_0, digits": architecture("squeezenet_v1_0", (1, 8, 8), 10, {"final_relu": False})}
    for name, network in networks.items():
        whole = program(network)
        weights = sum(size for key, size in whole.constants().items() if key[0] == "weights")
        channels = sum(each.filters for each in whole.operators)
        written, standard = len(file.write(blank(network))), len(file.write(blank(network), "litert"))
        assert written == flash(network)
        beside = written - weights
        cells = [name, f"{cost(network).params:,}", f"{cost(network).bytes:,}", f"{written:,}", f"{beside:,}"]
        cells += [f"12 x {channels:,} {beside - 12 * channels:+,}", f"{standard:,}"]
        yield f"| {' | '.join(cells)} |"


def trained(task: tuple[str, int, str]) -> tuple[float, float]:
    """val_acc of a network after its training, in fp32 and in int8."""
    from explorer.training.job import Job, run

    network, seed, place = task
    epochs = recipe()["epochs"]
    last = run(Job(network, recipe(), DIGITS, seed, 0, epochs, epochs, place, precision="int8")).curve[-1]
    return last["val_acc"], last["val_int8_acc"]


def accuracy(count: int, seeds: int, processes: int) -> Iterator[str]:
    """The third table, as lines of text."""
    drawn = [Architecture.from_json(text) for text, _, _ in draw("fire_micro", count, 0, (1, 8, 8), 10)]
    with tempfile.TemporaryDirectory() as home, ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        tasks = [
            (network.to_json(), seed, str(Path(home) / f"{seed}_{i}"))
            for seed in range(seeds)
            for i, network in enumerate(drawn)
        ]
        found = list(pool.map(trained, tasks))
    lost = [100 * (fp32 - int8) for fp32, int8 in found]
    yield f"{count} networks of fire_micro, {seeds} seeds, digits, {recipe()['epochs']} epochs, 360 validation images"
    yield f"fp32 less int8: {mean(lost):+.2f} points (sd {stdev(lost):.2f}), {min(lost):+.2f} to {max(lost):+.2f}"
    gains = []
    bytes_ = [float(flash(network)) for network in drawn]
    for seed in range(seeds):
        rows = found[seed * count : (seed + 1) * count]
        by_int8 = volume(bytes_, [int8 for _, int8 in rows], [int8 for _, int8 in rows])
        by_fp32 = volume(bytes_, [fp32 for fp32, _ in rows], [int8 for _, int8 in rows])
        gains.append(by_int8 / by_fp32 - 1)
    each = ", ".join(f"{gain:+.2%}" for gain in gains)
    yield f"hypervolume in int8 of the front chosen by int8, over that of the front chosen by fp32: {each}"


def volume(sizes: Sequence[float], chosen_by: Sequence[float], judged_by: Sequence[float]) -> float:
    """Hypervolume by one accuracy of the networks that another one puts on the front."""
    front = pareto_front(list(zip(sizes, chosen_by, strict=True)))
    return hypervolume([(sizes[i], judged_by[i]) for i in front], (10 * max(sizes), 0.0))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=30, help="that are trained")
    parser.add_argument("--planned", type=int, default=30, help="of each space whose arena is looked at")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    for line in (*planner(arguments.planned), "", *sizes(), ""):
        print(line, flush=True)
    for line in accuracy(arguments.networks, arguments.seeds, arguments.processes) if arguments.networks else ():
        print(line, flush=True)


if __name__ == "__main__":
    main()
