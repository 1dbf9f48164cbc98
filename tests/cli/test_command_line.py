"""Bad input of every kind: one line, exit 2, no traceback, nothing lost. Help and mistakes answer without torch."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.arch import architecture
from tests.support import warm

SEARCH = ["explorer.search", "+space=fire_micro"]


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return warm.command(*words, cwd=folder, timeout=120, **environment)


def refused(folder: Path, *words: str) -> str:
    """The one line with which a command refuses."""
    done = run(folder, *words)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(f"{words[0]}: ")
    assert "Traceback" not in done.stdout + done.stderr
    return lines[0].removeprefix(f"{words[0]}: ")


QUICK = {
    "no space": (["explorer.search"], "which space? +space= one of all, fire, "),
    "unknown space": (["explorer.search", "+space=fire_mirco"], "space=fire_mirco is not known, expected one of all, "),
    "unknown key": ([*SEARCH, "n_trial=3"], "n_trial"),
    "unknown sampler": ([*SEARCH, "sampler=tpee"], "sampler=tpee is not known, expected one of front, gp, grid"),
    "unknown data": ([*SEARCH, "data=mnist3d"], "data=mnist3d is not known, expected one of arrays, cifar10"),
    "unknown key of a space": ([*SEARCH, "+space.search.width.low=3"], "space fire_micro: search.width"),
    "upside down": ([*SEARCH, "space.search.base_e.low=256"], "search.base_e: the range is upside down"),
    "no choice": (
        ["explorer.search", "+space=fire_macro", "space.search.bypass.choices=[]"],
        "space fire_macro: search.bypass.choices: is []",
    ),
    "no trials": ([*SEARCH, "n_trials=0"], "n_trials is 0, expected a whole number of at least 1"),
    "no number": ([*SEARCH, "n_trials=many"], "n_trials is 'many', expected a whole number of at least 1"),
    "no epochs": ([*SEARCH, "epochs=0"], "epochs is 0"),
    "study's name": ([*SEARCH, "study=a/b"], "study is 'a/b', expected letters"),
    "study above": ([*SEARCH, "study=.."], "study is '..', expected letters"),
    "study like an option": ([*SEARCH, "study=-x"], "study is '-x', expected letters"),
    "long study": ([*SEARCH, f"study={'a' * 201}"], "study is 'aaaaaaaaaaaaaaaaaaaa'... of 201 bytes, expected 200"),
    "devices": ([*SEARCH, "launcher.devices=[7]"], "launcher.devices has 7, expected"),
    "stopping": ([*SEARCH, "stopping.rung=0"], "stopping.rung is 0"),
    "unknown key of a recipe": ([*SEARCH, "+recipe.gradient_clip_val=1"], "recipe has no key 'gradient_clip_val'"),
    "learning rate": ([*SEARCH, "recipe.lr=-1"], "recipe.lr is -1.0, expected above 0"),
    "batch": ([*SEARCH, "recipe.batch_size=0"], "recipe.batch_size is 0, expected at least 1"),
    "precision": ([*SEARCH, "recipe.precision=16-mixed"], "recipe.precision is '16-mixed', expected one of 32-true"),
    "unknown key of a launcher": ([*SEARCH, "+launcher.gpu=1"], "launcher local has no key 'gpu', its keys are"),
    "ignored key": ([*SEARCH, "+trainer.max_epochs=1"], "trainer is no key of explorer.search, so it would be ignored"),
    "ignored list": ([*SEARCH, "+callbacks=[x]"], "callbacks is no key of explorer.search"),
    "a group of another command": (["explorer.retrain", "best", "+space=fire"], "space is no key of explorer.retrain"),
    "ignored key within a key": (["explorer.paper", "+studies.widths=x"], "studies.widths is no key of explorer.paper"),
    "storage": ([*SEARCH, "storage=study.db"], "storage is no database URL"),
    "tracking": ([*SEARCH, "tracking=mlruns"], "tracking=mlruns: MLflow has no store for"),
    "nothing to retrain": (["explorer.retrain", "best"], "no study database study.db here; run explorer.search first"),
    "nothing to track": (["explorer.track"], "no study database study.db here; run explorer.search first"),
    "no such network": (["explorer.describe", "squeezenet"], "network is 'squeezenet', expected one of alexnet"),
    "no such file": (["explorer.describe", "a.json"], "a.json: No such file or directory"),
    "input": (["explorer.describe", "squeezenet_v1_0", "input=[8,8]"], "input is [8, 8], expected [channels, height"),
    "format": (["explorer.describe", "squeezenet_v1_0", "format=xml"], "format is 'xml', expected table or json"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", QUICK)
def test_refused_at_once(case: str, tmp_path: Path) -> None:
    words, message = QUICK[case]
    assert message in refused(tmp_path, *words)
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.slow
def test_limits_that_no_point_meets(tmp_path: Path) -> None:
    line = refused(tmp_path, *SEARCH, "space.limits.params=10")
    assert "limits: no point meets them: params: 10 (smallest found" in line


@pytest.mark.slow
def test_an_impossible_network_before_trial_0(tmp_path: Path) -> None:
    line = refused(tmp_path, *SEARCH, "space.search.squeeze_ratio.high=1.5")
    assert "builds an impossible network: squeeze_ratio is 1.5, expected within (0, 1]" in line


@pytest.mark.slow
def test_a_data_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(tmp_path, *SEARCH, "data=image_folder", "data.dir=empty")
    assert "absent" in refused(tmp_path, *SEARCH, "data=image_folder", "data.dir=absent")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.slow
def test_a_file_in_the_way_of_the_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("mine")
    assert "runs/fire_micro: Not a directory" in refused(tmp_path, *SEARCH)
    assert (tmp_path / "runs").read_text() == "mine"


@pytest.mark.slow
def test_corrupt_storage_stays_as_it_is(tmp_path: Path) -> None:
    content = b"SQLite format 3\0" + b"\xff" * 4096
    (tmp_path / "study.db").write_bytes(content)
    for words in (SEARCH, ["explorer.retrain", "best"], ["explorer.track"]):
        line = refused(tmp_path, *words)
        assert "storage sqlite:///study.db cannot be opened" in line
        assert "name another with storage=URL" in line
    assert (tmp_path / "study.db").read_bytes() == content


@pytest.mark.slow
def test_a_database_of_something_else(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("create table studies (name text)")
    connection.close()
    assert "storage sqlite:///study.db" in refused(tmp_path, "explorer.retrain", "best")


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "{}", "[1", '{"format": "explorer.architecture/1", "layers": 3}'])
def test_a_broken_architecture_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "architecture.json").write_text(content)
    assert refused(tmp_path, "explorer.describe", "architecture.json").startswith("architecture.json: ")


def test_an_altered_architecture_file(tmp_path: Path) -> None:
    text = architecture("squeezenet_v1_0", (1, 8, 8), 10).to_json()
    (tmp_path / "architecture.json").write_text(text.replace('"out_channels":96', '"out_channels":97'))
    assert "the file was altered" in refused(tmp_path, "explorer.describe", "architecture.json")


def test_a_broken_space_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("family: [fire\n")
    assert "mine.yaml: no YAML" in refused(tmp_path, "explorer.search", "+space=mine", "--config-dir", str(tmp_path))


@pytest.mark.slow
def test_a_secret_in_a_storage_url_is_not_shown(tmp_path: Path) -> None:
    done = run(tmp_path, *SEARCH, "storage=postgresql://me:hunter2@127.0.0.1:1/x")
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr
    assert "postgresql+psycopg://***@127.0.0.1:1/x cannot be opened" in done.stderr


@pytest.mark.slow
def test_the_whole_traceback_on_request(tmp_path: Path) -> None:
    done = run(tmp_path, *SEARCH, "n_trials=0", HYDRA_FULL_ERROR="1")
    assert "Traceback" in done.stderr
    assert done.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("words", [["explorer.search", "--help"], ["explorer.retrain", "--help"], ["explorer.search"]])
def test_help_and_mistakes_import_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "hydra" in imported
    assert not imported & {"torch", "pytorch_lightning", "mlflow", "optuna", "sklearn", "plotly", "numpy"}
    if "--help" in words:
        assert done.returncode == 0
        assert f"python -m {words[0]} " in done.stdout


@pytest.mark.slow
def test_the_value_of_an_option_is_no_target(tmp_path: Path) -> None:
    for words, target in ((["--cfg", "job"], "squeezenet_v1_0"), (["--cfg", "job", "vgg16"], "vgg16")):
        done = run(tmp_path, "explorer.evaluate", *words)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"target: {target}\n" in done.stdout


@pytest.mark.slow
def test_describe_prints_table_1(tmp_path: Path) -> None:
    done = run(tmp_path, "explorer.describe", "squeezenet_v1_0")
    assert done.returncode == 0
    assert "1,248,424" in done.stdout
    small = run(tmp_path, "explorer.describe", "squeezenet_v1_0", "input=[1,8,8]", "classes=10")
    assert "727,306" in small.stdout
    assert "instead of 7x7/2" in small.stdout
