"""What a person sees: the study in the real MLflow UI, in a real browser. Screenshots land in .artifacts/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from explorer.plots import front, latency
from explorer.results.pareto import front_trials
from explorer.tracking import mirror
from explorer.tracking.client import connect
from tests.support.mlflow_server import free_port, server
from tests.support.sample import finished_study
from tests.test_latency import timed

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

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not which("chromium"), reason="no chromium here (Debian: apt-get install chromium)"),
    pytest.mark.skipif(
        not which("chromedriver"), reason="no chromedriver here (Debian: apt-get install chromium-driver)"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*"),
]


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


def test_the_figure_in_mlflows_ui(browser: Any, tmp_path: Path) -> None:
    record = finished_study(30)
    folder = tmp_path / "search"
    folder.mkdir()
    uri = f"sqlite:///{folder}/mlflow.db"
    mirror(record, uri)
    client = connect(uri)
    experiment = client.get_experiment_by_name(record.name)
    everything = client.search_runs([experiment.experiment_id])
    (parent,) = (run.info.run_id for run in everything if "mlflow.parentRunId" not in run.data.tags)

    with server(folder, free_port()) as address:
        browser.get(address)
        browser.execute_script(PREFERENCES)
        run = f"{address}/#/experiments/{experiment.experiment_id}/runs/{parent}"
        browser.get(f"{run}/artifacts/pareto.html")
        browser.switch_to.frame(wait_for(browser, "iframe"))
        # The star's label, not the legend's entry; and the star itself, and every network on the front.
        label = wait_for(browser, ".annotation-text", "SqueezeNet v1.0")
        assert label.is_displayed()
        drawn = browser.find_elements("css selector", ".scatterlayer .points path.point")
        assert len(drawn) >= len(front.info(record).markers)
        browser.switch_to.default_content()
        browser.save_screenshot(str(PICTURES / "mlflow_pareto.png"))

        browser.get(run)
        assert "val_acc" in wait_for(browser, "table", "trial").text  # the front, in the run's description
        browser.save_screenshot(str(PICTURES / "mlflow_study.png"))
        browser.get(f"{address}/#/experiments/{experiment.experiment_id}/runs")
        wait_for(browser, "[role=row] a", record.name)
        browser.save_screenshot(str(PICTURES / "mlflow_runs.png"))


def test_accuracy_over_latency(browser: Any, tmp_path: Path) -> None:
    record = finished_study(12)
    found = [timed(trial.number, 0.2 + trial.params / 1e6) for trial in front_trials(record)]
    page = tmp_path / "latency.html"
    page.write_text(latency.html(latency.figure(latency.info(record, found))), encoding="utf-8")
    browser.get(page.as_uri())
    assert wait_for(browser, ".annotation-text", "SqueezeNet v1.0").is_displayed()
    assert len(browser.find_elements("css selector", ".scatterlayer .points path.point")) == 2 * len(found)
    browser.save_screenshot(str(PICTURES / "latency.png"))
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def test_the_page_alone(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "pareto.html"
    page.write_text(front.html(front.figure(front.info(finished_study(30)))), encoding="utf-8")
    size = {"width": 1200, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    assert wait_for(browser, ".annotation-text", "SqueezeNet v1.0").is_displayed()
    assert wait_for(browser, ".main-svg").size == {"width": 1200, "height": 800}
    browser.save_screenshot(str(PICTURES / "pareto.png"))
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
