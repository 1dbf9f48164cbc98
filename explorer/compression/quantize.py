"""A trained network's weights as codes on grids, within a budget of bytes, without retraining and without labels.

One number, the fineness, sets every row's step: where rounding errors cost the same everywhere, no bit is better spent
elsewhere. What an error costs comes from calibration images (`importance`, second moments of the inputs); what it does,
the weights not yet rounded make good (`compensate`), and each layer is asked for its original output on the inputs
that it really has, behind layers already rounded (`propagate`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, log, sqrt

import numpy as np
import torch
from torch import Tensor

from explorer.arch import Architecture
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, CompressionError, Floats
from explorer.compression.codec.header import tensor_shapes
from explorer.compression.compensate import Curvature, Doubles, compensate
from explorer.compression.importance import importance, weighted
from explorer.compression.propagate import Moments, propagate
from explorer.compression.rate import Rate
from explorer.training.network import build

PRICE = 0.06
"""Cost of a bit in squares of the fineness; rounding alone would be 0, a rate-distortion optimum at high rate 0.12."""
RIDGE = 1e-2
"""Share of the inputs' mean power that holds targets near the weights as they were."""
LEAST = 1e-2
"""Share of a layer's mean importance that every row has: images not seen may need what those seen did not."""
STEP_BITS, FLOAT_BITS = 2, 10
"""Bits of mantissa that steps have, and tensors that are not coded, such as batch norm's."""
PASSES = 8
"""At most so many times all layers are rounded to meet a budget."""
FEWEST = 16
"""Images that suffice to find out how large the codes of a fineness are."""
SLACK = 0.008
"""Share of a budget that may be left; two passes of nearly the same fineness differ by up to 0.01."""

Compressed = dict[str, container.Tensor]


