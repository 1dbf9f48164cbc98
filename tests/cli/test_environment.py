"""What MLflow's own variables say holds for every command that has a tracking server."""

from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir

from explorer.cli.config import folder

COMMANDS = ("search", "retrain", "compress", "firmware", "latency", "report", "statistics", "track")


def test_every_command_with_a_tracking_server_is_here() -> None:
    having = {path.stem for path in folder("conf").glob("*.yaml") if "\ntracking:" in path.read_text()}
    assert having == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_tracking_server_of_the_environment(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def tracking(*overrides: str) -> str:
        with initialize_config_dir(str(folder("conf").absolute()), version_base="1.3"):
            return str(compose(command, overrides=list(overrides)).tracking)

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking() == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking() == "http://127.0.0.1:5000"
    assert tracking("tracking=sqlite:///mine.db") == "sqlite:///mine.db"
