"""Several searches by one command: each needs a study of its own."""

import os
import signal
from pathlib import Path

import optuna
import pytest

from explorer.cli.multirun import check_names
from explorer.cli.options import ConfigError
from tests.support import warm
from tests.support.processes import SPACE, WHOLE, start, wait_for


@pytest.mark.parametrize(
    "words",
    [
        ["+space=fire_micro", "seed=1,2"],
        ["+space=fire_micro,fire_macro", "seed=1,2"],
        ["+space=fire_micro,fire_macro", "study=one"],
        ["+space=fire_micro", "seed=range(3)"],
    ],
)
def test_jobs_that_would_share_a_study_are_refused(words: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"^\d jobs, \d of them with a study of its own; add one .*hydra:job\.num"):
        check_names(["-m", *words], "search")


@pytest.mark.parametrize(
    "words",
    [
        ["+space=fire_micro,fire_macro"],
        ["+space=fire_micro", "study=a,b"],
        ["+space=fire_micro", "seed=1,2", "study=a_${hydra:job.num}"],
        ["+space=fire_micro", "seed=1"],
    ],
)
def test_jobs_with_studies_of_their_own_go_on(words: list[str]) -> None:
    check_names(["-m", *words], "search")


SEARCHES = ["explorer.search", "-m", "--config-dir", ".", "+space=small"]
QUICK = ["n_trials=1", "epochs=1", "launcher.devices=[cpu]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SPACE)
    return tmp_path


@pytest.mark.slow
def test_ctrl_c_ends_the_whole_multirun(folder: Path) -> None:
    process = start(folder, *SEARCHES, "study=first,second", *WHOLE[3:], "n_trials=30", "epochs=3")
    wait_for(lambda: bool(list(folder.glob("runs/first/*/seed_0/*.safetensors"))))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    assert studies(folder) == ["first"]


@pytest.mark.slow
def test_the_exit_code_is_the_worst_of_the_jobs_and_no_job_keeps_the_others_from_running(folder: Path) -> None:
    done = warm.command(*SEARCHES, *QUICK, "recipe.lr=-1,0.1", "study=first_${hydra:job.num}", cwd=folder)
    assert done.returncode == 2
    assert "recipe.lr is -1" in done.stderr
    assert "study first_1: 1 trials, n_trials=1 are done" in done.stdout
    assert studies(folder) == ["first_1"]
    assert not list(folder.rglob("config.log"))


def studies(folder: Path) -> list[str]:
    return sorted(optuna.get_all_study_names(f"sqlite:///{folder}/study.db"))


@pytest.mark.parametrize(
    "words", [["--config-path", "my"], ["--config-path=my"], ["-cp", "my"], ["--config-name", "my"]]
)
def test_a_config_of_ones_own_is_a_folder_beside(words: list[str], tmp_path: Path) -> None:
    done = warm.command("explorer.search", *words, "+space=fire_micro", cwd=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == f"explorer.search: {words[0]}: search has its own config; yours is a folder: --config-dir FOLDER"


def test_a_key_with_dashes_is_a_key(tmp_path: Path) -> None:
    done = warm.command("explorer.search", "--n_trials", "3", "+space=fire_micro", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "explorer.search: --n_trials: expected n_trials=VALUE, such as n_trials=24\n",
    )
