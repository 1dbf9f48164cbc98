"""Pruning, codebooks, budgets, and the commands around them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explorer import data as datasets
from explorer.arch import Architecture, cost
from explorer.compression import allocate, codebook, deep, finetune, fisher
from explorer.compression.codec import container
from explorer.compression.codec.coded import CodedTensor, CompressionError
from explorer.compression.layers import weighted_layers
from explorer.plots import compressed
from explorer.results.compressed import Compressed
from explorer.training import recipe as recipes
from explorer.training.network import Network, build
from tests.support import warm
from tests.support.sample import finished_study

RECIPE = {"epochs": 2, "batch_size": 64, "optimizer": "adamw", "lr": 0.003, "clip": 1.0, "init": "orthogonal"}
DIGITS = {"name": "digits"}


def small() -> Architecture:
    from explorer import load_space

    point = {"base_e": 16, "incr_e": 16, "freq": 4, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
    return load_space("fire_micro").architecture(point, (1, 8, 8), 10)


def network(seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build(small()).eval()


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.floats(0.1, 3)), min_size=1, max_size=8),
    st.integers(1, 4),
)
def test_codebooks_are_the_best_there_are(points: list[tuple[int, float]], k: int) -> None:
    points = sorted(points)
    values, weights = np.array([float(v) for v, _ in points]), np.array([w for _, w in points])
    centres, which = codebook.kmeans(values, weights, k)
    found = float((weights * (values - centres[which]) ** 2).sum())

    def price(edges: tuple[int, ...]) -> float:
        parts = [slice(a, b) for a, b in pairwise(edges)]
        means = [np.average(values[part], weights=weights[part]) for part in parts]
        return sum(float((weights[p] * (values[p] - m) ** 2).sum()) for p, m in zip(parts, means, strict=True))

    n = len(values)
    best = min(price((0, *cut, n)) for m in range(min(k, n)) for cut in combinations(range(1, n), m))
    assert found == pytest.approx(best, abs=1e-9)


def test_a_codebook_is_no_worse_than_lloyds() -> None:
    from sklearn.cluster import KMeans

    values = np.sort(np.random.default_rng(0).laplace(size=3000))
    centres, which = codebook.kmeans(values, np.ones(3000), 15)
    lloyd = KMeans(15, n_init=1, random_state=0).fit(values[:, None]).inertia_
    assert ((values - centres[which]) ** 2).sum() <= lloyd


def test_a_codebook_of_many_weights_is_as_good_as_the_best() -> None:
    values = np.sort(np.random.default_rng(0).laplace(size=20_000))
    exact, which = codebook.kmeans(values, np.ones(20_000), 31)
    best = float(((values - exact[which]) ** 2).sum())
    found = codebook.share(values.astype(np.float32), None, 31).dense()
    assert best <= ((values - found) ** 2).sum() * (1 + 1e-6) <= 1.001 * best


def test_shared_weights_keep_zeros_and_the_number_of_levels() -> None:
    draw = np.random.default_rng(0)
    weights = (draw.normal(size=(8, 4, 3, 3)) * (draw.random((8, 4, 3, 3)) < 0.4)).astype(np.float32)
    tensor = codebook.share(weights, None, 7)
    assert tensor.levels is not None
    assert len(tensor.levels) == 7
    np.testing.assert_array_equal(tensor.dense() == 0, weights == 0)
    assert codebook.share(np.zeros((2, 2), np.float32), None, 7).dense().tolist() == [[0, 0], [0, 0]]


def test_the_cheapest_loss_within_the_budget() -> None:
    draw = np.random.default_rng(0)
    important, free = draw.normal(size=(64, 64)).astype(np.float32), draw.normal(size=(64, 64)).astype(np.float32)
    options = {
        "important": allocate.choices(important, np.full((64, 64), 1e-3)),
        "free": allocate.choices(free, np.full((64, 64), 1e-6)),
    }
    chosen = allocate.allocate(options, 3000)
    assert sum(choice.bytes for choice in chosen.values()) <= 3000
    assert chosen["important"].kept > 2 * chosen["free"].kept
    with pytest.raises(CompressionError, match="too few"):
        allocate.allocate(options, 10)


@pytest.mark.slow
def test_pruned_weights_stay_zero_while_the_others_are_trained() -> None:
    made, data = network(), datasets.load(DIGITS)
    kept = {name: max(1, layer.weight.numel() // 3) for name, layer in weighted_layers(made).items()}
    before = {name: layer.weight.detach().clone() for name, layer in weighted_layers(made).items()}
    finetune.hold_pruned(made, kept)
    finetune.train(made, data, recipes.read(RECIPE), 1, 1.0, 0)
    finetune.release(made)
    changed = 0
    for name, layer in weighted_layers(made).items():
        assert int((layer.weight != 0).sum()) == kept[name]
        changed += not torch.equal(layer.weight[layer.weight != 0], before[name][layer.weight != 0])
        assert float(before[name][layer.weight == 0].abs().max()) <= float(before[name][layer.weight != 0].abs().min())
    assert changed > 3  # a layer may be dead, and then has no gradient


@pytest.mark.slow
def test_codebooks_are_trained_with_the_codes_fixed() -> None:
    made, data = network(), datasets.load(DIGITS)
    coded = {n: codebook.share(m.weight.detach().numpy(), None, 7) for n, m in weighted_layers(made).items()}
    finetune.share(made, coded)
    for name, layer in weighted_layers(made).items():
        np.testing.assert_array_equal(layer.weight.detach().numpy(), coded[name].dense())
    finetune.train(made, data, recipes.read(RECIPE), 1, 1.0, 0)
    finetune.materialise(made)
    changed = 0
    for name, layer in weighted_layers(made).items():
        after = layer.weight.detach().numpy()
        changed += not np.array_equal(after, coded[name].dense())
        assert all(len(np.unique(after[coded[name].codes == code])) == 1 for code in np.unique(coded[name].codes))
    assert changed > 3


@pytest.mark.slow
def test_a_teacher_is_followed_and_not_the_labels() -> None:
    """A pruned network comes to answer as a network that was never trained does."""
    teacher, made, data = network(), network(), datasets.load(DIGITS)
    finetune.hold_pruned(made, {name: layer.weight.numel() // 2 for name, layer in weighted_layers(made).items()})

    def apart() -> float:
        found = 0.0
        with torch.inference_mode():
            for images, _ in data.evaluation("val"):
                answers, theirs = made(images).log_softmax(1), teacher(images).log_softmax(1)
                found += float((theirs.exp() * (theirs - answers)).sum())
        return found

    before, state = apart(), {name: value.clone() for name, value in teacher.state_dict().items()}
    finetune.train(made, data, recipes.read(RECIPE), 3, 0.5, 0, teacher)
    assert apart() < 0.3 * before
    assert all(torch.equal(value, state[name]) for name, value in teacher.state_dict().items())


def test_fisher_is_the_mean_square_gradient() -> None:
    made = network()
    images = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    found = fisher.of_weights(made, images, 3)
    drawn = torch.multinomial(made(images).softmax(1), 1, generator=torch.Generator().manual_seed(3))[:, 0]
    total = torch.zeros_like(made.get_parameter("conv10.weight"))
    for image, label in zip(images, drawn, strict=True):
        made.zero_grad()
        torch.nn.functional.cross_entropy(made(image[None]), label[None]).backward()  # type: ignore[no-untyped-call]
        gradient = made.get_parameter("conv10.weight").grad
        assert gradient is not None
        total += gradient.square()
    np.testing.assert_allclose(found["conv10"], (total / 6).numpy(), rtol=1e-3, atol=1e-9)


@pytest.mark.slow
def test_a_network_within_its_budget_from_the_file_alone(tmp_path: Path) -> None:
    made, data, recipe = network(), datasets.load(DIGITS), recipes.read(RECIPE)
    finetune.train(made, data, recipe, 2, 1.0, 0)
    budget = cost(small()).bytes // 12
    tensors = deep.compress(
        small(), made.state_dict(), data, recipe, deep.CompressionSettings(budget, rounds=2, epochs=3)
    )
    size = container.write(tmp_path / "a.sqz", small(), tensors)
    assert size <= budget
    _, values = container.read(tmp_path / "a.sqz")
    again = build(small())
    again.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
    assert all(isinstance(tensor, CodedTensor) for tensor in tensors.values())
    assert all(len(np.unique(value)) <= 256 for value in values.values())


@pytest.mark.slow
def test_a_file_that_grows_in_training_stays_within_its_budget() -> None:
    """The budgets lie where the codebooks' training adds bytes: of two budgets one apart, one is just missed."""
    made, data, recipe = network(), datasets.load(DIGITS), recipes.read(RECIPE)
    finetune.train(made, data, recipe, 2, 1.0, 0)

    def size(budget: int) -> int:
        settings = deep.CompressionSettings(budget, rounds=1, epochs=4)
        return len(container.pack(small(), deep.compress(small(), made.state_dict(), data, recipe, settings)))

    first = size(2686)
    assert first <= 2686
    assert size(first - 1) <= first - 1


