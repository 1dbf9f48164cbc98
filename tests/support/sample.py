"""Made-up studies of real networks: exact costs, plausible accuracies. For tests that show results, not make them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from functools import cache
from typing import Any

from explorer.arch import Architecture, architecture, cost
from explorer.arch.families.fire import fire
from explorer.results.latency import Latency, Timed
from explorer.results.record import StudyRecord, TrialRecord

INPUT_SHAPE, CLASSES, VAL_IMAGES = (1, 8, 8), 10, 360
STARTED = 1_760_000_000.0
SEARCH = {
    "base_e": {"type": "int", "low": 16, "high": 128, "step": 16},
    "incr_e": {"type": "int", "low": 0, "high": 128, "step": 16},
    "freq": {"type": "int", "low": 1, "high": 4},
    "pct_3x3": {"type": "float", "low": 0.01, "high": 0.99},
    "squeeze_ratio": {"type": "float", "low": 0.05, "high": 1.0, "log": True},
}


def trial(
    number: int,
    *,
    anchor: str | None = None,
    accuracy: float | None = None,
    state: str = "COMPLETE",
    epochs: int = 20,
    seeds: tuple[int, ...] = (0,),
    reason: str = "",
) -> TrialRecord:
    """One trial; everything about it follows from its number, unless said otherwise."""
    rng = random.Random(number)
    metaparameters = {} if anchor else _metaparameters(rng)
    network, params, macs = _network(anchor or tuple(metaparameters.items()))
    end = _accuracy(params, rng) if accuracy is None else accuracy
    return TrialRecord(
        number=number,
        state=state,
        metaparameters=metaparameters,
        anchor=anchor,
        identity=network.identity,
        params=params,
        bytes=4 * params,
        macs=macs,
        architecture=network.to_json(),
        seeds=seeds,
        curves=tuple(_curve(end, epochs, rng, spread=i / 100) for i, _ in enumerate(seeds)),
        device="cpu (1 thread)",
        started=STARTED + 7 * number,
        ended=0.0 if state == "RUNNING" else STARTED + 7 * number + epochs,
        reason=reason,
        predicted={"latency": float(20 + macs // 100_000 + number % 7), "cycles": float(5000 + macs // 90)},
    )


def study(trials: Iterable[TrialRecord], name: str = "fire_micro-digits") -> StudyRecord:
    """A study of these trials."""
    return StudyRecord(
        name,
        {
            "space": {"family": "fire", "search": SEARCH, "fixed": {"bypass": "none", "modules": 8}},
            "data": "digits",
            "recipe": {"name": "fast", "optimizer": "adamw", "lr": 0.002, "batch_size": 32},
            "sampler": {"name": "tpe"},
            "seed": 0,
            "seeds": 1,
            "epochs": 20,
        },
        {
            "input_shape": list(INPUT_SHAPE),
            "classes": CLASSES,
            "images": {"train": 1077, "val": VAL_IMAGES, "test": 360},
            "versions": {"torch": "2.14.1", "optuna": "5.0.0"},
            "git_commit": "cb17646",
        },
        tuple(trials),
    )


def finished_study(candidates: int = 30, name: str = "fire_micro-digits") -> StudyRecord:
    """Two anchors and many candidates: one failed at chance, one crashed, one stopped early, one with three seeds."""
    trials = [trial(0, anchor="squeezenet_v1_0", accuracy=0.981), trial(1, anchor="squeezenet_v1_1", accuracy=0.978)]
    special: dict[int, dict[str, Any]] = {
        5: {"accuracy": 0.1},
        9: {"state": "FAIL", "epochs": 3, "reason": "loss is NaN in epoch 4"},
        12: {"state": "PRUNED", "epochs": 5, "accuracy": 0.71, "reason": "stopped at epoch 5 of 20"},
        15: {"seeds": (0, 1, 2)},
    }
    trials += [trial(number, **special.get(number, {})) for number in range(2, 2 + candidates)]
    return study(trials, name)


def timed(trial: int, median: float, runtime_factor: float = 0.2, **changes: object) -> Timed:
    times = {"torch": median, "onnxruntime": runtime_factor * median}
    found = {name: Latency(value, 0.9 * value, 1.2 * value, 100) for name, value in times.items()}
    facts = {"network": f"trial {trial}", "trial": trial, "identity": "0" * 16, "params": 1, "macs": 1}
    facts |= {"device": "cpu (x, 1 thread)", "batch_size": 1, "load": 0.0, "versions": {}, "latencies": found}
    return Timed(**{**facts, **changes})  # type: ignore[arg-type]


def _metaparameters(rng: random.Random) -> dict[str, Any]:
    return {
        "base_e": rng.randrange(16, 129, 16),
        "incr_e": rng.randrange(0, 129, 16),
        "freq": rng.randint(1, 4),
        "pct_3x3": round(rng.uniform(0.01, 0.99), 4),
        "squeeze_ratio": round(math.exp(rng.uniform(math.log(0.05), 0)), 4),
    }


@cache
def _network(point: str | tuple[tuple[str, Any], ...]) -> tuple[Architecture, int, int]:
    if isinstance(point, str):
        network = architecture(point, input_shape=INPUT_SHAPE, classes=CLASSES)
    else:
        network = fire(INPUT_SHAPE, CLASSES, **dict(point))
    total = cost(network)
    return network, total.params, total.macs


def _accuracy(params: int, rng: random.Random) -> float:
    """More parameters help less and less; whole validation images."""
    expected = 0.985 - 0.35 * (params / 1e4) ** -0.7
    return round(min(max(rng.gauss(expected, 0.012), 0.1), 1.0) * VAL_IMAGES) / VAL_IMAGES


def _curve(end: float, epochs: int, rng: random.Random, spread: float) -> tuple[dict[str, float], ...]:
    final = min(1.0, end + spread)
    return tuple(
        {
            "epoch": float(epoch),
            "train_loss": 2.3 * math.exp(-3 * epoch / epochs),
            "val_loss": 2.3 * math.exp(-2.5 * epoch / epochs) + 0.05,
            "val_acc": final if epoch == epochs else final * (1 - math.exp(-4 * epoch / epochs)),
            "lr": 0.002 * (1 - epoch / epochs),
            "seconds": rng.uniform(0.2, 0.3),
        }
        for epoch in range(1, epochs + 1)
    )
