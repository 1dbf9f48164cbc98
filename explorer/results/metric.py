"""Names of the metric that a study maximises. Standard library alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

BUILT_IN = ("accuracy", "balanced_accuracy", "f1_macro", "auroc", "top5")
PROPORTIONS = ("accuracy", "top5")
"""Shares of the images that are right: their error is binomial."""
INT8 = "int8"
GROUP = "explorer.metrics"
"""Entry points of installed packages: `NAME = "module:Class"`, a subclass of torchmetrics.Metric."""


class MetricError(ValueError):
    """A metric that does not exist, cannot be made or gives no number; one line for a person."""


def short_name(metric: str) -> str:
    """As it stands behind `val_` and `test_`: `acc`, `f1_macro`, or the class of one's own, my_package.scores:Kappa."""
    return "acc" if metric == "accuracy" else metric.rpartition(":")[2]


def check(metric: object) -> str:
    """The metric, if there may be one of that name; whether its code can be imported a worker finds out.

    Raises:
        MetricError: naming those that there are.
    """
    theirs = sorted(entry.name for entry in entry_points(group=GROUP))
    if isinstance(metric, str) and (metric in (*BUILT_IN, *theirs) or re.fullmatch(r"[\w.]+:\w+", metric)):
        return metric
    raise MetricError(f"metric is {metric!r}, expected one of {', '.join([*BUILT_IN, *theirs])}, or MODULE:CLASS")


def own_code(metric: str) -> bool:
    """Whether it is MODULE:CLASS, which a study alone does not run."""
    return ":" in metric


def measured_name(config: Mapping[str, Any]) -> str:
    """As it stands behind `val_` and `test_` in a study's curves: `acc`, or `int8_acc` of networks in int8."""
    name = short_name(metric_of(config))
    return f"{INT8}_{name}" if precision_of(config) == INT8 else name


def precision_of(config: Mapping[str, Any]) -> str:
    """In which a study measures finished trainings: fp32 or int8."""
    return str(config.get("precision", "fp32"))


def metric_of(config: Mapping[str, Any]) -> str:
    """Of a study, by its config; those of earlier versions maximise accuracy."""
    return str(config.get("metric", "accuracy"))
