"""Metrics against scikit-learn's, their errors, the user's own, and a training that is measured by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as theirs

from explorer.results.metric import MetricError, metric_of, short_name
from explorer.training.job import run
from explorer.training.metric import RESAMPLES, Metric
from explorer.training.worker import data_facts
from tests.support.training import DIGITS, job, without_time

CLASSES = 8
OWN = """
import torchmetrics
class Half(torchmetrics.classification.MulticlassAccuracy):
    "Half of the accuracy."
    def compute(self):
        return super().compute() / 2
class Lower(Half):
    higher_is_better = False
class Grows(Half):
    def compute(self):
        return 4 * super().compute()
class Breaks(Half):
    def update(self, preds, target):
        raise RuntimeError("no such thing")
class NoMetric: ...
"""


def answers(seed: int, images: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Answers that are right rather often, of classes that are not balanced, each of them there."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(CLASSES), rng.choice(CLASSES, images, p=np.arange(1, CLASSES + 1) / 36)])
    logits = rng.normal(size=(len(labels), CLASSES)) + 2 * rng.random() * np.eye(CLASSES)[labels]
    return torch.tensor(logits, dtype=torch.float32), torch.tensor(labels)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_they_are_scikit_learns(seed: int) -> None:
    logits, labels = answers(seed)
    scores, taken = logits.softmax(1).numpy(), logits.argmax(1).numpy()
    expected = {
        "accuracy": theirs.accuracy_score(labels, taken),
        "balanced_accuracy": theirs.balanced_accuracy_score(labels, taken),
        "f1_macro": theirs.f1_score(labels, taken, average="macro"),
        "auroc": theirs.roc_auc_score(labels, scores / scores.sum(1, keepdims=True), multi_class="ovr"),
        "top5": theirs.top_k_accuracy_score(labels, scores, k=5),
    }
    found = {name: Metric(name, CLASSES)(logits, labels) for name in expected}
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_class_without_images_counts_for_nothing() -> None:
    logits, labels = answers(5)
    there = labels != 2
    logits, labels = logits[there], labels[there]
    taken = logits.argmax(1).numpy()
    assert 2 in taken
    recalls = theirs.recall_score(labels, taken, average=None, labels=[0, 1, *range(3, CLASSES)])
    assert Metric("balanced_accuracy", CLASSES)(logits, labels) == pytest.approx(recalls.mean(), abs=1e-5)
    scores = logits.softmax(1).numpy()
    areas = [theirs.roc_auc_score(labels == one, scores[:, one]) for one in range(CLASSES) if one != 2]
    assert Metric("auroc", CLASSES)(logits, labels) == pytest.approx(np.mean(areas), abs=1e-5)


def test_the_bootstrap_gives_the_error_that_new_images_show() -> None:
    metric = Metric("balanced_accuracy", CLASSES)
    values, errors = [], []
    rng = np.random.default_rng(0)
    population = answers(3, 40_000)
    for _ in range(60):
        drawn = torch.tensor(rng.integers(0, len(population[1]), 500))
        values.append(metric(population[0][drawn], population[1][drawn]))
        errors.append(metric.error(population[0][drawn], population[1][drawn]))
    # The spread of 60 values is known to 9 %, the mean of 60 errors of 50 draws each to 2 %.
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.3)
    assert RESAMPLES == 50
    assert Metric("accuracy", CLASSES).error(*population) is Metric("top5", CLASSES).error(*population) is None


def test_the_same_answers_give_the_same_bits_whatever_was_measured_before() -> None:
    metric = Metric("auroc", CLASSES)
    first = metric(*answers(1)), metric.error(*answers(1))
    metric(*answers(2))
    assert (metric(*answers(1)), metric.error(*answers(1))) == first


def test_always_saying_the_commonest_class() -> None:
    counts = {"train": torch.tensor([1, 5, 2, 0, 1, 1, 1, 1]), "val": torch.tensor([2, 5, 1, 0, 1, 0, 0, 0])}
    found = {name: Metric(name, 8).majority(counts, "abcdefgh") for name in ("accuracy", "f1_macro", "auroc", "top5")}
    assert {one["class"] for one in found.values()} == {"b"}
    assert found["accuracy"]["val"] == pytest.approx(5 / 9)
    said, labels = np.ones(9), np.repeat(np.arange(8), counts["val"])
    assert found["f1_macro"]["val"] == pytest.approx(theirs.f1_score(labels, said, average="macro"))
    assert found["auroc"]["val"] == pytest.approx(0.5)
    assert found["top5"]["val"] >= 8 / 9
    assert Metric("f1_macro", 8).majority({}, ()) == {}


def test_names() -> None:
    assert [short_name(one) for one in ("accuracy", "f1_macro", "my_package.scores:Kappa")] == [
        "acc",
        "f1_macro",
        "Kappa",
    ]
    assert metric_of({}) == "accuracy"  # of a study of an earlier version


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("f1", "metric is 'f1', expected one of accuracy, balanced_accuracy, f1_macro, auroc, top5, or MODULE:CLASS"),
        ("own:Absent", "metric=own:Absent cannot be imported on .*: AttributeError: module 'own' has no attribute"),
        ("nowhere:Half", "metric=nowhere:Half cannot be imported on .*: ModuleNotFoundError: No module named"),
        ("own:NoMetric", "metric=own:NoMetric is <class 'own.NoMetric'>, expected a subclass of torchmetrics.Metric"),
        ("own:Lower", "metric=own:Lower is better when it is lower"),
        ("own:Grows", "metric=own:Grows gave 2, expected a number of 1 at most"),
        ("own:Breaks", "metric=own:Breaks: RuntimeError: no such thing"),
    ],
)
def test_what_is_refused(metric: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own", raising=False)
    with pytest.raises(MetricError, match=message):
        data_facts(DIGITS, metric=metric)


def test_five_of_five_is_refused() -> None:
    with pytest.raises(MetricError, match="among 5 classes every answer is right, expected 6 or more"):
        Metric("top5", 5)


def test_one_of_ones_own_and_one_that_a_package_offers(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    info = tmp_path / "own-1.0.dist-info"  # what pip leaves of a package
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[explorer.metrics]\nhalf = own:Half\n")
    code = (
        "import json, torch; from explorer.training.metric import Metric\n"
        "labels = torch.arange(4); found = [Metric(one, 4) for one in ('half', 'own:Half')]\n"
        "print(json.dumps([[one.name, one(torch.eye(4), labels)] for one in found]))"
    )
    path = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [["half", 0.5], ["Half", 0.5]]


@pytest.mark.slow
def test_a_training_is_measured_by_it_in_one_piece_or_in_several(tmp_path: Path) -> None:
    whole = run(job(tmp_path / "whole", 0, 4, metric="auroc")).curve
    plain = run(job(tmp_path / "plain", 0, 4)).curve
    parts = [
        epoch for first in (0, 2) for epoch in run(job(tmp_path / "parts", first, first + 2, metric="auroc")).curve
    ]
    assert [epoch["val_auroc"] for epoch in whole] == [epoch["val_auroc"] for epoch in parts]
    assert ["val_auroc_error" in epoch for epoch in whole] == [False, False, False, True]  # it takes longer
    assert ["val_auroc_error" in epoch for epoch in parts] == [False, True, False, True]
    assert whole[-1]["val_auroc_error"] == parts[-1]["val_auroc_error"] > 0
    without = [{key: value for key, value in epoch.items() if "auroc" not in key} for epoch in without_time(whole)]
    assert without == without_time(plain)  # the training itself is the same bits
    assert 0.5 < whole[0]["val_auroc"] < whole[-1]["val_auroc"] <= 1
    tested = run(job(tmp_path / "test", 0, 4, metric="auroc", split="trainval")).curve[-1]
    assert {"test_acc", "test_auroc", "test_auroc_error"} <= tested.keys()