def test_the_papers_densities() -> None:
    from explorer.arch import architecture

    found = deep.paper_densities(architecture("squeezenet_v1_0"))
    assert found["fire2.expand3x3"] == 0.33
    assert found["fire9.expand3x3"] == 0.30
    assert found["conv10"] == 0.20
    assert found["conv1"] == found["fire5.squeeze"] == 1.0


def result(trial: int, params: int, sizes: tuple[int, ...], before: float, after: float) -> Compressed:
    seeds = tuple(range(len(sizes)))
    return Compressed(
        "s", trial, "0" * 16, "9 bytes", params, seeds, sizes, (before,) * len(sizes), (after,) * len(sizes),
        (5,) * len(sizes), 360,
    )  # fmt: skip


def test_a_result_comes_back_from_json() -> None:
    one = result(3, 1000, (200, 300), 0.9, 0.8)
    assert Compressed.read(json.loads(json.dumps(one.plain()))) == one
    assert one.ratio == pytest.approx(16)
    assert one.lost == (pytest.approx(0.1), 0.0)


def test_the_front_over_bytes() -> None:
    record = finished_study()
    best = max(record.finished, key=lambda trial: trial.accuracy or 0)
    found = compressed.info(record, [result(best.number, best.params, (best.bytes // 16,), 0.9, best.accuracy or 0)])
    ((dense, small),) = found.compressed
    assert dense.x == best.bytes
    assert small in found.front
    lines = compressed.verdict(found)
    assert any(f"beaten by the larger trial {best.number} compressed" in line for line in lines)
    drawn = compressed.figure(found)
    assert {trace.name for trace in drawn.data if trace.visible is not False} >= {"compressed", "front over bytes"}
    ties = next(trace for trace in drawn.data if trace.line.dash == "dot")
    assert list(ties.x[:2]) == [best.bytes, best.bytes // 16]
    assert lines[-1] in drawn.layout.title.text
    assert compressed.figure(compressed.info(record, [])).data


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_compress_and_decompress_a_study(tmp_path: Path) -> None:
    """A study's network trained, compressed, stored, logged, decompressed: each by its command."""
    from explorer.storage import attributes

    def run(name: str, *words: str) -> str:
        done = warm.command(f"explorer.{name}", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    space = ["space.search.base_e.high=16", "space.search.incr_e.high=16", "space.anchors=[]"]
    run("search", "+space=fire_micro", "n_trials=2", "epochs=2", *space)
    out = run("compress", "best", "seeds=2", "epochs=3", "rounds=1", "ratio=8", "tolerance=null")
    assert "points lost (mean of 2 seeds)" in " ".join(out.split())
    found = attributes.compressed(f"sqlite:///{tmp_path}/study.db", "fire_micro")
    assert [len(one.seeds) for one in found] == [2]
    folder = next((tmp_path / "compressed").iterdir())
    file = folder / f"{found[0].seeds[0]}.sqz"
    assert file.stat().st_size == found[0].bytes[0]
    run("decompress", str(file), "out=plain")
    from safetensors.numpy import load_file

    _, values = container.read(file)
    for name, value in load_file(tmp_path / "plain/weights.safetensors").items():
        np.testing.assert_array_equal(value, values[name])
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = [each for each in client.search_runs(experiments) if "compressed_trial" in each.data.tags]
    assert [each.data.metrics["bytes"] for each in runs] == [found[0].size]
    parent = client.get_run(runs[0].data.tags["mlflow.parentRunId"])
    assert parent.data.tags["trial"] == str(found[0].trial)
    printed = run("track", "tracking=sqlite:///again.db")
    assert "1 compressed networks are there too\n" in printed
    again = MlflowClient(f"sqlite:///{tmp_path}/again.db")
    experiments = [each.experiment_id for each in again.search_experiments()]
    twin = next(each for each in again.search_runs(experiments) if "compressed_trial" in each.data.tags)
    assert twin.data.metrics == runs[0].data.metrics
    assert {each.path for each in again.list_artifacts(twin.info.run_id)} == {
        file.name for file in folder.glob("[!.]*.*")
    }
    file.unlink()
    assert "1 without files, which are not in compressed" in " ".join(
        run("track", "tracking=sqlite:///again.db").split()
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("budget=nothing", "budget is 'nothing', expected bytes such as 20kB"),
        ("bits=9", "bits is 9, expected 2 to 8"),
        ("preset=mine", "preset is 'mine', expected paper or null"),
        ("seeds=0", "seeds is 0"),
        ("format=zip", "format is 'zip', expected sqz or tflite"),
        ("ram=64kB", "ram needs format=tflite: a .sqz file does not run as it is"),
        ("format=tflite preset=paper", "preset=paper is for format=sqz"),
        ("format=tflite bits=4", "bits=4 is for format=sqz"),
        ("format=tflite ram=much", "ram is 'much', expected bytes such as 20kB"),
    ],
)
def test_what_cannot_be_is_refused(
    words: str, complaint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from explorer.cli.config import command
    from explorer.compress import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setattr(sys, "argv", ["x", "best", *words.split(" ")])
    with pytest.raises(SystemExit) as ended:
        command("compress", main, bare="trial")
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_budgets() -> None:
    from explorer.cli.compress_options import budget

    assert [budget(text) for text in ("20kB", "0.02MB", 20000, "20_000", ".02MB", None)] == [20_000] * 5 + [None]


def test_weights_name_their_network_by_their_shapes() -> None:
    from types import SimpleNamespace
    from typing import Any

    from explorer.arch import architecture
    from explorer.compression.codec.header import tensor_shapes
    from explorer.compression.given_weights import published

    data: Any = SimpleNamespace(input_shape=(3, 227, 227))
    for name in ("squeezenet_v1_0", "squeezenet_v1_1"):
        shapes = tensor_shapes(architecture(name, data.input_shape, 1000))
        given = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
        assert published("best", given, data) == name
        assert published("squeezenet_v1_1", given, data) == "squeezenet_v1_1"
    with pytest.raises(CompressionError, match="of no published network"):
        published("best", {"a.weight": torch.empty(3, 4)}, data)


@pytest.mark.slow
def test_a_budget_that_loses_too_much_is_exceeded_and_one_that_is_asked_for_is_kept() -> None:
    made, data, recipe = network(), datasets.load(DIGITS), recipes.read(RECIPE)
    finetune.train(made, data, recipe, 4, 1.0, 0)
    budget = cost(small()).bytes // 20
    settings = deep.CompressionSettings(budget, rounds=2, epochs=4)
    lines: list[str] = []

    def size(settings: deep.CompressionSettings) -> int:
        return len(
            container.pack(small(), deep.compress(small(), made.state_dict(), data, recipe, settings, 0, lines.append))
        )

    assert size(replace(settings, tolerance=0.01)) > 1.2 * budget
    assert any("no further" in line for line in lines)
    with pytest.raises(CompressionError, match=r"900 bytes are too few for this network, budget=[\d.]+kB") as refused:
        size(replace(settings, budget=900))
    enough = round(1000 * float(str(refused.value).partition("budget=")[2].partition("kB")[0]))
    assert 900 < size(replace(settings, budget=enough)) <= enough
