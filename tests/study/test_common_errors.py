"""What every trial would meet ends the search and costs no trial; the same command goes on. Trainings are made up."""

import io
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from rich.console import Console

from explorer.cli import search_summary
from explorer.cli.config import folder, load_space
from explorer.data import DataError
from explorer.results.budget import Budget
from explorer.results.record import StudyRecord
from explorer.storage.patient import StudyError
from explorer.study import retraining, setup
from explorer.study.controller import Controller
from explorer.study.facts import ask_facts
from explorer.study.options import SearchOptions
from explorer.study.recovery import CommonError
from explorer.study.stopping import NoStopping
from explorer.training import job
from tests.support.made import FACTS, Here, Made, loaded
from tests.support.processes import SPACE

BATCH_NORM = "Expected more than 1 value per channel when training, got input size torch.Size([1, {}, 1, 1])"


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., StudyRecord]:
    """Searches 4 networks, with trainings that raise what a function raises."""
    return Made(tmp_path)


def number(asked: dict[str, Any]) -> int:
    return int(Path(asked["folder"]).parent.name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "error",
    [
        DataError("data/cat/7.jpg: cannot be read"),
        ModuleNotFoundError("No module named 'sklearn'"),
        PermissionError(13, "Permission denied", "runs/small/1"),
    ],
)
def test_an_error_common_to_all_trials_ends_the_search_and_costs_none(search: Any, tmp_path: Path, error: Any) -> None:
    def fail(asked: dict[str, Any]) -> None:
        if number(asked) == 1:
            raise error

    with pytest.raises(CommonError, match=type(error).__name__):
        search(fail)
    assert [trial.state for trial in loaded(tmp_path).trials] == ["COMPLETE", "RUNNING"]
    assert [trial.state for trial in search().trials] == ["COMPLETE"] * 4


