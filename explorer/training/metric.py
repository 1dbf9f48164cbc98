"""What a search maximises: a metric of torchmetrics over all images of a part, and its standard error."""

from __future__ import annotations

import importlib
import math
import platform
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from explorer.results.metric import GROUP, PROPORTIONS, MetricError, check, short_name

if TYPE_CHECKING:
    import torchmetrics
    from torch import Tensor

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "accuracy": ("MulticlassAccuracy", {"average": "micro"}),
    "balanced_accuracy": ("MulticlassAccuracy", {"average": None}),
    "f1_macro": ("MulticlassF1Score", {"average": "macro"}),
    "auroc": ("MulticlassAUROC", {"average": None}),
    "top5": ("MulticlassAccuracy", {"average": "micro", "top_k": 5}),
}
"""The class of each in torchmetrics.classification, and its arguments.

Where it gives a value a class the mean is ours, over the classes that have images: torchmetrics 1.9 counts others as 0,
which a part of few images, and a draw of the bootstrap, may well be without.
"""
RESAMPLES = 50
"""Draws of the bootstrap: the standard error is known to a tenth of itself."""

ROUNDING = 1e-5
"""By so much a sum in fp32 may exceed 1: a perfect F1 over ten classes is 1.0000001."""


class Metric:
    """A metric of a classifier, from the probabilities it gives to all images of a part.

    It is computed on the CPU, whatever device trains, because sums on a GPU may be ordered anew each time.

    Attributes:
        name: as curves and figures have it, such as `f1_macro`.
    """

    def __init__(self, metric: str, classes: int) -> None:
        """Makes a metric.

        Args:
            metric: one of BUILT_IN, an entry point of the group `explorer.metrics`, or MODULE:CLASS on the Python path;
                the latter two are subclasses of torchmetrics.Metric, called with `num_classes`.
            classes: of the data.

        Raises:
            MetricError: if there is no such metric, it cannot be made, or it is no better when it is higher.
        """
        self.name = short_name(metric)
        self._proportion = metric in PROPORTIONS
        self._where = f"metric={metric}"
        if metric == "top5" and classes <= 5:
            raise MetricError(f"{self._where}: among {classes} classes every answer is right, expected 6 or more")
        kind, options = _kind(metric)
        try:
            self._metric = kind(num_classes=classes, **options)
        except Exception as error:  # another's code may raise anything
            raise MetricError(f"{self._where}: {_words(error)}") from error
        if self._metric.higher_is_better is False:
            raise MetricError(f"{self._where} is better when it is lower; a search maximises, so give 1 less it, say")
        # Whoever computes it holds the images of all ranks.
        self._metric.distributed_available_fn = lambda: False
        self._try(classes)

    def __call__(self, logits: Tensor, labels: Tensor) -> float:
        """Its value.

        Args:
            logits: (images, classes).
            labels: (images,), whole numbers.

        Raises:
            MetricError: if that is no number of 1 at most.
        """
        return self._of(logits.detach().cpu().float().softmax(1), labels.cpu())

    def error(self, logits: Tensor, labels: Tensor) -> float | None:
        """Standard error over the images, by bootstrap; None for a proportion, which has a formula."""
        import torch

        if self._proportion:
            return None
        probabilities, labels = logits.detach().cpu().float().softmax(1), labels.cpu()
        draws = torch.Generator().manual_seed(0)
        drawn = [torch.randint(len(labels), (len(labels),), generator=draws, device="cpu") for _ in range(RESAMPLES)]
        values = torch.tensor([self._of(probabilities[one], labels[one]) for one in drawn], dtype=torch.double)
        return float(values.std())

    def majority(self, counts: Mapping[str, Tensor], class_names: Sequence[str]) -> dict[str, Any]:
        """What always saying the commonest class would reach.

        Args:
            counts: images of each class, (classes,), in the parts of the data.
            class_names: in the order of their numbers; empty if unknown.

        Returns:
            class, the one with the most training images, and by part the metric of answers that are the shares of the
            training images whatever the image; empty without counts, or where the metric is not defined for that.
        """
        import torch

        if "train" not in counts:
            return {}
        usual = counts["train"] / counts["train"].sum()
        number = int(usual.argmax())
        found: dict[str, Any] = {"class": class_names[number] if class_names else str(number)}
        for part in counts.keys() & {"val", "test"}:
            held = counts[part].long()
            if self.name == "acc":  # without an array of every image
                found[part] = float(held[number] / held.sum())
                continue
            labels = torch.arange(len(held)).repeat_interleave(held)
            with suppress(MetricError):
                found[part] = self._of(usual.float().expand(len(labels), -1), labels)
        return found

    def _try(self, classes: int) -> None:
        """Raises MetricError if right answers alone give no number."""
        import torch

        labels = torch.arange(classes).repeat(2)
        self(10.0 * torch.eye(classes)[labels], labels)

    def _of(self, probabilities: Tensor, labels: Tensor) -> float:
        import torch

        metric: torchmetrics.Metric = self._metric
        try:
            with warnings.catch_warnings(), torch.inference_mode():
                warnings.simplefilter("ignore")  # of classes that a draw leaves out
                metric.reset()
                metric.update(probabilities, labels)
                found = metric.compute()
                value = float(found if found.ndim == 0 else found[labels.bincount(minlength=len(found)) > 0].mean())
                metric.reset()
        except Exception as error:
            raise MetricError(f"{self._where}: {_words(error)}") from error
        if not math.isfinite(value) or value > 1 + ROUNDING:
            raise MetricError(f"{self._where} gave {value:.6g}, expected a number of 1 at most, which is best")
        return min(value, 1.0)


def _kind(metric: str) -> tuple[Any, dict[str, Any]]:
    """Whom to call, and with what."""
    import torchmetrics

    if metric in KINDS:
        name, options = KINDS[metric]
        return getattr(torchmetrics.classification, name), options
    found = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    module, _, name = found.get(check(metric), metric).partition(":")
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise MetricError(f"metric={metric} cannot be imported on {platform.node()}: {_words(error)}") from error
    if not (isinstance(kind, type) and issubclass(kind, torchmetrics.Metric)):
        raise MetricError(f"metric={metric} is {kind!r}, expected a subclass of torchmetrics.Metric")
    return kind, {}


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
