"""optuna-dashboard on the database of a real search, in a real browser. The screenshot lands in .artifacts/."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support import warm
from tests.support.browser import MARKS, PICTURES, wait_for
from tests.support.mlflow_server import free_port

pytestmark = [
    *MARKS,
    pytest.mark.skipif(
        not find_spec("optuna_dashboard"), reason="no optuna-dashboard (pip install explorer[dashboard])"
    ),
]


@contextmanager
def dashboard(folder: Path) -> Iterator[str]:
    """`optuna-dashboard` as a user starts it; yields its address once it answers."""
    port, log = free_port(), folder / "dashboard.log"
    words = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()", "sqlite:///study.db"]
    words += ["--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(words, cwd=folder, stdout=output, stderr=output, start_new_session=True)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            try:
                with urlopen(f"{address}/api/studies", timeout=5):
                    break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.usefixtures("folder")  # an MLflow database
def test_the_study_opens_as_it_is(browser: Any, tmp_path: Path) -> None:
    words = ["+space=fire_micro", "n_trials=6", "epochs=2", "space.limits.params=100_000", "launcher.devices=[cpu]"]
    warm.command("explorer.search", *words, "space.anchors=[]", "stopping=none", cwd=tmp_path).check_returncode()
    with dashboard(tmp_path) as address:
        with urlopen(f"{address}/api/studies/1") as answer:
            study = json.load(answer)
        assert study["name"] == "fire_micro"
        assert study["directions"] == ["maximize", "minimize"]
        assert study["objective_names"] == ["val_acc", "params"]
        assert [trial["state"] for trial in study["trials"]] == ["Complete"] * 6
        assert not study["has_intermediate_values"]
        browser.get(f"{address}/dashboard/studies/1")
        wait_for(browser, "h6, span, p, div", "Pareto Front")
        wait_for(browser, ".js-plotly-plot .scatterlayer .points path.point")
        text = browser.find_element("css selector", "body").text
        assert "val_acc" in text
        assert "params" in text
        time.sleep(2)  # its figures grow into place
        browser.save_screenshot(str(PICTURES / "optuna_dashboard.png"))
        assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
