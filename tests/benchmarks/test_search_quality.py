"""The comparison of search methods: what is searched, how it is scored, and what is said of it."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

import explorer
from benchmarks import graph_tables, lcbench_tables
from benchmarks.picture import png
from benchmarks.search_quality import METHODS
from benchmarks.search_quality_report import OURS, RANDOM, _equal, _summary, interval, shares
from benchmarks.table_objective import REPORTED, Bench, history, objective
from explorer.tables import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cora() -> graph_tables.Table:
    pytest.importorskip("nas_bench_graph")
    return graph_tables.load("cora")


def test_a_table_of_others(cora: graph_tables.Table) -> None:
    """Counts and one entry as the paper's package has them; points that build one network share it."""
    assert len(cora.entries) == 26_206
    assert cora.epochs == 1
    point = {"links": "0121", "op_1": "gcn", "op_2": "gin", "op_3": "fc", "op_4": "cheb"}
    other = {"links": "0112", "op_1": "gcn", "op_2": "gin", "op_3": "cheb", "op_4": "fc"}
    with pytest.raises(ValueError, match="0121"):
        graph_tables.distributions()["links"].to_internal_repr("0121")  # the space has one order of each graph
    assert cora.at(point) is cora.at(other)
    first, second = (
        cora.at({"links": "0000", "op_1": one, "op_2": two, "op_3": "fc", "op_4": "fc"})
        for one, two in (("gcn", "gin"), ("gin", "gcn"))
    )
    assert first is second


@pytest.mark.parametrize(("layers", "units", "widths"), [(1, 64, [64]), (2, 70, [70, 40]), (4, 90, [90, 70, 50, 30])])
def test_a_funnel_has_the_weights_that_torch_gives_it(layers: int, units: int, widths: list[int]) -> None:
    from torch import nn

    steps = pairwise([lcbench_tables.INPUTS, *widths, lcbench_tables.CLASSES])
    network = nn.Sequential(*(nn.Linear(before, after) for before, after in steps))
    assert lcbench_tables.funnel(layers, units) == sum(weight.numel() for weight in network.parameters())


