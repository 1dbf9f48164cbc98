"""What a reader of the paper's page sees, in a real browser. Screenshots land in .artifacts/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from explorer.reproduction import page
from explorer.reproduction.caveat import caveat
from explorer.reproduction.sheets import build
from tests.support.browser import MARKS, PICTURES, luminance, wait_for
from tests.support.paper_sample import every_sweep

pytestmark = MARKS


@pytest.fixture
def address(tmp_path: Path) -> str:
    studies = every_sweep()
    path = tmp_path / "paper.html"
    path.write_text(page.html(build(studies), caveat(list(studies.values()))), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width"), [("desktop", 1280), ("phone", 390)])
def test_the_page(browser: Any, address: str, device: str, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": device == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(address)
    wait_for(browser, "#figure_downsampling_2 .point")
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]

    # Only tables scroll sideways, each in its own box; figures keep to the page.
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    boxes = browser.find_elements("css selector", ".figure")
    assert len(boxes) == 3 * 2 + 3
    for box in boxes:
        drawn = box.find_element("css selector", ".main-svg").rect
        assert (drawn["x"], drawn["width"]) == pytest.approx((box.rect["x"], box.rect["width"]), abs=1)
        assert drawn["x"] >= 0
        assert drawn["x"] + drawn["width"] <= width

    # What is drawn: 5 points printed; 5 means and 15 seeds measured; every error bar.
    assert len(browser.find_elements("css selector", "#figure_squeeze_ratio_0 .point")) == 5
    assert len(browser.find_elements("css selector", "#figure_squeeze_ratio_1 path.point")) == 5 + 15
    assert len(browser.find_elements("css selector", "#figure_squeeze_ratio_1 .errorbar")) == 5
    assert len(browser.find_elements("css selector", "#figure_downsampling_1 .point")) >= 5

    # Text stands out from its ground, in figures too.
    ground = luminance(browser, "body", "backgroundColor")
    assert (ground < 0.2) == (scheme == "dark")
    for selector, style in (("body", "color"), (".figure .xtick text", "fill"), (".figure .gtitle", "fill")):
        assert abs(luminance(browser, selector, style) - ground) > 0.6, selector

    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"height": height})
    browser.save_screenshot(str(PICTURES / f"paper_{device}_{scheme}.png"))
