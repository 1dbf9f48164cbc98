"""Every file of conf/experiment is a search that could begin."""

from pathlib import Path

import pytest
import yaml

from explorer.cli.config import load_space
from explorer.study.stopping import make
from explorer.training.recipe import read
from tests.support import warm

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted(file.stem for file in (ROOT / "conf" / "experiment").glob("*.yaml"))


def composed(name: str) -> dict[str, dict[str, object]]:
    done = warm.command("explorer.search", f"+experiment={name}", "--cfg", "job", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    config: dict[str, dict[str, object]] = yaml.safe_load(done.stdout)
    return config


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_composes(name: str) -> None:
    config = composed(name)
    read(config["recipe"])
    make(config["stopping"])


@pytest.mark.slow
def test_the_search_of_fire_on_cifar10() -> None:
    config = composed("cifar10_fire")
    assert (config["n_trials"], config["data"]["name"], config["launcher"]["per_device"]) == (200, "cifar10", "auto")
    assert config["recipe"]["precision"] == "bf16-mixed"
    space = load_space("fire")
    space.check((3, 32, 32), 10)
    assert space.anchors == ("squeezenet_v1_0",)