def quantize(
    architecture: Architecture,
    tensors: Mapping[str, Floats],
    images: Tensor,
    *,
    budget: int | None = None,
    fineness: float | None = None,
    seed: int = 0,
    told: Callable[[str], None] = lambda _: None,
) -> Compressed:
    """Rounds a network's weights to codes; zeros stay zero.

    Args:
        architecture: any network that `explorer.build` builds.
        tensors: its trained tensors, float32, by their names in the torch module.
        images: (N, C, H, W) for calibration, prepared as the network expects them; varied as in training is best.
        budget: bytes that the .sqz file may have; or
        fineness: the typical error, in square roots of twice the nats that each rounding costs, times the square root
            of 12; smaller is better and larger.
        seed: of what is drawn at random; the same arguments give the same codes on the same machine.
        told: is given a line about each pass.

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
            found = tensors[name].shape if name in tensors else "missing"
            raise CompressionError(f"{name} is {found}, the network's {shape}")
    state = {name: torch.from_numpy(np.array(tensors[name], np.float32)) for name in shapes}
    network = build(architecture)
    network.load_state_dict(state, strict=False)
    work = _Work(architecture, state, images, importance(network, images, seed), seed, list(weighted(network)))
    if fineness is not None:
        return work.rounded(fineness)
    assert budget is not None
    return _within(work, budget, told)


def _within(work: _Work, budget: int, told: Callable[[str], None]) -> Compressed:
    """The finest that the budget has room for: an estimate leads near it, a line through the nearest sizes to it."""
    best, best_size, known = None, 0, dict[float, int]()
    fineness = sqrt(24 * 0.02 / max(1, work.nonzero()))  # a divergence of 0.02 nats, if every error counted alike
    for number in range(PASSES):
        draft = number == 0 and len(work.images) >= 8 * FEWEST  # a few images tell the size well enough
        made = work.rounded(fineness, 8 if draft else 1)
        size = len(container.pack(work.architecture, made))
        told(f"{'draft' if draft else 'pass'} {number + 1}: fineness {fineness:.3g}, {size:,} bytes of {budget:,}")
        if not draft:
            known[log(fineness)] = size
            if best_size < size <= budget:
                best, best_size = made, size
        aim = budget * (1 - SLACK / 2)
        if budget * (1 - SLACK) <= best_size:
            break
        before, fineness = (
            fineness,
            _on_a_line(known, aim) or work.solve(aim - size + work.estimate(fineness), fineness),
        )
        if abs(log(before / fineness)) < 1e-4 and not draft:
            break
    if best is None:
        raise CompressionError(f"{budget:,} bytes are too few for this network, {min(known.values()):,} were reached")
    return best


def _on_a_line(known: Mapping[float, int], aim: float) -> float | None:
    """The fineness at which a line through the two sizes nearest to `aim` meets it; None if they do not fall."""
    if len(known) < 2:
        return None
    (first, size), (second, other) = sorted(sorted(known.items(), key=lambda point: abs(point[1] - aim))[:2])
    if size <= other:
        return None
    found = first + (second - first) * (size - aim) / (size - other)
    return exp(min(max(found, first - 1), second + 1))


@dataclass
class _Work:
    """A network with what calibration found out about it."""

    architecture: Architecture
    state: dict[str, Tensor]
    images: Tensor
    importance: dict[str, Doubles]
    seed: int
    layers: list[str]
    typical: dict[str, Doubles] = field(default_factory=dict)  # of a row of each layer, the power its step goes by

    def nonzero(self) -> int:
        return sum(int(self.state[f"{name}.weight"].count_nonzero()) for name in self.layers)

    def rounded(self, fineness: float, every: int = 1) -> Compressed:
        """All layers one after the other, each behind the rounded ones, by every so-many-th image."""
        made: Compressed = {}

        def change(name: str, moments: Moments) -> dict[str, Tensor]:
            parts = self._layer(name, moments, fineness)
            made.update(parts)
            return {key.rpartition(".")[2]: torch.from_numpy(container.dense(part)) for key, part in parts.items()}

        propagate(self.architecture, self.state, self.images[::every], change, self.seed)
        others = {name: _coarse(tensor.numpy(), FLOAT_BITS) for name, tensor in self.state.items() if name not in made}
        return {name: made[name] if name in made else others[name] for name in self.state}

    def _layer(self, name: str, moments: Moments, fineness: float) -> Compressed:
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
            own = slice(group * per_group, (group + 1) * per_group)
            curvature = Curvature.of(moments.now[group], bias is not None)
            typical[own] = curvature.typical(rows[own])
            step = _coarse((fineness / np.sqrt(importance[own] * typical[own])).astype(np.float32), STEP_BITS)
            target = rows[own] if moments.then is None else _pulled(rows[own], moments.now[group], moments.then[group])
            weights_codes, left = compensate(
                target, curvature, importance[own].astype(np.float32), step, PRICE * fineness**2, rows[own] == 0
            )
            codes.append(weights_codes)
            biases.append(left)
            steps.append(step)
        self.typical[name] = typical
        found: Compressed = {
            f"{name}.weight": CodedTensor(np.concatenate(codes).reshape(weight.shape), steps=np.concatenate(steps))
        }
        if bias is not None:
            step = _coarse(np.array([fineness / sqrt(importance.mean())], np.float32), STEP_BITS)
            found[f"{name}.bias"] = CodedTensor(np.rint(np.concatenate(biases) / step).astype(np.int32), steps=step)
        return found

    def _importance(self, name: str) -> Doubles:
        rows = self.importance[name]
        return np.maximum(rows, LEAST * float(rows.mean()) or 1e-12)

    def estimate(self, fineness: float) -> float:
        """Bytes of the weights' codes by their histograms, if plainly rounded."""
        bits = 0.0
        for name in self.layers:
            weight = self.state[f"{name}.weight"].flatten(1).numpy()
            steps = fineness / np.sqrt(self._importance(name) * self.typical[name])
            codes = np.rint(weight / steps[:, None]).astype(np.int32)
            bits += float(Rate.of(codes)(codes.astype(np.float32)).sum())
        return bits / 8

    def solve(self, wanted: float, fineness: float) -> float:
        """The fineness at which the estimate is as wanted, within a factor of 8 of a given one."""
        low, high = fineness / 8, fineness * 8
        for _ in range(24):
            middle = sqrt(low * high)
            low, high = (low, middle) if self.estimate(middle) < wanted else (middle, high)
        return sqrt(low * high)


def _pulled(rows: Floats, now: Doubles, then: Doubles) -> Floats:
    """Rows that give, on inputs as they are, most nearly the output that the rows gave on inputs as they were."""
    ridge = RIDGE * float(np.diag(now).mean()) or 1e-12
    solved = np.linalg.solve(now + ridge * np.eye(len(now)), (rows @ then + ridge * rows).T)
    return np.ascontiguousarray(solved.T, np.float32)


def _coarse(values: Floats, bits: int) -> Floats:
    """Values rounded to so many bits of mantissa."""
    drop = 23 - bits
    whole = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((whole + np.uint32(1 << (drop - 1))) >> np.uint32(drop) << np.uint32(drop)).view(np.float32)
