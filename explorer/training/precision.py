"""Which precision a network trains faster in on this device: both are timed, step by step in turns, for a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

from explorer.arch import Architecture, cost
from explorer.training import recipe as recipes

if TYPE_CHECKING:
    import torch

SECONDS = 1.0
LEAST = 3
"""Steps of each precision, however long they take."""
PAYS = 1.1
"""bfloat16 is chosen from this speed-up on: below it the clock's noise could decide."""


def faster_precision(architecture: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """Times training steps in both precisions on the worker's device.

    Args:
        architecture: JSON of an Architecture.
        recipe: see `explorer.training.recipe.Recipe`.

    Returns:
        precision (`32-true` or `bf16-mixed`), speedup (seconds of a step in fp32 over those in bf16; 0 where it is
        not possible), device, in words.
    """
    import torch

    from explorer.training.job import trained_on

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network, followed = Architecture.from_json(architecture), replace(recipes.read(recipe), class_weights=None)
    try:
        speedup = _speedup([_step(network, replace(followed, precision=name), device) for name in recipes.PRECISIONS])
    except RuntimeError:  # a processor without kernels for it
        speedup = 0.0
    return {"precision": chosen(speedup), "speedup": round(speedup, 2), "device": trained_on(device)}


def chosen(speedup: float) -> str:
    """The precision that a speed-up of bfloat16 over fp32 speaks for."""
    return "bf16-mixed" if speedup >= PAYS else "32-true"


def in_words(found: dict[str, Any]) -> str:
    """What was found, in a line."""
    speed = f"{found['speedup']:g}x as fast as in fp32"
    return f"precision {found['precision']}: a step in bf16 is {speed} on {found['device']}"


def _speedup(steps: list[Callable[[], None]]) -> float:
    spent: list[list[float]] = [[] for _ in steps]
    for step in steps:
        step()  # the libraries choose algorithms and allocate memory
    until = time.perf_counter() + SECONDS
    while len(spent[-1]) < LEAST or time.perf_counter() < until:
        for step, seconds in zip(steps, spent, strict=True):
            begun = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - begun)
    fp32, bf16 = map(median, spent)
    return fp32 / bf16


def _step(architecture: Architecture, recipe: recipes.Recipe, device: torch.device) -> Callable[[], None]:
    """An optimizer step on random images, waited for; on a GPU replayed as a training's is."""
    import torch

    from explorer.training.classifier import Classifier
    from explorer.training.cuda_graph import WARM_UP, replayed

    classifier = Classifier(architecture, recipe, 0, recipe.epochs, 1, whole_epochs=True).to(device)
    random = torch.Generator().manual_seed(0)
    images = torch.randn(recipe.batch_size, *architecture.input_shape, generator=random).to(device)
    classes = cost(architecture).output_shape[0]
    labels = torch.randint(classes, (recipe.batch_size,), generator=random).to(device)
    optimizer = classifier.configure_optimizers()
    take = replayed(lambda *passes: classifier.step(optimizer, *passes), device)

    def step() -> None:
        take(*(images, labels) * recipe.accumulate)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    for _ in range(WARM_UP + 1 if device.type == "cuda" else 0):
        step()
    return step
