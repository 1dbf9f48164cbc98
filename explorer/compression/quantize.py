"""Post-training quantization within a budget of bytes: weights as codes on grids, without retraining, without labels.

One number, the fineness, sets every row's step so that rounding errors cost the same everywhere, which is the optimal
bit allocation at high rate. Their cost is estimated from calibration images (Fisher information and second moments of
the inputs). The weights not yet rounded compensate the error of those that are (`compensate`), and each layer
approximates its original output on the inputs that it has behind quantized layers (`propagate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, log, sqrt

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture
from explorer.compression import fisher
from explorer.compression.allocate import bisect
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, CompressionError, Doubles, Floats
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.compensate import Curvature, compensate
from explorer.compression.layers import weighted_layers
from explorer.compression.propagate import Moments, propagate
from explorer.compression.rate import Rate
from explorer.compression.rounding import on_grid, round_mantissa
from explorer.training.network import build

PRICE = 0.06
"""Cost of a bit in squares of the fineness: 0 is plain rounding, 0.12 the rate-distortion optimum at high rate."""
RIDGE = 1e-2
"""Share of the inputs' mean power that holds targets near the original weights."""
LEAST = 1e-2
"""Share of a layer's mean importance that every row has: other images may need rows that these do not."""
STEP_BITS, FLOAT_BITS = 2, 10
"""Bits of mantissa of steps, and of tensors that are not coded, such as batch norm's."""
PASSES = 8
"""Times, at most, that all layers are rounded to meet a budget."""
DRAFT_IMAGES, EVERY = 16, 8
"""Images that suffice to estimate the size that a fineness comes to; a draft takes every 8th."""
SLACK = 0.008
"""Share of a budget that may be left unused; passes of nearly the same fineness differ by up to 0.01 in size."""

Quantized = dict[str, container.Tensor]


def quantize(
    architecture: Architecture,
    tensors: Mapping[str, Floats],
    images: Tensor,
    *,
    budget: int | None = None,
    fineness: float | None = None,
    size: Callable[[Quantized], int] | None = None,
    seed: int = 0,
    report: Callable[[str], None] = lambda _: None,
) -> Quantized:
    """Rounds a network's weights to codes; zeros stay zero.

    Args:
        architecture: any network that `explorer.build` builds.
        tensors: its trained tensors, float32, by their names in the torch module.
        images: (N, C, H, W) for calibration, prepared as the network expects them; varied as in training is best.
        budget: bytes that the file may have; or
        fineness: the typical error, in square roots of twice the nats that each rounding costs, times the square root
            of 12; smaller is better and larger.
        size: bytes of a file of them; None: of the .sqz file.
        seed: of what is drawn at random; the same arguments give the same codes on the same machine.
        report: takes a line about each pass.

    Returns:
        What `container.write` takes.

    Raises:
        CompressionError: if the tensors are not the network's, no image is given, or the budget is too small.
    """
    if (budget is None) == (fineness is None):
        raise CompressionError("give either a budget or a fineness")
    shapes = tensor_shapes(architecture)
    for name, shape in shapes.items():
        if name not in tensors or tensors[name].shape != shape:
            given = tensors[name].shape if name in tensors else "missing"
            raise CompressionError(f"{name} is {given}, the network's {shape}")
    state = {name: torch.from_numpy(np.array(tensors[name], np.float32)) for name in shapes}
    network = build(architecture)
    network.load_state_dict(state, strict=False)
    importance, layers = fisher.of_rows(network, images, seed), list(weighted_layers(network))
    work = _Quantization(architecture, state, images, importance, seed, layers)
    if fineness is not None:
        return work.rounded(fineness)
    assert budget is not None
    return _within(work, budget, size or (lambda coded: len(container.pack(architecture, coded))), report)


def _within(
    work: _Quantization, budget: int, measured: Callable[[Quantized], int], report: Callable[[str], None]
) -> Quantized:
    """The finest quantization within the budget.

    The first fineness after a draft comes from the size as estimated by histograms, each further one from a line
    through the two sizes nearest to the budget.
    """
    best, best_size, sizes = None, 0, dict[float, int]()
    fineness = sqrt(24 * 0.02 / max(1, work.nonzero()))  # a divergence of 0.02 nats, if every error counted alike
    for number in range(PASSES):
        draft = number == 0 and len(work.images) >= EVERY * DRAFT_IMAGES
        quantized = work.rounded(fineness, EVERY if draft else 1)
        size = measured(quantized)
        report(f"{'draft' if draft else 'pass'} {number + 1}: fineness {fineness:.3g}, {size:,} bytes of {budget:,}")
        if not draft:
            sizes[log(fineness)] = size
            if best_size < size <= budget:
                best, best_size = quantized, size
        if budget * (1 - SLACK) <= best_size:
            break
        aim, before = budget * (1 - SLACK / 2), fineness
        fineness = _on_a_line(sizes, aim) or work.solve(aim - size + work.estimate(before), before)
        if abs(log(before / fineness)) < 1e-4 and not draft:
            break
    if best is None:
        raise CompressionError(f"{budget:,} bytes are too few for this network, {min(sizes.values()):,} were reached")
    return best


