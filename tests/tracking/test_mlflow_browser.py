"""What a person sees: the study in the real MLflow UI, in a real browser. Screenshots land in .artifacts/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from explorer.plots import front, latency
from explorer.results.pareto import front_trials
from explorer.tracking import mirror
from explorer.tracking.client import connect
from tests.support.browser import MARKS, PICTURES, wait_for
from tests.support.mlflow_server import free_port, server
from tests.support.sample import finished_study, timed

pytestmark = MARKS


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


def test_a_newcomer_finds_the_run_as_the_tutorial_says(browser: Any, tmp_path: Path) -> None:
    """From the start page, in a profile that has never seen MLflow, which opens with its pages for language models."""
    record = finished_study(12)
    folder = tmp_path / "search"
    folder.mkdir()
    mirror(record, f"sqlite:///{folder}/mlflow.db")
    with server(folder, free_port()) as address:
        browser.get(address)
        wait_for(browser, "[role=button]", "Model training").click()
        wait_for(browser, "a", "Experiments").click()
        wait_for(browser, "a", record.name).click()
        wait_for(browser, "[role=row] a", record.name).click()
        assert "val_acc" in wait_for(browser, "table", "trial").text
        browser.save_screenshot(str(PICTURES / "mlflow_newcomer.png"))


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
