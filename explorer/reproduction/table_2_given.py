"""The paper's Table 2 measured on given weights of SqueezeNet: what each way of compressing costs and keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture, cost
from explorer.compression import codebook
from explorer.compression.codebook import Doubles
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, Floats
from explorer.compression.quantize import quantize
from explorer.training.network import build

ENERGY = 0.95
"""Share of a weight matrix's squares that its singular value decomposition keeps."""


@dataclass(frozen=True)
class Line:
    """One way, measured; fit for JSON.

    Attributes:
        method: in words.
        bytes: of the file, or of what the way has to keep.
        before, after: (top-1, top-5) of the given weights and of what the file decodes to.
        change: top-1 after less top-1 before, and its standard error: image by image, or over the seeds of trainings.
        images: that they were measured on, none of them used for calibration or training.
    """

    method: str
    bytes: int
    before: tuple[float, float]
    after: tuple[float, float]
    change: tuple[float, float]
    images: int

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def words(self) -> str:
        """One line for people."""
        top1, top5 = (100 * value for value in self.after)
        gained, error = (100 * value for value in self.change)
        return (
            f"{self.method}: {self.bytes:,} bytes, top-1 {top1:.1f} % ({gained:+.1f} ± {error:.1f}), top-5 {top5:.1f} %"
        )


def measure(
    architecture: Architecture,
    tensors: Mapping[str, Floats],
    calibration: Tensor,
    images: Tensor,
    labels: Tensor,
    budget: int,
    told: Callable[[str], None] = lambda _: None,
) -> list[Line]:
    """Every way in the table's order.

    Args:
        architecture: the network.
        tensors: its trained weights; zeros count as pruned.
        calibration: (N, C, H, W) that ours may look at.
        images, labels: (M, C, H, W) and (M,) that all are measured on.
        budget: bytes of ours.
        told: is given each line when it is there.
    """
    before = hits(architecture, tensors, images, labels)
    lines = []
    for method, size, found in _ways(architecture, tensors, calibration, budget):
        after = before if found is tensors else hits(architecture, found, images, labels)
        gained = after[:, 0] - before[:, 0]
        change = (float(gained.mean()), float(gained.std(ddof=1) / len(gained) ** 0.5))
        lines.append(Line(method, size, mean(before), mean(after), change, len(labels)))
        told(lines[-1].words())
    return lines


def _ways(
    architecture: Architecture, tensors: Mapping[str, Floats], calibration: Tensor, budget: int
) -> Iterator[tuple[str, int, Mapping[str, Floats]]]:
    """Method, bytes and the weights that come back."""
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
        yield f"Deep Compression, {bits} bit", *filed(architecture, {**tensors, **coded})
    state = dict(tensors)
    yield "ours", *filed(architecture, quantize(architecture, state, calibration, budget=budget))


def filed(architecture: Architecture, kept: Mapping[str, container.Tensor]) -> tuple[int, dict[str, Floats]]:
    """Bytes of a .sqz file, and what it decodes to."""
    content = container.pack(architecture, kept)
    _, found = container.unpack(content)
    return len(content), {name: container.dense(tensor) for name, tensor in found.items()}


def shared(values: Floats, count: int) -> CodedTensor:
    """The codebook that the weights have, if it is small enough; else the best of that size."""
    own = CodedTensor.of(values)
    assert own.levels is not None
    return own if len(own.levels) <= count else codebook.share(values, None, count)


def rank(values: Floats, energy: float) -> int | None:
    """The rank that keeps this share of a weight matrix's squares; None where its factors save nothing."""
    matrix = values.reshape(len(values), -1).astype(np.float64)
    squares = np.linalg.svd(matrix, compute_uv=False) ** 2
    found = min(int(np.searchsorted(np.cumsum(squares) / squares.sum(), energy)) + 1, len(squares))
    return found if found * sum(matrix.shape) < matrix.size else None


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


def hits(architecture: Architecture, tensors: Mapping[str, Floats], images: Tensor, labels: Tensor) -> Doubles:
    """For each image whether its class is the likeliest, and whether it is among the five likeliest: (M, 2)."""
    network = build(architecture).eval()
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}, strict=False)
    with torch.inference_mode():
        top = torch.cat([network(batch).topk(5).indices for batch in torch.split(images, 25)])
    right = (top == labels[:, None]).numpy()
    return np.stack([right[:, 0], right.any(1)], 1).astype(np.float64)


def mean(hits: Doubles) -> tuple[float, float]:
    """Shares of (top-1, top-5)."""
    top1, top5 = hits.mean(0).tolist()
    return top1, top5
