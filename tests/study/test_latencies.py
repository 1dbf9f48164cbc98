"""Searches by latency: what is timed before the first trial, what a study keeps of it, what is refused."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from explorer.arch import Architecture
from explorer.arch.size import SizeError, shown
from explorer.int8 import vela
from explorer.results.pareto import front_trials
from explorer.study.latencies import confirmed, in_words, known
from explorer.timing.conditions import here, npu
from explorer.timing.predictor import rounded
from explorer.timing.table import Table
from explorer.tracking.client import connect
from tests.support.processes import SPACE, run, search, study

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*noload.*")]  # MLflow's own
TWENTY = "latency.networks=20"


@pytest.fixture(scope="module")
def searched_by_latency(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A search by latency with a limit of it."""
    folder = tmp_path_factory.mktemp("latency")
    (folder / "small.yaml").write_text(SPACE)
    return folder, search(folder, "n_trials=4", TWENTY, "size=latency", "+space.limits.latency=1000")


@pytest.fixture
def folder(searched_by_latency: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of its folder."""
    return Path(shutil.copytree(searched_by_latency[0], tmp_path / "copy"))


def test_trials_have_the_latency_that_is_predicted(searched_by_latency: tuple[Path, str]) -> None:
    folder, printed = searched_by_latency
    record = study(folder)
    facts = record.facts["latency"]
    assert in_words(facts) in " ".join(printed.split())
    assert here("onnxruntime", "fp32", 1).words in " ".join(printed.split())
    predict = known(facts, folder / "latency.db", needed=True)
    assert predict is not None
    for trial in record.trials:
        assert trial.size == trial.latency == predict(Architecture.from_json(trial.architecture)) < 1000
    assert facts["networks"] == 20  # those that the front has added since make no difference


def test_it_goes_on_with_the_same_table_and_can_be_looked_at(folder: Path) -> None:
    before = {trial.number: trial.latency for trial in study(folder).trials}
    run(folder, "explorer.latency", "table", "+space=small", "--config-dir", ".", "input=[1,8,8]", "classes=10",
        "networks=24")  # fmt: skip
    search(folder, "n_trials=5", TWENTY, "size=latency", "+space.limits.latency=1000")
    after = study(folder)
    assert {trial.number: trial.latency for trial in after.trials if trial.number in before} == before
    assert after.facts["latency"]["networks"] == 20  # those that have come to the table since make no difference
    predict = known(after.facts["latency"], folder / "latency.db", needed=True)
    assert predict is not None
    assert after.trials[-1].latency == predict(Architecture.from_json(after.trials[-1].architecture))
    assert "from trial 5 on: size was latency, now macs" in search(
        folder, "n_trials=6", TWENTY, "size=macs", "+space.limits.latency=1000"
    )
    assert study(folder).trials[-1].latency > 0
    run(folder, "explorer.report", "size=[latency,params]", "output=page.html")
    assert "microseconds for one image" in (folder / "page.html").read_text()


def test_mlflow_has_it(searched_by_latency: tuple[Path, str]) -> None:
    folder, _ = searched_by_latency
    client = connect(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    logged = {
        run.data.tags["mlflow.runName"]: run.data.metrics["latency"]
        for run in client.search_runs([experiment.experiment_id])
        if "mlflow.parentRunId" in run.data.tags
    }
    assert sorted(logged.values()) == sorted(trial.latency for trial in study(folder).trials)


def test_a_table_is_of_a_space(folder: Path) -> None:
    assert "which space? +space= one of " in run(folder, "explorer.latency", "table", code=2)
    refused = run(folder, "explorer.latency", "table", "+space=fire", "input=[8,8]", code=2)
    assert "input is [8, 8], expected [channels,height,width]" in refused


def test_another_study_starts_from_it(folder: Path) -> None:
    said = search(folder, "n_trials=4", "study=macs", "size=macs", "from=small")
    assert "trials are those of study small" in said
    back = search(folder, "n_trials=4", TWENTY, "study=back", "size=latency", "from=macs")
    assert "trials are those of study macs" in back
    assert all(trial.latency > 0 for trial in study(folder, "back").trials)
    refused = search(folder, "n_trials=5", TWENTY, "study=macs", "size=latency", code=2)
    assert "study macs was searched without latencies; study=NEW from=NAME begins one that has them" in refused


def test_a_study_without_latencies_is_looked_at_by_them(folder: Path) -> None:
    search(folder, "n_trials=4", "study=macs", "size=macs", "seed=7")
    with pytest.raises(SizeError, match="trial 0 has no predicted latency"):
        _ = study(folder, "macs").by_size("latency").trials[0].sizes
    said = run(
        folder, "explorer.report", "study=macs", "size=[latency,macs]", "latency.networks=24", "output=page.html"
    )
    page = (folder / "page.html").read_text()
    assert "latency: predicted for" in said
    assert "microseconds for one image" in page
    assert f"latency on {here('onnxruntime', 'fp32', 1).words}, from " in page
    record, table = study(folder, "macs"), Table(folder / "latency.db")
    networks = [Architecture.from_json(trial.architecture) for trial in record.trials]
    measured = table.of(networks, here("onnxruntime", "fp32", 1))
    assert {each.architecture.identity for each in measured} == {trial.identity for trial in record.trials}
    spent = {each.architecture.identity: rounded(each.took) for each in measured}
    best = max(record.finished, key=lambda trial: trial.accuracy or 0)
    assert f"(trial {best.number}, {shown(spent[best.identity])} latency" in page  # what was measured, no prediction
    said = run(folder, "explorer.statistics", "study=small", "against=macs", "output=null", "size=latency",
        "latency.networks=24")  # fmt: skip
    assert "latency: predicted for" in said
    refused = run(folder, "explorer.report", "study=macs", "size=latency", "latency.device=Cortex-A76", code=2)
    assert "latency.device is 'Cortex-A76' (onnxruntime, fp32, threads=1), but latency.db has" in refused
    assert "latency.networks is 3, expected" in run(
        folder, "explorer.report", "study=macs", "size=latency", "latency.networks=3", code=2
    )


def test_the_front_is_measured_at_the_end(searched_by_latency: tuple[Path, str]) -> None:
    folder, printed = searched_by_latency
    record, conditions = study(folder), here("onnxruntime", "fp32", 1)
    assert "latency of the front, measured: predictions are off by " in " ".join(printed.split())
    front = [Architecture.from_json(trial.architecture) for trial in front_trials(record)]
    assert len(Table(folder / "latency.db").of(front, conditions)) == len(front)
    tight = replace(record, config=record.config | {"space": record.config["space"] | {"limits": {"latency": 1}}})
    said, *beyond = confirmed(tight, folder / "latency.db", lambda *_: None)
    assert len(beyond) == sum(trial.anchor is None for trial in front_trials(record))
    assert all("above the limit of 1" in line for line in beyond)
    assert "(median)" in said


@pytest.mark.skipif(not vela.available(), reason="the extra `vela` is not installed")
def test_a_search_by_the_cycles_of_an_npu(folder: Path) -> None:
    asked = ["study=npu", "board=corstone300", "precision=fp32", TWENTY, "size=[cycles,macs]"]
    printed = " ".join(search(folder, "n_trials=4", *asked, "+space.limits.cycles=90000").split())
    assert "cycles: predicted for ethos-u55-256, Vela " in printed
    assert "cycles of the front, as Vela says: predictions are off by " in printed
    record, conditions = study(folder, "npu"), npu("ethos-u55-256")
    predict = known(record.facts["latency"], folder / "latency.db", needed=True)
    assert predict is not None
    for trial in record.trials:
        assert trial.cycles == trial.sizes[0] == predict(Architecture.from_json(trial.architecture))
        assert trial.cycles < 90_000 or trial.anchor
    front = [Architecture.from_json(trial.architecture) for trial in front_trials(record)]
    for trial, each in zip(front_trials(record), Table(folder / "latency.db").of(front, conditions), strict=True):
        assert trial.cycles == pytest.approx(each.took, rel=0.1)
    with pytest.raises(SizeError, match="trial 0 has no predicted latency"):
        _ = record.trials[0].latency
    run(folder, "explorer.report", "study=npu", "size=cycles", "output=npu.html")
    assert "cycles of an NPU for one image" in (folder / "npu.html").read_text()
    refused = search(folder, "study=more", "size=[latency,cycles]", "latency.device=ethos-u55-256", TWENTY, code=2)
    assert "size and limits are of latency and of cycles, expected one of them" in refused
    refused = search(folder, "study=more", "size=cycles", "latency.device=Cortex-M55", TWENTY, code=2)
    assert "cycles are of an NPU, and latency.device is 'Cortex-M55'; give board=corstone300, or latency" in refused
    refused = search(folder, "study=more", "size=cycles", "board=corstone300", TWENTY,
                     "space.anchors=[squeezenet_v1_0,shufflenet_v2_x1_0]", code=2)  # fmt: skip
    assert "anchor shufflenet_v2_x1_0 has operators that the NPU leaves to the processor" in refused
    seen = ["study=small", "size=cycles", "latency.device=ethos-u55-32", TWENTY, "output=cycles.html"]
    assert "cycles: predicted for ethos-u55-32" in run(folder, "explorer.report", *seen)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["latency.precision=int8"], "latency.precision was fp32, now int8; a study keeps what makes its networks"),
        (["latency.runtime=tflite"], "latency.runtime is 'tflite', expected onnxruntime or torch"),
        (
            ["latency.runtime=torch", "latency.precision=int8"],
            "latency.precision is 'int8', expected fp32 with latency.runtime=torch",
        ),
        (["latency.networks=3"], "latency.networks is 3, expected a whole number of at least 20"),
        (["latency.table=other.db"], "latency.table other.db has 0 of the 20 networks that the study's latencies come"),
        (
            ["study=new", "latency.device=Cortex-A76"],
            "latency.device is 'Cortex-A76' (onnxruntime, fp32, threads=1), but",
        ),
        (["study=new", "space.limits.latency=3"], "no point meets them: "),
    ],
)
def test_what_is_refused(folder: Path, words: list[str], line: str) -> None:
    limit = [] if any("limits" in word for word in words) else ["+space.limits.latency=1000"]
    words = [word.replace("space.limits", "+space.limits") for word in words]
    assert line in search(folder, "n_trials=5", TWENTY, "size=latency", *limit, *words, code=2)
    assert len(study(folder).trials) == 4


def test_a_table_of_another_device_serves_a_search_here(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "latency.db")) as file, file:
        file.execute("UPDATE networks SET device = 'Cortex-A76', version = '1.22.0'")
    printed = search(folder, "n_trials=2", TWENTY, "study=pi", "size=latency", "latency.device=Cortex-A76")
    assert "latency: predicted for Cortex-A76, onnxruntime 1.22.0, fp32, 1 thread" in " ".join(printed.split())
    record = study(folder, "pi")
    assert record.facts["latency"]["conditions"]["device"] == "Cortex-A76"
    assert all(trial.latency > 0 for trial in record.trials)
