"""The result of retraining a network: numbers, their text, the model card."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from explorer.results.record import StudyRecord, TrialRecord


@dataclass(frozen=True)
class Retrained:
    """The result of retraining a network.

    Attributes:
        study, trial, identity, params: which network.
        recorded, again: the study's metric of each recorded seed, in the study and now.
        recorded_device, device: where each was trained.
        same_params, same_identity: whether the network built from the study's metaparameters is the recorded one.
        seeds: the fresh seeds, trained on train and val.
        test_acc: of each fresh seed.
        metric: the study's, by its name behind `test_`; test: of each fresh seed.
        test_errors: standard errors of `test` over the images; None where they are binomial.
        test_images: size of the test split.
        confusion: of the first fresh seed's network on the test split; see `explorer.results.confusion.Confusion`.
        class_names: in the order of their numbers; empty if unknown.
    """

    study: str
    trial: int
    identity: str
    params: int
    recorded: tuple[float, ...]
    again: tuple[float, ...]
    recorded_device: str
    device: str
    same_params: bool
    same_identity: bool
    seeds: tuple[int, ...]
    test_acc: tuple[float, ...]
    metric: str
    test: tuple[float, ...]
    test_errors: tuple[float | None, ...]
    test_images: int
    confusion: Sequence[Sequence[int]] = ()
    class_names: Sequence[str] = ()

    @property
    def reproduced(self) -> bool:
        """Whether every recorded number is the same again."""
        return self.recorded == self.again and self.same_params and self.same_identity

    @property
    def test_error(self) -> float:
        """Standard error of the mean of `test`, over test images and seeds."""
        p, given = mean(self.test), [error for error in self.test_errors if error is not None]
        images = mean(given) ** 2 if given else p * (1 - p) / self.test_images
        seeds = stdev(self.test) ** 2 / len(self.test) if len(self.test) > 1 else 0.0
        return math.sqrt(images + seeds)

    @property
    def luck(self) -> float:
        """The metric in the search less the mean on the test images of fresh seeds: the optimism of choosing by it."""
        return mean(self.recorded) - mean(self.test)


def model_card(
    record: StudyRecord,
    trial: TrialRecord,
    result: Retrained,
    takes: str,
    facts: Mapping[str, Any],
    difference: float,
) -> str:
    """A model card in Markdown.

    Args:
        record, trial: the network.
        result: of retraining it.
        takes: what the ONNX model takes, in words.
        facts: of the data: `class_names` and `preparation`.
        difference: of the ONNX model's logits, relative to their scale.
    """
    data, recipe = record.config["data"], record.config["recipe"]
    shape = "x".join(map(str, record.facts["input_shape"]))
    images = record.facts["images"]["train"] + record.facts["images"]["val"]
    classes = record.facts["classes"]
    lines = [
        f"# {record.name}, trial {trial.number}",
        "",
        f"A network for {data['name']} ({shape}, {classes} classes), found by a search of a design space.",
        "",
        "| | |",
        "|---|---|",
    ]
    point = trial.anchor or ", ".join(f"{key} {value}" for key, value in trial.metaparameters.items())
    rows = {
        "network": f"{record.config['space'].get('family', 'union')}: {point}",
        "identity": trial.identity,
        "params": f"{trial.params:,} ({trial.bytes:,} bytes in fp32)",
        "MACs": f"{trial.macs:,} an image",
        f"test_{result.metric}": test_words(result),
        f"{record.metric} in the search": f"{mean(result.recorded):.4f}, chosen among {len(record.finished)} networks",
        "reproduced": "yes, exactly" if result.reproduced else "no",
        "weights": f"seed {result.seeds[0]}, trained on train and val ({images:,} images)",
        "recipe": ", ".join(f"{key} {value}" for key, value in recipe.items()),
        "device": result.device,
        "versions": ", ".join(f"{key} {value}" for key, value in record.facts["versions"].items()),
        "ONNX": f"model.onnx takes `images`, {takes}; its logits equal torch's within {difference:.1e} of their scale",
        "preparation": "; ".join(f"{key} {value}" for key, value in facts["preparation"].items()) or "none",
        "classes": ", ".join(facts["class_names"]) or f"{classes}, without names",
    }
    lines += [f"| {key} | {value} |" for key, value in rows.items()]
    lines += ["", "Limits: measured on the test split of the data set above alone; not checked on any other data.", ""]
    return "\n".join(lines)


def test_words(result: Retrained) -> str:
    """The metric on the test images with its error, in words."""
    spread = f", standard deviation {stdev(result.test):.4f}" if len(result.test) > 1 else ""
    over = f"mean of {len(result.test)} fresh seeds{spread}, {result.test_images:,} images"
    accuracy = "" if result.metric == "acc" else f"; test_acc {mean(result.test_acc):.4f}"
    return f"{mean(result.test):.4f} ± {result.test_error:.4f} ({over}){accuracy}"


def luck_words(record: StudyRecord, trial: TrialRecord, result: Retrained) -> str:
    """How much of what a trial reached in the search was luck, with its error."""
    p = mean(result.recorded)
    images = p * (1 - p) / record.val_images if result.metric == "acc" else trial.error(record.val_images) ** 2
    error = math.sqrt(images + result.test_error**2)
    points, within = 100 * result.luck, 100 * error
    verdict = "within the error" if abs(points) <= 2 * within else "more than twice the error"
    less = f"{record.metric} less test_{result.metric}"
    return f"luck in the search's {record.metric}: {points:+.2f} ± {within:.2f} points ({less}, {verdict})"