def _on_a_line(sizes: Mapping[float, int], aim: float) -> float | None:
    """The fineness at which a line through the two sizes nearest to `aim` meets it; None if they do not fall.

    Args:
        sizes: bytes by the logarithm of the fineness.
        aim: bytes.
    """
    if len(sizes) < 2:
        return None
    (first, size), (second, other) = sorted(sorted(sizes.items(), key=lambda point: abs(point[1] - aim))[:2])
    if size <= other:
        return None
    met = first + (second - first) * (size - aim) / (size - other)
    return exp(min(max(met, first - 1), second + 1))


@dataclass
class _Quantization:
    """A network and what calibration measured.

    Attributes:
        state: its tensors.
        images: for calibration.
        importance: of the rows of each layer.
        layers: names of those with weights.
        typical: by layer, the power of the inputs that the step of each row depends on; filled by `rounded`.
    """

    architecture: Architecture
    state: dict[str, Tensor]
    images: Tensor
    importance: dict[str, Doubles]
    seed: int
    layers: list[str]
    typical: dict[str, Doubles] = field(default_factory=dict)

    def nonzero(self) -> int:
        """Number of weights that are not zero."""
        return sum(int(self.state[f"{name}.weight"].count_nonzero()) for name in self.layers)

    def rounded(self, fineness: float, every: int = 1) -> Quantized:
        """All layers one after the other, each calibrated behind the rounded ones, by every so-many-th image."""
        coded: Quantized = {}

        def change(name: str, moments: Moments) -> dict[str, Tensor]:
            tensors = self._layer(name, moments, fineness)
            coded.update(tensors)
            return {key.rpartition(".")[2]: torch.from_numpy(container.dense(each)) for key, each in tensors.items()}

        propagate(self.architecture, self.state, self.images[::every], change, self.seed)
        return {name: coded[name] if name in coded else _float(value.numpy()) for name, value in self.state.items()}

    def _layer(self, name: str, moments: Moments, fineness: float) -> Quantized:
        """The codes of a layer's weight and bias."""
        weight, bias = self.state[f"{name}.weight"].numpy(), self.state.get(f"{name}.bias")
        rows = weight.reshape(len(weight), -1)
        if bias is not None:
            rows = np.column_stack([rows, bias.numpy()])
        importance = self._importance(name)
        groups = len(moments.now)
        per_group = len(rows) // groups
        codes, biases, steps, typical = [], [], [], np.zeros(len(rows))
        for group in range(groups):
            part = slice(group * per_group, (group + 1) * per_group)
            curvature = Curvature.of(moments.now[group], bias is not None)
            typical[part] = curvature.typical(rows[part])
            step = _steps(fineness / np.sqrt(importance[part] * typical[part]))
            target = rows[part]
            if moments.then is not None:
                target = _compensated(target, moments.now[group], moments.then[group])
            price, pruned = PRICE * fineness**2, rows[part] == 0
            group_codes, group_biases = compensate(
                target, curvature, importance[part].astype(np.float32), step, price, pruned
            )
            codes.append(group_codes)
            biases.append(group_biases)
            steps.append(step)
        self.typical[name] = typical
        coded = CodedTensor(np.concatenate(codes).reshape(weight.shape), steps=np.concatenate(steps))
        if bias is None:
            return {f"{name}.weight": coded}
        step = _steps(np.array([fineness / sqrt(importance.mean())]))
        return {f"{name}.weight": coded, f"{name}.bias": on_grid(np.concatenate(biases), step)}

    def _importance(self, name: str) -> Doubles:
        rows = self.importance[name]
        return np.maximum(rows, LEAST * float(rows.mean()) or 1e-12)

    def estimate(self, fineness: float) -> float:
        """Bytes of the weights' codes by the entropy of their histograms, after plain rounding."""
        bits = 0.0
        for name in self.layers:
            weight = self.state[f"{name}.weight"].flatten(1).numpy()
            steps = fineness / np.sqrt(self._importance(name) * self.typical[name])
            codes = np.rint(weight / steps[:, None]).astype(np.int32)
            bits += float(Rate.of(codes)(codes.astype(np.float32)).sum())
        return bits / 8

    def solve(self, size: float, fineness: float) -> float:
        """The fineness at which the estimate is `size` bytes, within a factor of 8 of a given one."""
        low, high = bisect(fineness / 8, fineness * 8, 24, lambda middle: self.estimate(middle) >= size)
        return sqrt(low * high)


def _compensated(rows: Floats, now: Doubles, then: Doubles) -> Floats:
    """Rows compensated for the error of their inputs: by ridge regression, their output is nearest to the original."""
    ridge = RIDGE * float(np.diag(now).mean()) or 1e-12
    solved = np.linalg.solve(now + ridge * np.eye(len(now)), (rows @ then + ridge * rows).T)
    return np.ascontiguousarray(solved.T, np.float32)


def _steps(values: Doubles) -> Floats:
    return round_mantissa(values.astype(np.float32), STEP_BITS, ties_to_even=False)


def _float(values: Floats) -> Floats:
    return round_mantissa(values, FLOAT_BITS, ties_to_even=False)
