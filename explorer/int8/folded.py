"""The weights of a trained network as its operators take them: batch normalisation and the preparation of pictures are
part of convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from explorer.arch.tflite import operators as ops
from explorer.arch.tflite.operators import Operator, Program

EPSILON = 1e-5
"""Of batch normalisation, torch's default."""


@dataclass(frozen=True)
class Pixels:
    """What the network's input holds: a byte of a picture less 128.

    Attributes:
        mean, std: of each channel, by which training normalised the bytes.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def middle(self) -> int:
        """The byte that stands for 0."""
        return min(255, max(0, round(fmean(self.mean))))

    @property
    def scale(self) -> float:
        """What a step of the byte is worth."""
        return 1 / fmean(self.std)

    def bytes(self, images: Tensor) -> Tensor:
        """Normalised images (N, C, H, W) as the bytes they were: whole numbers, 0 to 255."""
        mean, std = (torch.tensor(each, dtype=torch.float32).view(-1, 1, 1) for each in (self.mean, self.std))
        return (images * std + mean).round().clamp(0, 255)


@dataclass(frozen=True)
class Folded:
    """Weights of an operator in fp32.

    Attributes:
        weights: (out, in / groups, height, width), as torch has them.
        bias: (out,).
    """

    weights: Tensor
    bias: Tensor


def takes_pixels(program: Program) -> bool:
    """Whether the preparation of pictures can be folded in: convolutions alone read them."""
    image = {0}
    for each in program.operators:
        if image & set(each.inputs):
            if each.kind == ops.PAD:
                image.add(each.output)
            elif each.kind not in ops.WEIGHTED:
                return False
    return True


def folded(program: Program, weights: Mapping[str, Tensor], pixels: Pixels | None = None) -> list[Folded | None]:
    """The weights of each operator; None for one without.

    Args:
        program: the network's.
        weights: its tensors by name, as a checkpoint has them.
        pixels: what the image holds, if the preparation is to be folded in; see `takes_pixels`.
    """
    found = [_folded(each, program, weights) if each.weights else None for each in program.operators]
    image = {0}
    for i, each in enumerate(program.operators):
        own = found[i]
        if pixels is not None and image & set(each.inputs):
            if own is None:
                image.add(each.output)
            else:
                found[i] = _of_pixels(own, pixels, each.kind == ops.DEPTHWISE)
    return found


def _folded(operator: Operator, program: Program, weights: Mapping[str, Tensor]) -> Folded:
    channels = program.maps[operator.inputs[0]][2]
    filters = operator.filters
    shape = (filters, channels if operator.kind == ops.CONV else 1, *operator.kernel)
    if operator.kind == ops.CONV:
        shape = (filters, operator.weights[3], *operator.kernel)
    if operator.layer:
        own = weights[f"{operator.layer}.weight"].detach().float().reshape(shape)
        bias = weights.get(f"{operator.layer}.bias", torch.zeros(filters)).detach().float()
    else:
        own, bias = torch.ones(shape), torch.zeros(filters)
    if operator.norm:
        gamma, beta, mean, variance = (
            weights[f"{operator.norm}.{name}"].detach().float()
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gamma / (variance + EPSILON).sqrt()
        own, bias = own * factor.view(-1, 1, 1, 1), (bias - mean) * factor + beta
    return Folded(own, bias)


def _of_pixels(own: Folded, pixels: Pixels, depthwise: bool) -> Folded:
    """Weights that read `scale * (byte - middle)` instead of `(byte - mean) / std`.

    Where a map is padded, a pixel beside the picture is now `middle` in every channel instead of the channel's mean.
    """
    factor = torch.tensor([1 / (pixels.scale * std) for std in pixels.std])
    shift = torch.tensor([(pixels.middle - mean) / std for mean, std in zip(pixels.mean, pixels.std, strict=True)])
    if depthwise:
        each = len(own.weights) // len(factor)
        factor, shift = (one.repeat_interleave(each).view(-1, 1, 1, 1) for one in (factor, shift))
    else:
        groups = len(factor) // own.weights.shape[1]
        if groups > 1:  # each group of filters reads its own channels
            rows = len(own.weights) // groups
            factor, shift = (
                one.view(groups, -1).repeat_interleave(rows, 0)[..., None, None] for one in (factor, shift)
            )
        else:
            factor, shift = (one.view(1, -1, 1, 1) for one in (factor, shift))
    return Folded(own.weights * factor, own.bias + (own.weights * shift).sum((1, 2, 3)))
