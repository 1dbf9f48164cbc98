"""Classes of few images: weighed so that every class counts alike."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional as F

from explorer.arch.families import families
from explorer.results.confusion import Confusion
from explorer.training import recipe as recipes
from explorer.training.callback import check_facts
from explorer.training.checkpoint import Checkpoint, CheckpointError
from explorer.training.classifier import Classifier, balanced
from explorer.training.job import run
from explorer.training.worker import confusion
from tests.support.training import FAST, SMALL, job


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_the_weights_are_scikit_learns(labels: list[int]) -> None:
    weights = balanced(torch.bincount(torch.tensor(labels), minlength=6))
    present = sorted(set(labels))
    expected = compute_class_weight("balanced", classes=np.array(present), y=np.array(labels))
    np.testing.assert_allclose(weights[present], expected, rtol=1e-6)
    assert weights[5] == 0


def test_each_images_loss_is_weighed_by_its_class() -> None:
    network = SMALL
    recipe = recipes.read(FAST | {"class_weights": "balanced", "label_smoothing": 0.0})
    counts = torch.arange(1, 11)
    classifier = Classifier(network, recipe, 0, 1, 1, class_counts=counts)
    images, labels = torch.randn(6, *network.input_shape), torch.tensor([0, 0, 3, 3, 3, 9])
    each = F.cross_entropy(classifier(images), labels, reduction="none")
    expected = (balanced(counts)[labels] * each).mean()
    assert classifier._training_loss(images, labels).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.slow
def test_a_rare_class_is_learnt(tmp_path: Path) -> None:
    """Threes, and one eight for 20 of them: without weights the network says three of nearly every eight."""
    digits = load_digits()
    threes, eights = (np.flatnonzero(digits.target == digit) for digit in (3, 8))
    images = digits.images.astype(np.uint8)
    np.savez(tmp_path / "train.npz", images=images[[*threes[:120], *eights[:6]]], labels=[0] * 120 + [1] * 6)
    np.savez(tmp_path / "test.npz", images=images[[*threes[120:], *eights[6:]]], labels=[0] * 63 + [1] * 168)
    file = str(tmp_path / "test.npz")
    data = {"name": "arrays", "train": str(tmp_path / "train.npz"), "val": file, "test": file}
    network = families()["fire"]((1, 8, 8), 2, base_e=16, incr_e=8, modules=3, stem=16).to_json()
    found = {None: 0.0, "balanced": 0.0}
    for weights in found:
        for seed in (0, 2):
            folder, recipe = tmp_path / f"{weights}_{seed}", FAST | {"class_weights": weights, "batch_size": 16}
            run(job(folder, 0, 24, 24, architecture=network, recipe=recipe, data=data, seed=seed))
            found[weights] += Confusion(confusion(network, data, str(folder), "test")).balanced_accuracy / 2
    assert found["balanced"] > found[None] + 0.05


def test_a_checkpoint_of_a_recipe_without_the_key_goes_on_without_weights(tmp_path: Path) -> None:
    facts = {"recipe": asdict(recipes.read(FAST))}
    earlier = {"recipe": {key: value for key, value in facts["recipe"].items() if key != "class_weights"}}
    check_facts(Checkpoint(1, {}, earlier), facts, tmp_path)
    weighed = {"recipe": asdict(recipes.read(FAST | {"class_weights": "balanced"}))}
    with pytest.raises(CheckpointError, match="another training's"):
        check_facts(Checkpoint(1, {}, earlier), weighed, tmp_path)
