"""A network's operators timed in their places as torch runs them, one module after the other."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from explorer.arch import layers as L
from explorer.timing.operators import Operator

if TYPE_CHECKING:
    from torch import Tensor, nn

ACTIVATIONS = {each.__name__: each for each in (L.ReLU, L.ReLU6, L.SiLU, L.Hardswish, L.Sigmoid)}


def timed(found: tuple[Operator, ...], image: Tensor, times: int) -> list[list[float]]:
    """Seconds of each operator, so many times, in whole passes.

    Args:
        found: the operators of a network.
        image: (1, C, H, W).
        times: number of passes.
    """
    made = [_step(operator) for operator in found]
    spent: list[list[float]] = [[] for _ in found]
    for _ in range(times):
        outputs = [image]  # the last one, so that IMAGE, -1, is its place
        for step, own in zip(made, spent, strict=True):
            begun = perf_counter()
            output = step(outputs)
            own.append(perf_counter() - begun)
            outputs[-1:] = [output, image]
    return spent


def _step(operator: Operator) -> Callable[[list[Tensor]], Tensor]:
    from explorer.training.network import leaf, merge

    layer, inputs, behind = operator.layer, operator.inputs, _behind(operator)
    module = None if isinstance(layer, L.Merge | L.Sequential) else leaf(layer, operator.shapes[0][0], 0.0).eval()

    def step(outputs: list[Tensor]) -> Tensor:
        maps = [outputs[read] for read in inputs]
        x: Tensor = merge(layer, maps) if isinstance(layer, L.Merge) else module(maps[0])  # type: ignore[misc]
        for after in behind:
            x = after(x)
        return x

    return step


def _behind(operator: Operator) -> list[nn.Module]:
    from explorer.training.network import leaf

    channels = operator.shape[0]
    after: list[L.Leaf] = [L.BatchNorm2d("norm")] if operator.norm else []
    if operator.activation:
        after.append(ACTIVATIONS[operator.activation]())
    return [leaf(layer, channels, 0.0).eval() for layer in after]
