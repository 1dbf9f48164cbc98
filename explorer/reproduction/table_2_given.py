"""The paper's Table 2 measured on given weights of SqueezeNet: what each way of compressing costs and keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from explorer.arch import Architecture, cost
from explorer.compression import codebook
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, Doubles, Floats
from explorer.compression.quantize import quantize
from explorer.reproduction.compression import RUNS, Way
from explorer.training.network import build

EXECUTED = 1.5
"""Budget of the file that runs, over that of ours."""
ENERGY = 0.95
"""Share of a weight matrix's squares that its singular value decomposition keeps."""


def measure(
    architecture: Architecture,
    tensors: Mapping[str, Floats],
    calibration: Tensor,
    images: Tensor,
    labels: Tensor,
    budget: int,
    preparation: Mapping[str, object],
    report: Callable[[str], None] = lambda _: None,
) -> list[Way]:
    """Every way in the table's order; that which runs as it is only where TFLite Micro is installed.

    Args:
        architecture: the network.
        tensors: its trained weights; zeros count as pruned.
        calibration: (N, C, H, W), images that ours is calibrated on.
        images, labels: (M, C, H, W) and (M,) that all are measured on.
        budget: bytes of ours.
        preparation: of the images, see `explorer.data.module.DataModule.preparation_facts`.
        report: takes a line about each way.
    """
    before = hits(architecture, tensors, images, labels)
    ways = []
    for method, size, decompressed in _ways(architecture, tensors, calibration, budget, preparation):
        after = before if decompressed is tensors else hits(architecture, decompressed, images, labels)
        gained = after[:, 0] - before[:, 0]
        change = (float(gained.mean()), float(gained.std(ddof=1) / len(gained) ** 0.5))
        ways.append(Way(method, size, mean(before), mean(after), change, len(labels)))
        report(_words(ways[-1]))
    return ways


def _words(way: Way) -> str:
    """One line for people."""
    top1, top5 = (100 * value for value in way.after)
    change, error = (100 * value for value in way.change)
    return f"{way.method}: {way.bytes:,} bytes, top-1 {top1:.1f} % ({change:+.1f} ± {error:.1f}), top-5 {top5:.1f} %"


def _ways(
    architecture: Architecture,
    tensors: Mapping[str, Floats],
    calibration: Tensor,
    budget: int,
    preparation: Mapping[str, object],
) -> Iterator[tuple[str, int, Mapping[str, Floats] | nn.Module]]:
    """Method, bytes, and the decompressed weights or what gives the file's answers."""
    weights = {name: value for name, value in tensors.items() if value.ndim > 1}
    others = 4 * sum(value.size for name, value in tensors.items() if name not in weights)
    yield "none, 32 bit", cost(architecture).bytes, tensors
    ranks = {name: rank(value, ENERGY) for name, value in weights.items()}
    yield (
        f"SVD, {ENERGY:.0%} of the squares",
        others + sum(4 * factors(value, ranks[name]) for name, value in weights.items()),
        {**tensors, **{name: low_rank(value, ranks[name]) for name, value in weights.items()}},
    )
    yield "pruning alone, 32 bit", others + sum(map(sparse, weights.values())), tensors
    for bits in (8, 6):
        coded = {name: shared(value, 2**bits - 1) for name, value in weights.items()}
        yield f"Deep Compression, {bits} bit", *through_file(architecture, {**tensors, **coded})
    state = dict(tensors)
    yield "ours", *through_file(architecture, quantize(architecture, state, calibration, budget=budget))
    if runs_here():
        from explorer.compression import given_executed
        from explorer.int8 import file

        budget = round(budget * EXECUTED)
        network, image = given_executed.rounded(architecture, tensors, calibration, preparation, budget)
        yield RUNS, len(file.write(network)), given_executed.Executed(network, image)


def runs_here() -> bool:
    """Whether TFLite Micro, which is an extra, is installed."""
    return find_spec("tflite_micro") is not None


def through_file(architecture: Architecture, tensors: Mapping[str, container.Tensor]) -> tuple[int, dict[str, Floats]]:
    """Bytes of a .sqz file, and what it decodes to."""
    content = container.pack(architecture, tensors)
    _, unpacked = container.unpack(content)
    return len(content), {name: container.dense(tensor) for name, tensor in unpacked.items()}


def shared(values: Floats, count: int) -> CodedTensor:
    """The codebook that the weights have, if it is small enough; else the best of that size."""
    given = CodedTensor.of(values)
    assert given.levels is not None
    return given if len(given.levels) <= count else codebook.share(values, None, count)


def rank(values: Floats, energy: float) -> int | None:
    """The rank that keeps this share of a weight matrix's squares; None where its factors save nothing."""
    matrix = values.reshape(len(values), -1).astype(np.float64)
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    lowest = min(int(np.searchsorted(np.cumsum(squares) / squares.sum(), energy)) + 1, len(squares))
    return lowest if lowest * sum(matrix.shape) < matrix.size else None


def factors(values: Floats, rank: int | None) -> int:
    """Numbers in the factors of this rank, or in the weights themselves."""
    return values.size if rank is None else rank * (len(values) + values.size // len(values))


def low_rank(values: Floats, rank: int | None) -> Floats:
    """The nearest weights of this rank."""
    if rank is None:
        return values
    matrix = values.reshape(len(values), -1).astype(np.float64)
    left, singular, right = np.linalg.svd(matrix, full_matrices=False)
    product: Floats = ((left[:, :rank] * singular[:rank]) @ right[:rank]).astype(np.float32)
    return product.reshape(values.shape)


def sparse(values: Floats) -> int:
    """Bytes of the nonzero weights in float32, each behind a gap of 4 bits; a longer gap takes fillers."""
    gaps = np.diff(np.flatnonzero(values), prepend=-1) - 1
    entries = len(gaps) + int((gaps // 16).sum())
    return 4 * entries + -(-entries // 2)


def hits(
    architecture: Architecture, found: Mapping[str, Floats] | nn.Module, images: Tensor, labels: Tensor
) -> Doubles:
    """For each image whether its class is the likeliest, and whether it is among the five likeliest: (M, 2).

    Args:
        architecture: the network.
        found: its weights, or what gives logits (M, classes).
        images, labels: (M, C, H, W) and (M,).
    """
    network = found if isinstance(found, nn.Module) else build(architecture).eval()
    if not isinstance(found, nn.Module):
        weights = {name: torch.from_numpy(np.array(value)) for name, value in found.items()}
        network.load_state_dict(weights, strict=False)
    with torch.inference_mode():
        top = torch.cat([network(batch).topk(5).indices for batch in torch.split(images, 25)])
    right = (top == labels[:, None]).numpy()
    return np.stack([right[:, 0], right.any(1)], 1).astype(np.float64)


def mean(hits: Doubles) -> tuple[float, float]:
    """Shares of (top-1, top-5)."""
    top1, top5 = hits.mean(0).tolist()
    return top1, top5
