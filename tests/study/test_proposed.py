"""Networks that a person proposes with `try=` are trained next, or refused in a line."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from explorer.arch import Architecture
from explorer.cli.config import load_space
from explorer.study.proposed import ProposalError, Proposed, propose
from tests.support.process_tree import workers
from tests.support.processes import WHOLE, run, search, start, study, wait_for

POINT: dict[str, Any] = {"base_e": 32, "freq": 1, "pct_3x3": 0.5, "squeeze_ratio": 0.25}
FULL = POINT | {"incr_e": 0}
SPACE = load_space("fire_micro")


def hydra(point: dict[str, Any]) -> str:
    return "try={" + ",".join(f"{key}: {value}" for key, value in point.items()) + "}"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (POINT, "try: incr_e is missing, expected 0, 16, ... 128"),
        (FULL | {"base_e": 33}, "try: base_e is 33, expected 16, 32, ... 128"),
        (FULL | {"freq": 9}, "try: freq is 9, expected 1, 2, 3, 4"),
        (
            FULL | {"width": 1},
            "try: width is no parameter there, expected base_e, incr_e, freq, pct_3x3, squeeze_ratio",
        ),
        (FULL | {"base_e": 128, "incr_e": 128, "squeeze_ratio": 0.75}, "params is over the limit of 1,000,000"),
    ],
)
def test_what_is_no_point_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ProposalError, match=re.escape(why)):
        propose(SPACE, given, (1, 8, 8), 10)


def test_a_file_is_taken_if_it_fits_the_images(tmp_path: Path) -> None:
    network = load_space("residual").architecture(next(iter(load_space("residual").probes())), (1, 8, 8), 10)
    file = tmp_path / "mine.json"
    file.write_text(network.to_json())
    assert propose(SPACE, str(file), (1, 8, 8), 10) == Proposed(None, network)
    with pytest.raises(ProposalError, match="takes images of 1x8x8, the study's are 3x32x32"):
        propose(SPACE, str(file), (3, 32, 32), 10)
    with pytest.raises(ProposalError, match="tells 10 classes apart, the study has 5"):
        propose(SPACE, str(file), (1, 8, 8), 5)


@pytest.mark.slow
def test_they_are_the_next_trials(searched_copy: tuple[Path, str]) -> None:
    folder, _ = searched_copy
    first = study(folder).trials[0]
    network = load_space("residual").architecture(next(iter(load_space("residual").probes())), (1, 8, 8), 10)
    (folder / "mine.json").write_text(network.to_json())
    (folder / "known.json").write_text(first.architecture)
    words = f"try=[{hydra(POINT).removeprefix('try=')},mine.json,known.json]"
    printed = search(folder, words, "n_trials=7")
    trials = study(folder).trials
    assert [trial.state for trial in trials[5:]] == ["COMPLETE"] * 2
    assert trials[5].metaparameters == POINT
    assert trials[6].identity == network.identity
    assert Architecture.from_json(trials[6].architecture) == network
    assert trials[6].metaparameters == {}
    assert "try: trial 0 is that network" in printed
    run(folder, "explorer.report")
    run(folder, "explorer.describe", "6")
    # Again: both are trials of the study now.
    printed = search(folder, words, "n_trials=8")
    assert [f"try: trial {number} is that network" in printed for number in (0, 5, 6)] == [True] * 3
    assert len(study(folder).trials) == 8


@pytest.mark.slow
def test_a_search_at_work_takes_a_point_over_stops_a_trial_and_changes_devices(folder: Path) -> None:
    process = start(folder, "explorer.search", *WHOLE, "epochs=60", "n_trials=30")
    try:
        wait_for(lambda: (folder / "study.db").exists() and len(study(folder).trials) > 1)
        handed = search(folder, hydra(POINT), "n_trials=30")
        number = int(re.findall(r"trains it next, as trial (\d+)", handed)[0])
        first = next(trial.number for trial in study(folder).trials if trial.state == "RUNNING")
        assert f"trial {first} of study small stops" in run(folder, "explorer.stop", str(first))
        wait_for(lambda: any(trial.number == number for trial in study(folder).trials))
        assert next(t for t in study(folder).trials if t.number == number).metaparameters == POINT
        assert "study small trains on cpu; a device" in run(folder, "explorer.workers", "cpu")
        wait_for(lambda: len(workers(process.pid)) == 1)  # at most a rung later the other process is gone
        assert "trains on cpu, cpu, cpu" in run(folder, "explorer.workers", "[cpu,cpu,cpu]")
        wait_for(lambda: len(workers(process.pid)) == 3)
        refusal = run(folder, "explorer.workers", "7", code=2)
        assert "launcher.devices has 7, expected cpu" in refusal
        stopped = study(folder).trials[first]
        assert stopped.state == "PRUNED"
        assert stopped.reason == f"stopped by hand after epoch {stopped.epochs} of 60"
        assert stopped.epochs < 60
        refusal = run(folder, "explorer.stop", str(first), code=2)
        assert f"trial is {first}, expected one of study small that runs" in refusal
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    assert "no search is at work on runs/small" in run(folder, "explorer.workers", "cpu", code=2)
