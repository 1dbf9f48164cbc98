"""docs/tutorial.md as a person follows it: every command, in order, in an empty folder; then what its study shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from tests.support import warm
from tests.support.browser_pages import DOCS, ROOT, Command, blocks, consoles, unlike
from tests.support.mlflow_server import free_port, server

COMMANDS = list(consoles(DOCS / "tutorial.md"))
SET_UP = ["make setup", ". .venv/bin/activate", "mkdir ../tour && cd ../tour"]
UI = "mlflow ui --backend-store-uri sqlite:///mlflow.db"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.xdist_group("tutorial"),
    pytest.mark.timeout(1800),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]


def run(folder: Path, command: Command) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours as it is typed; another one in a shell that finds this environment first."""
    words = shlex.split(command.line)
    if words[:2] == ["python", "-m"] and words[2].startswith("explorer."):
        return warm.command(*words[2:], cwd=folder, timeout=900, PYTHONIOENCODING="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        ["bash", "-c", command.line], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the tutorial's commands have run; each left 0 and printed what the page says."""
    assert [command.line for command in COMMANDS[:3]] == SET_UP  # this environment is what they make
    folder = tmp_path_factory.mktemp("tour")
    for command in COMMANDS[3:]:
        if command.line == UI:
            look(folder)
            continue
        done = run(folder, command)
        assert done.returncode == 0, f"$ {command.line}\n{done.stdout}{done.stderr}"
        missing = unlike(command.output, done.stdout)
        assert missing is None, f"$ {command.line}\n{done.stdout}\nthe page has: {missing}"
    return folder


def look(folder: Path) -> None:
    """MLflow's server answers, and shows what the page says is there."""
    from explorer.tracking.client import connect

    client = connect(f"sqlite:///{folder}/mlflow.db")
    experiment = client.get_experiment_by_name("fire_micro")
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.run_name == "fire_micro"
    assert "val_acc" in parent.data.tags["mlflow.note.content"]
    with server(folder, free_port()) as address:
        for name in ("pareto.html", "search.html"):
            with urlopen(f"{address}/get-artifact?path={quote(name)}&run_uuid={parent.info.run_id}") as answer:
                assert b"plotly" in answer.read()


def test_every_command_runs_and_prints_what_the_page_says(tour: Path) -> None:
    assert len(COMMANDS) > 12


def test_the_promised_files_are_there(tour: Path) -> None:
    page = (DOCS / "tutorial.md").read_text()
    for name in ("report.html", "statistics.html", "study.db", "mlflow.db", "winner/model.onnx", "unpacked"):
        assert name.split("/")[0] in page
        assert (tour / name).exists()
    for name in ("weights.safetensors", "architecture.json", "model.onnx", "MODEL_CARD.md"):
        assert (tour / "winner" / name).stat().st_size > 0
    assert 0 < (tour / "small" / "0.sqz").stat().st_size <= 13_000


def test_a_command_that_trains_otherwise_is_refused_as_printed(tour: Path) -> None:
    said = [command for command in consoles(DOCS / "howto" / "resume.md") if command.output]
    (refused,) = (command for command in said if command.output[0].startswith("explorer.search: "))
    done = run(tour, refused)
    assert done.returncode == 2
    assert unlike(refused.output, done.stderr) is None, done.stderr


@pytest.mark.parametrize(("page", "printed"), [("dashboard.md", "FrozenTrial"), ("compress.md", "(4, 10)")])
def test_python_on_a_study_runs(tour: Path, page: str, printed: str) -> None:
    (text,) = blocks(DOCS / "howto" / page, "python")
    done = subprocess.run([sys.executable, "-c", text], cwd=tour, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def test_a_study_is_deleted_as_printed(tour: Path) -> None:
    (line,) = re.findall(r"`(optuna delete-study .*?)`", (DOCS / "howto" / "resume.md").read_text())
    done = run(tour, Command(DOCS, line))
    assert done.returncode == 0, done.stderr
    gone = run(tour, Command(DOCS, "python -m explorer.report text=true"))
    assert gone.returncode == 2
