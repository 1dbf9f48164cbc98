"""From fp32 to int8 after training: scales from calibration images, weights by least squares, biases corrected.

The scale of a map is the one that loses least over the calibration images, in mean squared error. A filter's scale is
chosen the same way over its weights. Then, operator after operator, the mean that a filter has lost through everything
quantized before it is put back into its bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.arena import lifetimes
from explorer.arch.tflite.operators import Operator, Program
from explorer.int8.floats import activated, before_activation, fp32, maps
from explorer.int8.folded import Folded, Pixels, folded, takes_pixels
from explorer.int8.integers import accumulated, kernel
from explorer.int8.quantized import MOST_LEVELS, Array, Filters, Quantized

LEAST_IMAGES = 8
SAMPLED = 20_000
"""Numbers of a map from which its scale is chosen."""
SHARES = np.linspace(0.3, 1.0, 29)
"""Of the largest number that a scale may reach to; what lies beyond is clamped."""
LARGEST_BIAS = 2**30
OFF_GRID = 1e-5
"""Share of a layer's largest weight by which rounding of floats moves one."""


class CalibrationError(ValueError):
    """Images from which no scales can be found; one line."""


@dataclass(frozen=True)
class Image:
    """What the int8 input means: a value is scale * (int8 - zero_point).

    Attributes:
        pixels: the bytes it stands for, less 128; None: values normalised as in training, of the range seen.
    """

    pixels: Pixels | None

    def words(self, network: Quantized, preparation: Mapping[str, object]) -> str:
        """What a byte of the input means."""
        height, width, channels = network.program.maps[0]
        shape = f"int8 (1, {height}, {width}, {channels})"
        how = {key: value for key, value in preparation.items() if key not in ("mean", "std")}
        ready = f"; prepared as {how}" if how else ""
        if self.pixels is not None:
            return f"{shape}, each byte of the picture less 128; the normalisation is part of the network{ready}"
        scale, zero_point = network.scales[0], network.zero_points[0]
        return f"{shape}, round(x / {scale:.8g}) + {zero_point} of x as training normalised it{ready}"

    def values(self, images: Tensor) -> Tensor:
        """Normalised images as the values that the program's input stands for."""
        if self.pixels is None:
            return images
        return (self.pixels.bytes(images) - self.pixels.middle) * self.pixels.scale

    def int8(self, images: Tensor, network: Quantized) -> Tensor:
        """Normalised images (N, C, H, W) as the network's input."""
        if self.pixels is not None:
            return (self.pixels.bytes(images) - 128).to(torch.int8)
        found = (images / network.scales[0]).round() + network.zero_points[0]
        return found.clamp(-128, 127).to(torch.int8)


def image_of(program: Program, preparation: Mapping[str, object]) -> Image:
    """What a program's input shall mean: pixels where the data set says how it normalises them.

    Args:
        program: the network's.
        preparation: see `explorer.data.module.DataModule.preparation_facts`.
    """
    if not {"mean", "std"} <= preparation.keys() or not takes_pixels(program):
        return Image(None)
    mean, std = (tuple(map(float, preparation[key])) for key in ("mean", "std"))  # type: ignore[call-overload]
    return Image(Pixels(mean, std))


def quantize(
    program: Program,
    weights: Mapping[str, Tensor],
    images: Tensor,
    image: Image,
    levels: int = MOST_LEVELS,
    codes: Mapping[str, Tensor] | None = None,
) -> Quantized:
    """A trained network in int8.

    Args:
        program: its operators.
        weights: its tensors by name.
        images: for calibration, (N, C, H, W), normalised as in training.
        image: what the input means.
        levels: values of a weight, 0 in the middle: 3 to 255, an odd number.
        codes: by layer, int8 of its weights' shape: weights that are multiples of a step already, one a filter. They
            stay as they are; only where a picture's normalisation, folded in, changes a filter's weights by different
            factors are they rounded anew.

    Raises:
        CalibrationError: if there are too few images, or the network's numbers on them are not finite.
    """
    if len(images) < LEAST_IMAGES:
        raise CalibrationError(f"{len(images)} calibration images, expected {LEAST_IMAGES} at least")
    with torch.no_grad():
        own = folded(program, weights, image.pixels)
        values = image.values(images)
        scales, zero_points = _scales(program, own, values, image)
        filters = tuple(
            _filters(each, operator, levels, (codes or {}).get(operator.layer))
            for each, operator in zip(own, program.operators, strict=True)
        )
        network = Quantized(program, scales, zero_points, filters)
        return _corrected(network, own, values, image.int8(images, network))


