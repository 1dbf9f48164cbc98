"""What is made once for all tests that only look at it, whichever process they run in."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.processes import SPACE, search


def once(factory: pytest.TempPathFactory, worker: str, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process to ask for it makes; the others wait for it.

    Args:
        factory: of pytest.
        worker: which of pytest-xdist's processes this is; `master` without it.
        name: of the folder.
        make: fills it; where it fails, so does every test that asks.
    """
    root = factory.getbasetemp() if worker == "master" else factory.getbasetemp().parent
    folder = root / f"shared_{name}"
    with FileLock(root / f"shared_{name}.lock"):
        if not (folder / ".made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            (folder / ".made").touch()
    return folder


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """MLflow's database as `explorer` makes it, without a run: to make it takes as long as a short search."""

    def make(folder: Path) -> None:
        from explorer.tracking.client import connect

        with warnings.catch_warnings():  # of MLflow's own use of SQLAlchemy, whichever test comes first
            warnings.simplefilter("ignore")
            connect(f"sqlite:///{folder}/mlflow.db").search_experiments(max_results=1)

    return once(tmp_path_factory, worker_id, "mlflow", make) / "mlflow.db"


@pytest.fixture
def folder(tmp_path: Path, empty_mlflow: Path) -> Path:
    """A folder to search the space `small` in, with an MLflow database."""
    (tmp_path / "small.yaml").write_text(SPACE)
    shutil.copy(empty_mlflow, tmp_path)
    return tmp_path


@pytest.fixture
def searched_copy(searched: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """A copy of `searched` to write in."""
    made, printed = searched
    return shutil.copytree(made, tmp_path / "searched"), printed


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> tuple[Path, str]:
    """A folder with a finished search of 5 trials, begun without any database, and what it printed. Only to look at."""

    def make(folder: Path) -> None:
        (folder / "small.yaml").write_text(SPACE)
        (folder / "printed.json").write_text(json.dumps(search(folder, "n_trials=5")))

    made = once(tmp_path_factory, worker_id, "searched", make)
    return made, json.loads((made / "printed.json").read_text())
