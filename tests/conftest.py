"""What every test shares: one torch thread, and folders of its own."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

# Before torch is imported, here and in every process a test starts: oversubscribed cores are several times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# pytest-xdist tells its processes that a line has 80 columns; what a test starts finds what a user's pipe gives it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COLUMNS", None)

import pytest
from hypothesis import HealthCheck, settings

from tests.support.browser import browser
from tests.support.shared import empty_mlflow, folder, searched, searched_copy

# Timing on a busy machine is no property of the code; the examples are the same in every run.
settings.register_profile(
    "explorer", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("explorer")

__all__ = ["browser", "empty_mlflow", "folder", "searched", "searched_copy"]  # fixtures of every test
REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """How tests are shared out (`--dist loadgroup`), and which begin, so that all processes end together.

    Those of one file stay together, as they share its fixtures, but for the long ones; those that use the machine's
    cluster too, as one at a time may.
    """
    for item in items:
        group = "cluster" if item.get_closest_marker("cluster") else item.path.stem
        if not item.get_closest_marker("long") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: not (item.get_closest_marker("long") or item.get_closest_marker("cluster")))


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
