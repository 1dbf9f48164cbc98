"""Latency: what is measured, how it is kept and drawn, the command."""

from __future__ import annotations

import json
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from explorer.arch import architecture, cost
from explorer.plots import latency
from explorer.results.latency import RUNTIMES, Timed, latest
from explorer.storage import attributes
from explorer.tracking import mirror
from explorer.tracking.client import connect
from explorer.training.latency import Ready, Subject, measure, prepare
from tests.support import warm
from tests.support.sample import finished_study, timed
from tests.support.stored import stored

pytestmark = pytest.mark.filterwarnings("ignore:.*noload.*")  # MLflow's own


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return warm.command("explorer.latency", *arguments, cwd=cwd)


# Measuring ------------------------------------------------------------------------------------------------------------


def test_a_known_time_is_measured() -> None:
    """Calls that sleep 2 ms and 6 ms: the percentiles are theirs, turn by turn."""
    order: list[int] = []

    def call(which: int, seconds: float) -> None:
        order.append(which)
        time.sleep(seconds)

    subject = Subject("any", architecture("squeezenet_v1_0", (1, 8, 8), 10), 3)
    ended: list[int] = []
    ready = Ready(subject, 1, 1, {"torch": lambda: call(0, 0.002), "onnxruntime": lambda: call(1, 0.006)})
    (found,) = measure([ready], 4, ended.append)
    fast, slow = found.latencies.values()
    assert 2 <= fast.p10 <= fast.median <= fast.p90
    assert 6 <= slow.p10 <= slow.median <= slow.p90
    assert fast.median < slow.median
    assert len(ended) == 4
    turns = order[-4 * (fast.calls // 4 + slow.calls // 4 + 2) :]  # with each turn's first call, which does not count
    assert sum(a != b for a, b in pairwise(turns)) == 2 * 4 - 1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_both_runtimes_and_their_threads(precision: str) -> None:
    before = torch.get_num_threads()
    small, large = (architecture("squeezenet_v1_0", shape, 10) for shape in ((1, 8, 8), (3, 64, 64)))
    ready = prepare([Subject("small", small), Subject("large", large)], 1, 2, precision=precision)
    found = measure(ready, 3)
    assert [one.network for one in found] == ["small", "large"]
    assert found[0].runtimes == RUNTIMES[precision]
    for runtime in RUNTIMES[precision]:
        assert found[0].latencies[runtime].median < found[1].latencies[runtime].median
    assert found[0].conditions.endswith("1 thread), batch size 2" + ", int8" * (precision == "int8"))
    assert found[1].params == cost(large).params
    assert torch.get_num_threads() == before
    assert Timed.read(json.loads(json.dumps(found[0].plain()))) == found[0]


# The figure -----------------------------------------------------------------------------------------------------------


def test_the_front_over_latency_is_not_that_over_params() -> None:
    record = finished_study(20)
    canonical = record.trials[0]
    better, worse = (trial for trial in record.finished if trial.number in (3, 4))
    info = latency.info(record, [timed(0, 1.0), timed(better.number, 0.5), timed(worse.number, 2.0)])
    assert {marker.trial for marker in info.markers["torch"]} == {0, better.number, worse.number}
    accuracies = {trial.number: trial.accuracy or 0.0 for trial in (canonical, better, worse)}
    front = [marker.trial for marker in info.front("torch")]
    assert front == sorted(front, key=lambda number: accuracies[number])
    figure = latency.figure(info)
    fronts = [trace for trace in figure.data if (trace.name or "").endswith("front")]
    assert [trace.name for trace in fronts] == ["onnxruntime: front", "torch: front"]
    star = next(trace for trace in figure.data if trace.name == "SqueezeNet")
    assert star.error_x.array == pytest.approx([0.2 * star.x[0]])
    assert star.error_x.arrayminus == pytest.approx([0.1 * star.x[0]])
    bars, *names = [note.text for note in figure.layout.annotations]
    assert bars == "bars: 10th to 90th percentile; ± 1 standard error"
    assert names == ["<b>SqueezeNet v1.0</b>"] * 2


def test_the_verdict_is_about_networks_no_less_accurate() -> None:
    from tests.support.sample import study, trial

    record = study([trial(0, anchor="squeezenet_v1_0", accuracy=0.95), trial(1, accuracy=0.96), trial(2, accuracy=0.9)])
    found = [timed(0, 1.0), timed(1, 0.5), timed(2, 0.1)]
    lines = latency.verdict(latency.info(record, found))
    assert lines[0] == "torch: trial 1, which measured no less accurate, is 2.00 times as fast as SqueezeNet v1.0"
    assert latency.verdict(latency.info(record, found[1:])) == []


def test_an_empty_figure() -> None:
    assert latency.figure(latency.info(finished_study(3), [])).data


# The command ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_the_front_of_a_study(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    record = stored(finished_study(6), url)
    mirror(record, f"sqlite:///{tmp_path}/mlflow.db")
    done = command("front", "rounds=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "SqueezeNet v1.0" in done.stdout
    assert "1 thread), batch size 1, torch 2" in done.stdout
    found = attributes.latencies(url, record.name)
    written = json.loads((tmp_path / "latency" / f"{record.name}.json").read_text())
    assert {one["trial"] for one in written} == {one.trial for one in found} >= {0}
    assert (tmp_path / "latency" / f"{record.name}.html").stat().st_size < 6e6

    # In MLflow, as metrics that its charts can have as an axis.
    client = connect(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name(record.name).experiment_id], "tags.trial = '0'")
    expected = next(one for one in found if one.trial == 0).latencies["onnxruntime"]
    assert runs[0].data.metrics["latency_onnxruntime_ms"] == expected.median
    assert runs[0].data.metrics["latency_onnxruntime_p90_ms"] == expected.p90

    # Again, one network, as JSON: it takes the place of what was known of it.
    again = command("canonical", "rounds=1", "format=json", "tracking=null", "output=null", cwd=tmp_path)
    (one,) = json.loads(again.stdout)
    assert one["trial"] == 0
    kept = attributes.latencies(url, record.name)
    assert len(kept) == len(found)
    assert kept[-1].plain() == one
    assert len(latest(kept)) == len(kept)


@pytest.mark.slow
def test_a_folder_that_retrain_wrote(tmp_path: Path) -> None:
    from explorer.training.export import save
    from explorer.training.network import build

    network = architecture("squeezenet_v1_1", (1, 8, 8), 10)
    save(network, build(network).state_dict(), tmp_path / "winner")
    done = command("winner", "rounds=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (one,) = json.loads((tmp_path / "latency" / "winner.json").read_text())
    assert (one["trial"], one["identity"]) == (None, network.identity)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["worst"], "target is 'worst', expected best, knee, smallest, canonical, front, all, a trial number"),
        (["best"], "no study database study.db here"),
        (["squeezenet_v1_0", "threads=4096"], "threads is 4096, this machine lends"),
        (["squeezenet_v1_0", "rounds=0"], "rounds is 0, expected a whole number of at least 1"),
        (["squeezenet_v1_0", "input=[8,8]"], "input is [8, 8], expected [channels, height, width]"),
        (["absent.json"], "absent.json: No such file"),
        (["squeezenet_v1_0", "format=xml"], "format is 'xml'"),
        (["squeezenet_v1_0", "input=[1,8,8]", "rounds=1", "output=file/x"], "output file/x: file is a file, expected"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


@pytest.mark.slow
def test_the_report_has_what_was_measured(tmp_path: Path) -> None:
    from explorer.report import subject

    url = f"sqlite:///{tmp_path}/study.db"
    record = stored(finished_study(6), url)
    assert subject(record, url).more == ()
    attributes.keep_latencies(url, record.name, [timed(0, 1.0), timed(3, 0.5)])
    (section,) = subject(record, url).more
    assert [row[0] for row in section.rows] == ["trial 3", "trial 0"]
    assert section.rows[0][2:] == ("0.5", "0.6", "0.1", "0.12")
    assert "Measured on cpu (x, 1 thread), batch size 1" in section.lines[0]
