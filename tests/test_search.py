"""The main job from end to end: real processes, SQLite, MLflow and trainings, short ones."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.processes import SHORT, SPACE, run, search, start, study, training, wait_for, workers

# MLflow 3.17's own use of SQLAlchemy and pydantic.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]


def mlflow_runs(folder: Path, database: str = "mlflow.db") -> list[Any]:
    from explorer.tracking.client import connect

    client = connect(f"sqlite:///{folder}/{database}")
    experiment = client.get_experiment_by_name("small")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], max_results=100))


def test_a_search_trains_the_anchor_first_and_shows_the_front(searched: tuple[Path, str]) -> None:
    folder, printed = searched
    record = study(folder)
    assert [trial.number for trial in record.trials] == [0, 1, 2, 3, 4]
    assert {trial.state for trial in record.trials} == {"COMPLETE"}
    assert record.trials[0].anchor == "squeezenet_v1_0"
    assert record.trials[0].params == 727_306
    assert len({trial.identity for trial in record.trials}) == 5
    for trial in record.trials[1:]:
        assert trial.metaparameters.keys() == {"base_e", "freq", "pct_3x3", "squeeze_ratio"}
        assert trial.metaparameters["base_e"] <= 32
        assert [epoch["epoch"] for epoch in trial.curves[0]] == [1, 2, 3]
    assert record.facts["images"] == {"train": 1077, "val": 360, "test": 360}
    assert "★ SqueezeNet v1.0" in printed
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in printed
    assert "5 trials, n_trials=5 are done" in printed


def test_mlflow_shows_the_study(searched: tuple[Path, str]) -> None:
    folder, _ = searched
    runs = {run.data.tags.get("trial"): run for run in mlflow_runs(folder)}
    assert set(runs) == {None, "0", "1", "2", "3", "4"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    for trial in study(folder).trials:
        metrics = runs[str(trial.number)].data.metrics
        assert metrics["val_acc"] == trial.accuracy
        assert metrics["params"] == trial.params
    assert runs[None].data.metrics["hypervolume"] > 0


def test_the_same_command_again_says_that_it_is_done_and_a_larger_budget_goes_on(
    searched_copy: tuple[Path, str],
) -> None:
    folder, first = searched_copy
    before = study(folder).trials
    again = search(folder, "n_trials=5")
    assert study(folder).trials == before
    assert again.splitlines()[-8:] == first.splitlines()[-8:]
    search(folder, "n_trials=6")
    after = study(folder).trials
    assert after[:5] == before
    assert len(after) == 6


def test_one_worker_and_one_seed_give_one_result(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "small.yaml").write_text(SPACE)
    for place in (folder, other):
        search(place, "n_trials=4", "launcher.devices=[cpu]", "seed=5")
    one, two = (study(place).trials for place in (folder, other))
    assert [(t.metaparameters, t.accuracies) for t in one] == [(t.metaparameters, t.accuracies) for t in two]
    assert all(trial.seeds == (5,) for trial in one)


def test_several_seeds_a_trial(folder: Path) -> None:
    search(folder, "n_trials=2", "seeds=2", "epochs=1")
    for trial in study(folder).trials:
        assert trial.seeds == (0, 1)
        assert len(trial.accuracies) == 2
        assert trial.accuracies[0] != trial.accuracies[1]


def test_stopping_and_what_is_spared(folder: Path) -> None:
    """Killed and restarted in between, a deterministic search stops the same trials as one that was left alone."""
    words = ["epochs=4", "stopping=rank", "stopping.rung=1", "stopping.few=1", "stopping.keep=0.3", "uniform=0.2"]
    words += ["n_trials=10", "deterministic=true", "space.search.base_e.high=48"]
    calm, killed = folder / "calm", folder / "killed"
    for own in (calm, killed):
        own.mkdir()
        (own / "small.yaml").write_text(SPACE)
    printed = search(calm, *words)
    process = start(killed, "explorer.search", *SHORT, *words)
    wait_for(lambda: len(list(killed.glob("runs/small/*/seed_0/*.safetensors"))) >= 6)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    search(killed, *words)
    trials = study(calm).trials
    assert [(t.state, t.identity, t.epochs) for t in trials] == [
        (t.state, t.identity, t.epochs) for t in study(killed).trials
    ]
    stopped = [trial for trial in trials if trial.state == "PRUNED"]
    assert stopped
    assert all(trial.epochs in (1, 2) and trial.reason.startswith("stopped after epoch") for trial in stopped)
    assert all(trial.state == "COMPLETE" for trial in trials if trial.anchor or trial.uniform)
    assert "PRUNED" in printed
    statuses = {run.info.status for run in mlflow_runs(killed)}
    assert statuses == {"FINISHED"}


@pytest.mark.parametrize("size", ["bytes", "macs", "activations", "0.5*params/1e6+0.5*macs/1e8", "params, macs"])
def test_a_search_goes_by_a_size_and_a_metric(folder: Path, size: str) -> None:
    from explorer.storage.patient import open_storage

    # In 8x8 pixels the largest map is the stem's, so that its width has to be searched.
    (folder / "small.yaml").write_text(
        SPACE.replace("incr_e: null", "incr_e: null\n  stem: {type: int, low: 8, high: 24}")
    )
    printed = search(
        folder,
        "n_trials=4",
        "epochs=1",
        f"size=[{size}]" if "," in size else f"size={size}",
        "metric=balanced_accuracy",
    )
    record = study(folder)
    assert record.size_name == size
    for trial in record.trials:
        assert trial.sizes == tuple(each.of(trial) for each in record.sizes)
    (stored,) = open_storage(f"sqlite:///{folder}/study.db").get_all_studies()
    values = [trial.values for trial in open_storage(f"sqlite:///{folder}/study.db").get_all_trials(stored._study_id)]
    assert values == [[trial.accuracy, *trial.sizes] for trial in record.trials]
    assert record.trials[1].accuracy == record.trials[1].curves[0][0]["val_balanced_accuracy"]
    assert "val_balanced_accuracy" in printed
    assert all(each.name in printed for each in record.sizes)
    (parent,) = [run for run in mlflow_runs(folder) if "trial" not in run.data.tags]
    assert parent.data.params["size"] == size
    assert "best_val_balanced_accuracy" in parent.data.metrics
    pages = folder.glob(f"mlartifacts/{parent.info.run_id}/artifacts/pareto*.html")
    assert sorted(page.name for page in pages) == ["pareto.html", "pareto_2.html"][: len(record.sizes)]
    shown = run(folder, "explorer.report", "size=params", "output=params.html")
    assert "params, log scale" in shown
    page = (folder / "params.html").read_text()
    assert (f"the search went by {size}" in page) is (size != "params")
    assert "parameters (log scale)" in page


def test_every_network_starts_from_a_trained_one(folder: Path) -> None:
    search(folder, "n_trials=2")
    start = folder / "runs" / "small" / "0" / "seed_0"
    search(folder, "n_trials=3", "study=from", f"recipe.init={start}")
    from explorer.storage import stored

    url = f"sqlite:///{folder}/study.db"
    again, before = (stored.load(url, name).trials[0] for name in ("from", "small"))
    assert again.identity == before.identity
    assert again.curves[0][0]["train_loss"] < before.curves[0][-1]["train_loss"] + 0.1  # it goes on from there
    assert "reproduced exactly" in run(folder, "explorer.retrain", "0", "study=from", "seeds=1", "output=won")
    (start / "architecture.json").write_text((start / "architecture.json").read_text() + " ")
    changed = search(folder, "n_trials=4", "study=from", f"recipe.init={start}", code=2)
    assert "the weights that recipe.init names have changed since study from was made" in changed
    refused = search(folder, "n_trials=3", "study=again", "recipe.init=won/", code=2)
    assert "recipe.init=won/: these weights have seen the validation images of the same data" in refused


def test_a_space_can_be_exhausted(folder: Path) -> None:
    words = ["sampler=grid", "~sampler.n_startup_trials", "space.anchors=[]", "space.search.base_e.high=16"]
    words += ["space.search.freq.high=1", "space.search.pct_3x3.high=0.25", "space.search.squeeze_ratio.high=0.125"]
    printed = run(folder, "explorer.search", *[word for word in SHORT if "sampler" not in word], *words[:1], *words[2:])
    assert "2 trials, the space holds no other network" in printed
    assert len(study(folder).trials) == 2


def test_a_killed_worker_costs_a_rung_and_no_trial(folder: Path) -> None:
    process = start(folder, "explorer.search", *SHORT, "n_trials=3")
    wait_for(training(folder))
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    record = study(folder)
    assert [trial.state for trial in record.trials] == ["COMPLETE"] * 3
    assert all(len(trial.curves[0]) == 3 for trial in record.trials)


def test_a_killed_controller_takes_its_workers_along_and_the_same_command_goes_on(folder: Path) -> None:
    process = start(folder, "explorer.search", *SHORT, "n_trials=3")
    wait_for(training(folder))
    own = workers(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in own), 20)
    interrupted = study(folder).trials
    assert any(trial.state == "RUNNING" for trial in interrupted)
    search(folder, "n_trials=3")
    record = study(folder)
    assert [trial.state for trial in record.trials] == ["COMPLETE"] * 3
    assert [t.identity for t in record.trials][: len(interrupted)] == [t.identity for t in interrupted]
    assert {run.info.status for run in mlflow_runs(folder)} == {"FINISHED"}


def test_ctrl_c_stops_cleanly_and_keeps_everything(folder: Path) -> None:
    process = start(folder, "explorer.search", *SHORT, "n_trials=30")
    wait_for(training(folder))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "stopped; the same command goes on" in out
    assert "Traceback" not in out + err
    kept = [trial for trial in study(folder).trials if trial.curves[0]]
    assert kept
    assert "RUNNING" not in {run.info.status for run in mlflow_runs(folder)}
    search(folder, f"n_trials={len(study(folder).trials)}")
    record = study(folder)
    assert {trial.state for trial in record.trials} == {"COMPLETE"}
    for trial in kept:
        assert record.trials[trial.number].curves[0][: len(trial.curves[0])] == trial.curves[0]


def test_a_second_controller_is_refused(folder: Path) -> None:
    process = start(folder, "explorer.search", *SHORT, "n_trials=30")
    try:
        wait_for(lambda: (folder / "runs/small/lock").exists() and (folder / "study.db").exists())
        assert f"another search is at work on runs/small (process {process.pid})" in search(folder, code=2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("space.fixed.incr_e=32", "belongs to another space: space.fixed.incr_e was 16, now 32"),
        ("recipe.lr=0.5", "was made otherwise: recipe.lr was"),
        ("epochs=4", "was made otherwise: epochs was 3, now 4"),
        ("seed=1", "was made otherwise: seed was 0, now 1"),
        ("size=[params,macs]", "was made otherwise: size was params, now params, macs; a study keeps their number"),
        ("metric=auroc", "was made otherwise: metric was accuracy, now auroc"),
    ],
)
def test_a_study_of_something_else_is_refused(searched_copy: tuple[Path, str], word: str, message: str) -> None:
    folder, _ = searched_copy
    before = study(folder).trials
    refusal = search(folder, word, code=2)
    assert f"study small {message}" in refusal
    assert "study=NAME" in refusal
    assert study(folder).trials == before


def test_track_rebuilds_the_experiment_in_an_empty_server(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    run(folder, "explorer.track", "tracking=sqlite:///other.db")
    for _ in range(2):
        assert len(mlflow_runs(folder, "other.db")) == 6
        run(folder, "explorer.track", "tracking=sqlite:///other.db")


def test_retrain_gives_the_winner_back_bit_for_bit(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    printed = run(folder, "explorer.retrain", "best", "seeds=2", "output=winner")
    assert "reproduced exactly" in printed
    outcome = json.loads((folder / "winner/outcome.json").read_text())
    assert outcome["recorded"] == outcome["again"]
    assert len(outcome["test_acc"]) == 2
    for name in (
        "weights.safetensors",
        "architecture.json",
        "config.yaml",
        "model.onnx",
        "MODEL_CARD.md",
        "confusion.html",
    ):
        assert (folder / "winner" / name).stat().st_size > 100
    assert sum(map(sum, outcome["confusion"])) == 360
    right = sum(row[number] for number, row in enumerate(outcome["confusion"]))
    assert right / 360 == outcome["test_acc"][0]
    assert "balanced accuracy 0." in printed
    assert "always '" in printed
    (run_,) = [run for run in mlflow_runs(folder) if "reproduced" in run.data.tags]
    assert run_.data.tags["reproduced"] == "true"
    assert run_.data.tags["retrained_trial"] == str(outcome["trial"])


def test_retrain_says_so_when_a_result_does_not_come_back_and_what_differs(
    searched_copy: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = searched_copy
    import sqlite3

    with sqlite3.connect(folder / "study.db") as connection:
        of_trial_1 = "where key='curve_0' and trial_id=(select trial_id from trials where number=1)"
        (row,) = connection.execute(f"select value_json from trial_user_attributes {of_trial_1}")
        curve = json.loads(row[0])
        curve[-1]["val_acc"] += 1 / 360
        query = f"update trial_user_attributes set value_json=? {of_trial_1}"
        connection.execute(query, (json.dumps(curve),))
    connection.close()
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")  # torch reads it when it is imported
    process = start(folder, "explorer.retrain", "1", "seeds=1")
    printed = "".join(process.communicate(timeout=200))
    assert process.returncode == 1, printed
    assert "NOT reproduced" in printed
    assert re.search(r"val_acc [\d.]+, NOT the recorded", printed)
    if (here := torch.backends.cpu.get_cpu_capability()) != "DEFAULT":
        assert f"instruction set was {here}, now DEFAULT" in printed
        assert f"ATEN_CPU_CAPABILITY={here.lower()} before the command" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["99"], "study small has no trial 99, expected 0 to 4"),
        (["worst"], "target is 'worst', expected best, knee, smallest, canonical, a trial number or an identity"),
        (["abcdef12"], "identity abcdef12 is that of 0 finished trials"),
        (["best", "study=huge"], "study is 'huge', expected one of small"),
        (["best", "seeds=0"], "seeds is 0"),
        (["smallest", "within=2"], "within is 2"),
    ],
)
def test_retrain_refuses_what_is_not_there(searched: tuple[Path, str], words: list[str], message: str) -> None:
    folder, _ = searched
    assert message in run(folder, "explorer.retrain", *words, code=2)


def test_describe_shows_a_trial(searched: tuple[Path, str]) -> None:
    folder, _ = searched
    trial = study(folder).trials[2]
    assert f"{trial.params:,}" in run(folder, "explorer.describe", "2")
    assert json.loads(run(folder, "explorer.describe", trial.identity, "format=json"))["params"] == trial.params