def _scales(
    program: Program, own: list[Folded | None], values: Tensor, image: Image
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Scale and zero point of each tensor."""
    roots = program.sharing()
    seen: dict[int, list[Array]] = {}
    chance = torch.Generator().manual_seed(0)

    for number, each in maps(program, values, fp32(own)):
        flat = each.flatten()
        flat = flat[flat != -torch.inf]  # what PADV2 adds
        if not flat.isfinite().all():
            raise CalibrationError("the network's numbers on the calibration images are not finite")
        chosen = torch.randint(len(flat), (SAMPLED,), generator=chance)
        seen.setdefault(roots[number], []).append(torch.cat([flat[chosen], torch.stack(flat.aminmax())]).numpy())
    fixed = {roots[each.output]: (1 / 256, -128) for each in program.operators if each.kind == ops.LOGISTIC}
    if image.pixels is not None:
        fixed[0] = (image.pixels.scale, image.pixels.middle - 128)
    found = {root: fixed[root] if root in fixed else _range(np.concatenate(each)) for root, each in seen.items()}
    return tuple(found[root][0] for root in roots), tuple(found[root][1] for root in roots)


def _range(values: Array) -> tuple[float, int]:
    """The scale and zero point that lose least over values; 0 is always one of the 256."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        return 1.0, 0
    best = (np.inf, 1.0, 0)
    for share in SHARES:
        scale = np.float32(share * (high - low) / 255)
        zero_point = int(np.clip(round(-128 - share * low / float(scale)), -128, 127))
        steps = np.clip(np.round(values / scale) + zero_point, -128, 127)
        lost = float(np.square((steps - zero_point) * scale - values).mean())
        best = min(best, (lost, float(scale), zero_point))
    return best[1:]


def _filters(own: Folded | None, operator: Operator, levels: int, codes: Tensor | None) -> Filters | None:
    """Weights in int8, each filter with the scale that loses least; the bias follows."""
    if own is None:
        return None
    found = None if codes is None else _on_grid(own, codes)
    steps, scales = found or _rounded(own, levels)
    kept = scales.numpy().astype(np.float32)
    return Filters(laid_out(steps, operator), kept, np.zeros(len(kept), np.int32))


def laid_out(weights: Tensor, operator: Operator) -> Array:
    """Weights (out, in / groups, height, width) in the order in which an operator reads them."""
    order = (1, 2, 3, 0) if operator.kind == ops.DEPTHWISE else (0, 2, 3, 1)
    return np.ascontiguousarray(weights.permute(order).numpy())


def _on_grid(own: Folded, codes: Tensor) -> tuple[Tensor, Tensor] | None:
    """The codes that folded weights have kept, and each filter's scale; None if they are no longer multiples of it."""
    rows, given = own.weights.flatten(1), codes.reshape(own.weights.shape).flatten(1).float()
    scales = (rows * given).sum(1) / given.square().sum(1).clamp(min=1)
    if ((rows - scales[:, None] * given).abs() > OFF_GRID * rows.abs().amax()).any():
        return None
    signs = torch.where(scales < 0, -1, 1)  # batch normalisation may turn a filter around
    steps = (given * signs[:, None]).to(torch.int8).reshape(own.weights.shape)
    return steps, scales.abs().clamp(min=1e-12)


def _rounded(own: Folded, levels: int) -> tuple[Tensor, Tensor]:
    """Weights as int8 (out, in / groups, height, width), and the scale (out,) that loses least for each filter."""
    rows = own.weights.flatten(1)
    largest = rows.abs().amax(1, keepdim=True).clamp(min=1e-12)
    half = levels // 2
    best, scales = torch.full_like(largest, torch.inf), largest / half
    for share in np.linspace(0.8 if levels == MOST_LEVELS else 0.2, 1.0, 11 if levels == MOST_LEVELS else 41):
        scale = share * largest / half
        lost = ((rows / scale).round().clamp(-half, half) * scale - rows).square().mean(1, keepdim=True)
        scales, best = torch.where(lost < best, scale, scales), torch.minimum(lost, best)
    return (rows / scales).round().clamp(-half, half).to(torch.int8).reshape(own.weights.shape), scales.flatten()


def _corrected(network: Quantized, own: list[Folded | None], values: Tensor, image: Tensor) -> Quantized:
    """The network with biases that make each filter's mean over the images what it is in fp32."""
    filters = list(network.filters)
    program = network.program
    exact = {0: values}
    found = {0: image}
    _, last = lifetimes(program)
    for i, operator in enumerate(program.operators):
        before = before_activation(operator, [exact[each] for each in operator.inputs], own[i])
        exact[operator.output] = activated(operator, before)
        if (kept := filters[i]) is not None:
            into = operator.inputs[0]
            unit = np.float32(network.scales[into]) * kept.scales
            sums = accumulated(operator, found[into], network.zero_points[into], kept).double().mean((0, 2, 3)).numpy()
            wanted = before.double().mean((0, 2, 3)).numpy() / np.maximum(unit, 1e-30)
            bias = np.clip(np.round(wanted - sums), -LARGEST_BIAS, LARGEST_BIAS).astype(np.int32)
            filters[i] = Filters(kept.weights, kept.scales, bias)
            network = Quantized(program, network.scales, network.zero_points, tuple(filters))
        found[operator.output] = kernel(network, i, operator, [found[each] for each in operator.inputs])
        for held in (exact, found):
            for number in [number for number in held if last[number] <= i + 1]:
                del held[number]
    return network
