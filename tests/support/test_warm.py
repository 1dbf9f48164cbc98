"""A command of the warm server gives what a new process gives."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.storage import stored
from tests.support import warm

COMMANDS = {
    "a table": ["explorer.describe", "squeezenet_v1_0", "input=[1,8,8]", "classes=10"],
    "help": ["explorer.report", "--help"],
    "a mistake": ["explorer.search", "+space=fire_mirco"],
    "no study": ["explorer.retrain", "best"],
    "an unknown module": ["explorer.research"],
}
CHANGING = r" +[\d.]+ s\b|(?<=runs/)\w+|^\d+/3 "
"""What two searches with the same trials may print differently: times, runs' ids, which trial ended first."""
SEARCH = ["explorer.search", "+space=fire_micro", "n_trials=3", "epochs=2", "deterministic=true", "space.anchors=[]"]


def new_process(folder: Path, words: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    command, variables = [sys.executable, "-m", *words], os.environ | environment
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("case", COMMANDS)
def test_it_prints_and_ends_as_a_new_process(case: str, tmp_path: Path) -> None:
    theirs, ours = new_process(tmp_path, COMMANDS[case]), warm.command(*COMMANDS[case], cwd=tmp_path)
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)
    if case == "an unknown module":
        assert "No module named explorer.research" in theirs.stderr
        assert "No module named explorer.research" in ours.stderr
    else:
        assert ours.stderr == theirs.stderr


@pytest.mark.slow
def test_its_environment_is_its_own(tmp_path: Path) -> None:
    words = ["explorer.report", "text=true"]
    refused = (
        new_process(tmp_path, words, HYDRA_FULL_ERROR="1"),
        warm.command(*words, cwd=tmp_path, HYDRA_FULL_ERROR="1"),
    )
    assert ["Traceback" in done.stderr for done in refused] == [True, True]
    assert "Traceback" not in warm.command(*words, cwd=tmp_path).stderr


@pytest.mark.slow
def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n")
    with pytest.raises(subprocess.TimeoutExpired):
        warm.command("endless", cwd=tmp_path, timeout=1)
    assert warm.command("explorer.describe", "squeezenet_v1_0", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_a_search_has_the_same_trials(tmp_path: Path) -> None:
    printed, trials = [], []
    for name in ("new", "warm"):
        folder = tmp_path / name
        folder.mkdir()
        done = new_process(folder, SEARCH) if name == "new" else warm.command(*SEARCH, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(sorted(re.sub(CHANGING, "", done.stdout, flags=re.MULTILINE).splitlines()))
        record = stored.load(f"sqlite:///{folder}/study.db", "fire_micro")
        trials.append(
            [(each.number, each.state, each.identity, each.accuracies, each.device) for each in record.trials]
        )
        assert (folder / "mlflow.db").exists()
    assert printed[0] == printed[1]
    assert trials[0] == trials[1]