@pytest.mark.slow
def test_the_first_three_failing_alike_end_the_search_and_cost_none(search: Any, tmp_path: Path) -> None:
    def fail(asked: dict[str, Any]) -> None:
        raise ValueError(BATCH_NORM.format(64 + number(asked)))

    for _ in range(2):
        with pytest.raises(CommonError, match=r"Expected more than 1 value .* \(so ended the first 3 trials\)"):
            search(fail)
        assert [trial.state for trial in loaded(tmp_path).trials] == ["RUNNING"] * 3
    assert [trial.state for trial in search().trials] == ["COMPLETE"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("lag", [None, 1])
def test_failures_of_their_own_are_each_a_trials(search: Any, lag: int | None) -> None:
    def fail(asked: dict[str, Any]) -> None:
        if number(asked) < 2:
            raise [RuntimeError("one"), ValueError("another")][number(asked)]

    record = search(fail, lag)
    assert [trial.state for trial in record.trials] == ["FAIL", "FAIL", "COMPLETE", "COMPLETE"]
    assert [trial.reason for trial in record.trials[:2]] == ["RuntimeError: one", "ValueError: another"]


@pytest.mark.slow
@pytest.mark.parametrize("lag", [None, 1])
def test_a_failure_is_held_back_until_another_trial_has_finished(search: Any, lag: int | None) -> None:
    def fail(asked: dict[str, Any]) -> None:
        if number(asked) in (0, 2):
            raise RuntimeError("broke down")

    assert [trial.state for trial in search(fail, lag).trials] == ["FAIL", "COMPLETE", "FAIL", "COMPLETE"]


def test_a_search_without_a_result_says_why_and_suggests_nothing() -> None:
    from tests.support.sample import study, trial

    reasons = ["RuntimeError: [/b] one", "RuntimeError: [/b] one", "ValueError: another"]
    failed = [replace(trial(i + 2, state="FAIL"), reason=reason) for i, reason in enumerate(reasons)]
    shown = io.StringIO()
    search_summary.show(Console(file=shown, width=80), study(failed), "n_trials=3 are done", "sqlite:///mlflow.db")
    lines = shown.getvalue().split("\n")
    assert lines[1:] == [
        "study fire_micro-digits: 3 trials, 3 failed, n_trials=3 are done",
        "2 failed: RuntimeError: [/b] one",
        "1 failed: ValueError: another",
        "",
    ]
    assert search_summary.all_failed(study(failed))
    assert not search_summary.all_failed(study([*failed, trial(9)]))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("cats", "dogs"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (16, 16), (20 * i, 0, 0)).save(tmp_path / f"pictures/{name}/{i}.png")
    return tmp_path / "pictures"


def controller(place: Path, pictures: Path) -> Controller:
    job._load.cache_clear()  # a new start has new workers
    (place / "small.yaml").write_text(SPACE)
    data = yaml.safe_load((folder("conf") / "data/image_folder.yaml").read_text())
    data |= {"dir": str(pictures), "side": 8, "crop": 8, "workers": 0, "cache": str(place / "kept")}
    space = load_space(place / "small.yaml")
    config = {"space": space.as_dict(), "data": data, "recipe": {"batch_size": 1}, "epochs": 2, "seed": 0, "seeds": 1}
    config |= {"sampler": {"name": "random"}, "uniform": 0.0}
    options = SearchOptions(
        "small", space, config, {}, NoStopping(1), Budget(4), False, 100, f"sqlite:///{place}/study.db", "", place
    )
    return setup.controller(options, Here())


@pytest.mark.slow
def test_an_unreadable_picture_is_found_before_there_is_a_study(pictures: Path, tmp_path: Path) -> None:
    """Whichever part it is in."""
    for i in range(6):
        good = (pictures / f"cats/{i}.png").read_bytes()
        (pictures / f"cats/{i}.png").write_bytes(good[:40])
        with pytest.raises(DataError, match=f"cats/{i}.png"):
            controller(tmp_path, pictures)
        assert not (tmp_path / "study.db").exists()
        (pictures / f"cats/{i}.png").write_bytes(good)
    assert controller(tmp_path, pictures).record.trials == ()


@pytest.mark.slow
def test_data_that_changed_are_refused_and_moved_ones_are_not(pictures: Path, tmp_path: Path) -> None:
    begun = controller(tmp_path, pictures)
    begun.store.release()
    assert len(begun.record.facts["key"]) == 16
    moved = pictures.rename(tmp_path / "elsewhere")
    again = controller(tmp_path, moved)
    again.store.release()
    assert again.record.facts == begun.record.facts
    assert loaded(tmp_path).config["data"]["dir"] == str(moved)
    (moved / "cats/0.png").rename(moved / "dogs/00.png")
    with pytest.raises(StudyError, match="as many, but files, sizes, labels or parts differ; put the former data back"):
        controller(tmp_path, moved)
    (moved / "birds").mkdir()
    for i in range(5):
        Image.new("RGB", (16, 16)).save(moved / f"birds/{i}.png")
    with pytest.raises(StudyError, match=r"8 train, 2 val, 2 test images of 2 classes.* now 1. train.* 3 classes"):
        controller(tmp_path, moved)


@pytest.mark.slow
def test_retrain_looks_whether_the_data_are_the_studys(pictures: Path, tmp_path: Path) -> None:
    begun = controller(tmp_path, pictures)
    begun.store.release()
    moved = pictures.rename(tmp_path / "elsewhere")
    job._load.cache_clear()
    with pytest.raises(DataError, match="no data folder"):
        retraining.check_data(begun.record, Here())
    record = retraining.with_data_at(begun.record, {"dir": str(moved), "labels": None})
    assert record.config["data"] == begun.record.config["data"] | {"dir": str(moved)}
    retraining.check_data(record, Here())
    Image.new("RGB", (16, 16)).save(moved / "cats/new.png")
    job._load.cache_clear()
    with pytest.raises(StudyError, match="the data have changed since study small was made: 8 train"):
        retraining.check_data(record, Here())
    digits = replace(record, config=record.config | {"data": {"name": "digits"}})
    with pytest.raises(StudyError, match=r"data\.dir is 'x', but the data of study small, digits, have none"):
        retraining.with_data_at(digits, {"dir": "x", "labels": None})


@pytest.mark.slow
def test_studies_of_earlier_versions_compare_what_they_have(pictures: Path, tmp_path: Path) -> None:
    begun = controller(tmp_path, pictures)
    facts = {key: value for key, value in begun.record.facts.items() if key not in ("fingerprint", "key")}
    begun.store.storage.set_study_user_attr(begun.store.study_id, "facts", facts)
    begun.store.release()
    controller(tmp_path, pictures).store.release()
    moved = pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(StudyError, match=r"was made otherwise: data\.dir was"):
        controller(tmp_path, moved)
    moved.rename(pictures)
    (pictures / "cats/5.png").unlink()
    with pytest.raises(StudyError, match="images of 2 classes, 3x8x8 then"):
        controller(tmp_path, pictures)


def test_a_worker_that_dies_while_it_reads_is_asked_again() -> None:
    from explorer.launchers import WorkerDied

    class Dies(Here):
        left = 2

        def submit(self, slot: int, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
            self.left -= 1
            if self.left >= 0:
                gone: Future[Any] = Future()
                gone.set_exception(WorkerDied("gone"))
                return gone
            return super().submit(slot, function, *arguments)

    data = yaml.safe_load((folder("conf") / "data/digits.yaml").read_text())
    assert ask_facts(Dies(), {"data": data, "recipe": {}}, check=True)["images"] == FACTS["images"]
