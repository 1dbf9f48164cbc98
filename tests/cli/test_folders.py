"""Any legal folder to work in: names that mean something in URLs, in patterns or to a shell."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from explorer.tracking import add_files
from explorer.tracking.client import connect
from explorer.tracking.mirror import open_mirror
from tests.support.sample import study, trial

NAMES = (
    "a%2Fb", "a%20b", "a b", "what?", "number#1", "köln", "日本", "12:30", "a&b=c", "a;b", "a+b", "it's", 'a"b', "a@b",
    "[x]", "a\\b", "$HOME", "50%", "...", "a\nb",
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_mlflow_in_a_folder_of_any_name(
    name: str, tmp_path: Path, empty_mlflow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(empty_mlflow, folder)
    monkeypatch.chdir(folder)
    record = study([trial(0)])
    runs = open_mirror("sqlite:///mlflow.db", record)
    runs.sync(record, ended=False)
    assert add_files(record, {"report.html": "a page"}, "sqlite:///mlflow.db")

    client = connect("sqlite:///mlflow.db")
    run = client.get_run(runs.run_of(0))
    assert run.info.status == "FINISHED"
    place = folder / "mlartifacts" / run.info.run_id / "artifacts" / "architecture.json"
    copy = Path(client.download_artifacts(run.info.run_id, place.name, str(tmp_path)))
    assert place.read_text() == copy.read_text() == record.trials[0].architecture
    copy.unlink()
    assert {path.partition("/")[0] for path in below(tmp_path)} == {name}  # nothing lands beside it
    if not set(name) & set("%?#"):  # else MLflow makes an empty folder of the quoted name
        assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.slow
def test_a_database_is_made_in_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a%2Fb c?d#e"
    folder.mkdir()
    monkeypatch.chdir(folder)
    open_mirror("sqlite:///mlflow.db", study([trial(0)]))
    assert below(tmp_path) == {f"{folder.name}/mlflow.db"}
