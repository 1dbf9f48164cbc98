"""A training recipe: plain data, checked before anything is trained. Standard library alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import accumulate
from typing import Any

OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "polynomial", "constant")
PRECISIONS = ("32-true", "bf16-mixed")
AUTO = "auto"
CLASS_WEIGHTS = ("balanced",)
INITS = ("he", "xavier", "orthogonal", "torch")


class RecipeError(ValueError):
    """A recipe that cannot be followed; one line naming the key."""


class TrainingError(ValueError):
    """A training that broke down; one line naming the epoch and what happened."""


@dataclass(frozen=True)
class Phase:
    """A part of a training. It starts from the weights of the part before, with a schedule and an optimizer of its own.

    Attributes:
        share: of the epochs.
        lr: its highest learning rate, as a factor of the recipe's.
        sparsity: share of each layer's weights, those smallest when it begins, that it holds at zero.
    """

    share: float
    lr: float = 1.0
    sparsity: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: full length, for which the schedule is laid out.
        batch_size: images of one pass.
        accumulate: passes of one optimizer step.
        optimizer: `adamw` or `sgd` (with momentum).
        lr: the highest learning rate.
        weight_decay: decoupled for adamw, L2 for sgd; not on biases with `decay_biases` false.
        momentum: of sgd; beta1 of adamw.
        beta2: of adamw.
        warmup: share of all steps in which the rate rises linearly to `lr`.
        schedule: what follows: `cosine` or `polynomial` to 0, or `constant`.
        power: of the polynomial.
        clip: largest norm of the gradient, null for none.
        init: `he` (normal, variance 2 / fan in), `xavier` (Caffe's: uniform, variance 1 / fan in), `orthogonal`, or
            `torch` (its default); biases start from 0 but for `torch`. Or a file of trained weights, .safetensors or
            .npz, with its architecture.json beside it, or a folder of a training: the network takes what fits, see
            `explorer.training.transfer`, the rest is as `he`.
        revive: whether filters that are dead for the whole first batch are turned around before the training; see
            `explorer.training.classifier.revive`.
        last_std: standard deviation of the normal the last layer starts from, null for `init`.
        dropout: rate where the network has a dropout.
        label_smoothing: of the cross entropy trained on.
        class_weights: `balanced` weighs each image by images / (classes * images of its class), so that every class
            counts alike; null: every image does.
        decay_biases: whether weight decay applies to biases.
        precision: `32-true` or `bf16-mixed`, as Lightning calls them. A search takes `auto` as well, finds out which is
            faster before its first trial, and keeps that; see `explorer.training.precision`.
        phases: of the training, in order, their shares adding up to 1; none is one.
    """

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    accumulate: int = 1
    weight_decay: float = 0.0
    momentum: float = 0.9
    beta2: float = 0.999
    warmup: float = 0.0
    schedule: str = "cosine"
    power: float = 1.0
    clip: float | None = None
    init: str = "he"
    revive: bool = False
    last_std: float | None = None
    dropout: float = 0.0
    label_smoothing: float = 0.0
    class_weights: str | None = None
    decay_biases: bool = True
    precision: str = "32-true"
    phases: list[Phase] = field(default_factory=list)

    def phase(self, epoch: int, epochs: int) -> tuple[Phase, int, int]:
        """The phase in which `epoch` (from 0) out of `epochs` lies, its first epoch and the first after it."""
        phases = self.phases or [Phase(1.0)]
        # Rounded down: with few epochs it is the last phase that is never left out.
        ends = [math.floor(total * epochs + 1e-6) for total in accumulate(phase.share for phase in phases)]
        return next(each for each in zip(phases, [0, *ends], ends, strict=False) if each[1] <= epoch < each[2])

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of optimizer step `step` (from 0) out of the `steps` of a phase whose `lr` is 1."""
        rising = round(self.warmup * steps)
        if step < rising:
            return self.lr * (step + 1) / rising
        done = (step - rising) / max(1, steps - rising)
        match self.schedule:
            case "cosine":
                return self.lr * 0.5 * (1 + math.cos(math.pi * done))
            case "polynomial":
                return self.lr * float((1 - done) ** self.power)
            case _:
                return self.lr


def read(recipe: Mapping[str, Any]) -> Recipe:
    """Checks a recipe.

    Args:
        recipe: the keys of Recipe; `name` is allowed and ignored.

    Raises:
        RecipeError: for an unknown or missing key and a value of the wrong type or range.
    """
    given = {str(key): value for key, value in recipe.items() if key != "name"}
    known = {field.name: field for field in fields(Recipe)}
    for key in given:
        if key not in known:
            raise RecipeError(f"recipe has no key {key!r}, its keys are {', '.join(known)}")
        if key == "phases":
            given[key] = _phases(given[key])
            continue
        kind = str(known[key].type)
        value = float(given[key]) if kind.startswith("float") and type(given[key]) is int else given[key]
        given[key] = value
        if type(value).__name__ not in kind.replace("None", "NoneType").split(" | "):
            raise RecipeError(f"recipe.{key} is {value!r}, expected {kind}")
        good, expected = RANGES.get(key, (lambda _: True, ""))
        if value is not None and not good(value):
            raise RecipeError(f"recipe.{key} is {value!r}, expected {expected}")
    missing = [name for name, f in known.items() if f.default is f.default_factory is MISSING and name not in given]
    if missing:
        raise RecipeError(f"recipe lacks {missing[0]!r}")
    return Recipe(**given)


def _phases(phases: Any) -> list[Phase]:
    """Checks a list of phases."""
    if not isinstance(phases, list | tuple):
        raise RecipeError(
            f"recipe.phases is {phases!r}, expected a list such as [{{share: 0.5}}, {{share: 0.5, lr: 0.1}}]"
        )
    read_ = []
    for i, phase in enumerate(phases):
        known = [each.name for each in fields(Phase)]
        if not isinstance(phase, Mapping) or not {"share"} <= phase.keys() <= set(known):
            raise RecipeError(f"recipe.phases.{i} is {phase!r}, expected share and, as you like, lr and sparsity")
        for key, value in phase.items():
            good, expected = PHASE_RANGES[key]
            if type(value) not in (int, float) or not good(value):
                raise RecipeError(f"recipe.phases.{i}.{key} is {value!r}, expected a number {expected}")
        read_.append(Phase(**{key: float(value) for key, value in phase.items()}))
    total = sum(phase.share for phase in read_)
    if read_ and abs(total - 1) > 1e-6:
        raise RecipeError(f"recipe.phases has shares that add up to {total:g}, expected 1")
    return read_


PHASE_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "share": (lambda x: 0 < x <= 1, "within (0, 1]"),
    "lr": (lambda x: 0 < x < math.inf, "above 0"),
    "sparsity": (lambda x: 0 <= x < 1, "within [0, 1)"),
}
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **{key: (lambda n: n >= 1, "at least 1") for key in ("epochs", "batch_size", "accumulate")},
    **{key: (lambda x: 0 < x < math.inf, "above 0") for key in ("lr", "clip", "last_std")},
    **{key: (lambda x: 0 <= x < math.inf, "at least 0") for key in ("weight_decay", "power")},
    **{key: (lambda x: 0 <= x < 1, "within [0, 1)") for key in ("momentum", "beta2", "warmup", "dropout")},
    "label_smoothing": (lambda x: 0 <= x < 1, "within [0, 1)"),
    "optimizer": (lambda word: word in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
    "schedule": (lambda word: word in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "precision": (lambda word: word in (*PRECISIONS, AUTO), f"one of {', '.join((*PRECISIONS, AUTO))}"),
    "class_weights": (lambda word: word in CLASS_WEIGHTS, f"null or one of {', '.join(CLASS_WEIGHTS)}"),
    "init": (
        lambda word: word in INITS or "/" in word or word.endswith((".safetensors", ".npz")),
        f"one of {', '.join(INITS)}, or FILE.safetensors, FILE.npz, FOLDER/ of a training",
    ),
}
