"""What every test shares: one torch thread, and folders of its own."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before torch is imported, here and in every process a test starts: oversubscribed cores are several times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# pytest-xdist tells its processes that a line has 80 columns; what a test starts finds what a user's pipe gives it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# Timing on a busy machine is no property of the code; the examples are the same in every run.
settings.register_profile(
    "explorer", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("explorer")

CLUSTERS = ("test_launchers", "test_ray", "test_slurm")
"""Of these files one runs at a time: they share the machine's cluster."""
LONGEST = (
    "test_failures",
    "test_search",
    *CLUSTERS,
    "test_outages",
    "test_every_family",
    "test_tutorial",
    "test_compression",
)
"""They begin, so that the processes that share the tests end together."""
REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


class OneFileOneProcess(LoadFileScheduling):
    """How tests are shared out: those of one file stay together, as do those of the clusters."""

    def _split_scope(self, nodeid: str) -> str:
        return "clusters" if Path(nodeid.partition("::")[0]).stem in CLUSTERS else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneFileOneProcess:
    return OneFileOneProcess(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder with the authors' weights and sample images; tests that need it skip without it."""
    if not REFERENCE.is_dir():
        pytest.skip(f"no reference data: {REFERENCE} is absent")
    return REFERENCE


@pytest.fixture(autouse=True)
def _ordinary_floats() -> Iterator[None]:
    """A training flushes denormal numbers in its process, which is the tests' own where a test trains in place."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _ordinary_logging() -> Iterator[None]:
    """A command that is called in the tests' own process configures its logging: some commands turn it off."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False