@pytest.mark.slow
def test_a_surrogate_of_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each parameter reaches its column of the surrogate, which here is a sum with a factor of its own for each."""
    import onnx
    from onnx import TensorProto, helper

    lcbench_tables.surrogate.cache_clear()
    monkeypatch.setenv("YAHPO_DATA", str(tmp_path))
    with pytest.raises(SystemExit, match=r"lcbench/model\.onnx is not there"):
        lcbench_tables.load("3945")
    factors = np.array([1, 0.01, 10, 3, 100, 0.1, 0.001, 7])
    weights = np.zeros((8, 6), dtype=np.float32)
    weights[:, 1] = factors
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x_cont", "weights"], ["sum"]),
            helper.make_node("Cast", ["x_cat"], ["task"], to=TensorProto.FLOAT),
            helper.make_node("Add", ["sum", "task"], ["output"]),
        ],
        "surrogate",
        [
            helper.make_tensor_value_info("x_cat", TensorProto.INT32, ["batch", 1]),
            helper.make_tensor_value_info("x_cont", TensorProto.FLOAT, ["batch", 8]),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 6])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    (tmp_path / "lcbench").mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "lcbench" / "model.onnx")
    (tmp_path / "lcbench" / "encoding.json").write_text('{"OpenML_task_id": {"3945": 34}}')
    table = lcbench_tables.load("3945")
    own = objective.__wrapped__(Bench("lcbench/3945"))
    params = {
        "log2_batch_size": 5,
        "log10_learning_rate": -1.5,
        "momentum": 0.3,
        "weight_decay": 0.03001,
        "num_layers": 3,
        "max_units": 160,
        "max_dropout": 0.75,
    }
    for epoch in (1, 30, 52):
        columns = [epoch, 32, 10**-1.5, 0.3, 0.03001, 3, 160, 0.75]
        expected = (34 + factors @ columns) / 100
        assert table.at(params).val_acc[epoch - 1] == own.accuracy(params, epoch) == pytest.approx(expected, rel=1e-5)
    assert own.networks == len(table.ends()) == 6 * 7 * 5 * 4 * 5 * 11 * 5
    assert own.size(params) == lcbench_tables.funnel(3, 160)
    assert all(own.distributions[name]._contains(value) for name, value in params.items())
    assert own.share(table.ends()[::-1]) == pytest.approx(1)
    lcbench_tables.surrogate.cache_clear()


def test_shares_of_the_whole() -> None:
    """All networks make up the whole; the hypervolume is that of `explorer.hypervolume`."""
    own = objective(Bench("fire_digits", downsampling=REPORTED))
    rows = [row for row in own.table.trainings if row.seed == 0]
    points = [
        (float(row.params), row.val_acc[-1]) for row in rows if any(own.fixed.items() <= p.items() for p in row.points)
    ]
    assert own.share(points) == pytest.approx(1)
    some = points[::7]
    whole, part = (explorer.hypervolume(each, own.corner) for each in (points, some))
    assert own.share(some) == pytest.approx(part / whole)
    run = history(own, [(16, some[0]), (4, None), (16, some[1])])
    assert [spent for spent, _ in run] == [16, 20, 36]
    assert run[0][1] == run[1][1] <= run[2][1] == own.share(some[:2])


@pytest.mark.slow
def test_the_mean_of_the_seeds_is_searched() -> None:
    """As numpy has it, at every epoch; the whole is what those means cover."""
    own = objective(Bench("fire_small_digits", mean=True))
    table = load("fire_small_digits")
    points = list(table.space.points())[::150]
    for point in points:
        curves = np.array([table.at(point, seed).val_acc for seed in (0, 1, 2)])
        assert [own.accuracy(point, epoch) for epoch in (1, 7, 16)] == pytest.approx(curves.mean(axis=0)[[0, 6, 15]])
        assert own.size(point) == table.size(point)
    assert own.networks == 2_784
    assert own.share([(own.size(row), own.accuracy(row, 16)) for row in table.space.points()]) == pytest.approx(1)
    assert own.best != objective(Bench("fire_small_digits")).best


@pytest.mark.parametrize("method", [m for m in METHODS if not m.startswith("GP")])
def test_every_method_searches(method: str) -> None:
    bench = Bench("fire_digits", downsampling=REPORTED)
    run = METHODS[method](bench, 3, 12)
    epochs, found = zip(*run, strict=True)
    assert 12 * 16 - 15 <= epochs[-1] <= 12 * 16
    assert list(found) == sorted(found)
    assert 0.3 < found[-1] <= 1
    assert METHODS[method](bench, 3, 12) == run


def test_what_is_said_of_ours_and_another() -> None:
    bench, trials = Bench("graph/none"), 100
    rng = np.random.default_rng(0)
    runs = {}
    for seed in range(5):
        for method, gain in ((RANDOM, 0.003), (OURS, 0.009), ("TPE multivariate (Optuna)", 0.0045)):
            values = np.minimum(gain * np.arange(1, trials + 1), 0.9) + rng.uniform(0, 1e-4)
            runs[method, bench, seed] = list(zip(range(1, trials + 1), values.tolist(), strict=True))
    assert shares(runs, OURS, bench, 50)[0] == pytest.approx(0.45, abs=1e-3)
    lines = _summary({bench: 1}, runs, trials)
    assert f"| {RANDOM} | 0, 0, 1 | 0, 0, 1 | 0, 0, 1 | 70.00 % |" in "\n".join(lines).replace("69.99", "70.00")
    assert "after 100 trials with 0.500 of its epochs (median of the tables; 0.500 to 0.500)" in lines[-1]
    assert lines[-1].endswith("with at most a quarter on 0 of 1.")
    (line,) = _equal(bench, 1, runs, trials)
    assert "with 0.500 of its epochs" in line
    assert "its mean reaches TPE's mean with 0.500." in line
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2, -0.484, 4.484), abs=1e-3)


def test_without_a_browser_the_figure_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    png(go.Figure(go.Scatter(y=[1, 2], name="of one")), tmp_path / "figure.png")
    assert "of one" in (tmp_path / "figure.html").read_text(encoding="utf-8")
    assert capsys.readouterr().out == f"no Chromium found, so {tmp_path}/figure.html instead of figure.png\n"


@pytest.mark.slow
def test_the_page_of_a_table(tmp_path: Path) -> None:
    """The whole command, at the least of everything."""
    command = [sys.executable, "-m", "benchmarks.search_quality", "--table", "fire_digits", "--seeds", "2"]
    command += ["--trials", "12", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "search_quality.md").read_text(encoding="utf-8")
    assert all(f"\n| {method} | 2 | " in page for method in METHODS)
    assert "## fire_digits, macs: 1,134 networks" in page
    assert "Random after 1000 trials (88% of the networks)" in page
