"""The paper's Table 2 measured on given weights of SqueezeNet: what each way of compressing costs and keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture, cost
from explorer.compression import codebook, container
from explorer.compression.coded import CodedTensor, Floats
from explorer.compression.quantize import quantize
from explorer.nets import build

ENERGY = 0.95
"""Share of a weight matrix's squares that its singular value decomposition keeps."""


@dataclass(frozen=True)
class Line:
    """One way, measured; fit for JSON.

    Attributes:
        method: in words.
        bytes: of the file, or of what the way has to keep.
        before, after: (top-1, top-5) of the given weights and of what the file decodes to.
        images: that they were measured on, none of them used for calibration.
    """

    method: str
    bytes: int
    before: tuple[float, float]
    after: tuple[float, float]
    images: int

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


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
    before = _scores(architecture, tensors, images, labels)
    lines = []
    for method, size, found in _ways(architecture, tensors, calibration, budget):
        after = before if found is tensors else _scores(architecture, found, images, labels)
        lines.append(Line(method, size, before, after, len(labels)))
        told(f"{method}: {size:,} bytes, top-1 {100 * after[0]:.1f} %, top-5 {100 * after[1]:.1f} %")
    return lines


def _ways(
    architecture: Architecture, tensors: Mapping[str, Floats], calibration: Tensor, budget: int
) -> Iterator[tuple[str, int, Mapping[str, Floats]]]:
    """Method, bytes and the weights that come back."""
    weights = {name: value for name, value in tensors.items() if value.ndim > 1}
    others = 4 * sum(value.size for name, value in tensors.items() if name not in weights)
    yield "none, 32 bit", cost(architecture).bytes, tensors
    factored = {name: _low_rank(value) for name, value in weights.items()}
    yield (
        f"SVD, {ENERGY:.0%} of the squares",
        others + 4 * sum(size for _, size in factored.values()),
        {**tensors, **{name: value for name, (value, _) in factored.items()}},
    )
    yield "pruning alone, 32 bit", others + sum(map(_sparse, weights.values())), tensors
    for bits in (8, 6):
        coded = {name: _shared(value, 2**bits - 1) for name, value in weights.items()}
        yield f"Deep Compression, {bits} bit", *_filed(architecture, {**tensors, **coded})
    state = dict(tensors)
    yield "ours", *_filed(architecture, quantize(architecture, state, calibration, budget=budget))


def _filed(architecture: Architecture, kept: Mapping[str, container.Tensor]) -> tuple[int, dict[str, Floats]]:
    """Bytes of a .sqz file, and what it decodes to."""
    content = container.pack(architecture, kept)
    _, found = container.unpack(content)
    return len(content), {name: container.dense(tensor) for name, tensor in found.items()}


def _shared(values: Floats, count: int) -> CodedTensor:
    """The codebook that the weights have, if it is small enough; else the best of that size."""
    own = CodedTensor.of(values)
    assert own.levels is not None
    return own if len(own.levels) <= count else codebook.share(values, None, count)


def _low_rank(values: Floats) -> tuple[Floats, int]:
    """The nearest matrix of a rank that keeps ENERGY, and its numbers; as it is where that saves nothing."""
    matrix = values.reshape(len(values), -1).astype(np.float64)
    left, singular, right = np.linalg.svd(matrix, full_matrices=False)
    rank = int(np.searchsorted(np.cumsum(singular**2) / (singular**2).sum(), ENERGY)) + 1
    if rank * sum(matrix.shape) >= matrix.size:
        return values, values.size
    return ((left[:, :rank] * singular[:rank]) @ right[:rank]).astype(np.float32).reshape(values.shape), rank * sum(
        matrix.shape
    )


def _sparse(values: Floats) -> int:
    """Bytes of the nonzero weights in float32, each behind a gap of 4 bits; a longer gap takes fillers."""
    gaps = np.diff(np.flatnonzero(values), prepend=-1) - 1
    entries = len(gaps) + int((gaps // 16).sum())
    return 4 * entries + -(-entries // 2)


def _scores(
    architecture: Architecture, tensors: Mapping[str, Floats], images: Tensor, labels: Tensor
) -> tuple[float, float]:
    network = build(architecture).eval()
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}, strict=False)
    with torch.inference_mode():
        top = torch.cat([network(batch).topk(5).indices for batch in torch.split(images, 25)])
    hits = top == labels[:, None]
    return float(hits[:, 0].double().mean()), float(hits.any(1).double().mean())
