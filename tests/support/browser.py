"""A real browser, without a screen. Screenshots land in .artifacts/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

PICTURES = Path(__file__).parents[2] / ".artifacts"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --window-size=1600,1000"
)
# Room for what is looked at: no side panel, and the menu of model training.
PREFERENCES = """
localStorage.setItem("mlflow.workflowType_v1", JSON.stringify("machine_learning"));
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""
PATIENCE = 90  # seconds

MARKS = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not which("chromium"), reason="no chromium here (Debian: apt-get install chromium)"),
    pytest.mark.skipif(
        not which("chromedriver"), reason="no chromedriver here (Debian: apt-get install chromium-driver)"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]
"""Of a module whose tests open one."""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(which("chromium"))
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path / 'profile'}")
    driver = webdriver.Chrome(options, webdriver.ChromeService(which("chromedriver")))
    PICTURES.mkdir(exist_ok=True)
    yield driver
    driver.quit()


def luminance(browser: Any, selector: str, style: str) -> float:
    """From 0, black, to 1, of the first element's colour."""
    code = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    colour = browser.execute_script(code, selector, style)
    red, green, blue = (int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def wait_for(browser: Any, selector: str, words: str = "") -> Any:
    """The first element of this selector with these words in it, once it is there."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    def found(driver: Any) -> Any:
        elements = driver.find_elements(By.CSS_SELECTOR, selector)
        return next((element for element in elements if words in (element.text or "")), None)

    return WebDriverWait(browser, PATIENCE, ignored_exceptions=[_stale()]).until(found, f"no {selector} with {words!r}")


def _stale() -> type[Exception]:
    from selenium.common.exceptions import StaleElementReferenceException

    return StaleElementReferenceException
