"""What a reader of the site sees, opened as files without a network. Screenshots land in .artifacts/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.browser import MARKS, PATIENCE, PICTURES, luminance, wait_for

pytestmark = MARKS


def opened(browser: Any, page: Path, width: int, scheme: str) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri())
    wait_for(browser, "h1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width"), [("desktop", 1280), ("phone", 390)])
def test_pages_fit_and_follow_the_scheme(browser: Any, site: Path, device: str, width: int, scheme: str) -> None:
    for name in ("index", "tutorial", "reference/commands", "paper"):
        opened(browser, site / f"{name}.html", width, scheme)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert (luminance(browser, "body", "backgroundColor") < 0.5) == (scheme == "dark")
        assert (luminance(browser, "h1", "color") < 0.5) == (scheme == "light")
        assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
        browser.save_screenshot(str(PICTURES / f"docs_{name.replace('/', '_')}_{device}_{scheme}.png"))


def test_search_finds_a_key_without_a_server(browser: Any, site: Path) -> None:
    opened(browser, site / "index.html", 1280, "light")
    wait_for(browser, ".md-search__button", "Search").click()
    host = "return [...document.querySelectorAll('*')].find(each => each.shadowRoot)"
    shadow = WebDriverWait(browser, PATIENCE).until(lambda driver: driver.execute_script(host)).shadow_root
    WebDriverWait(browser, PATIENCE).until(lambda _: shadow.find_elements("css selector", "input"))
    shadow.find_element("css selector", "input").send_keys("max_device_hours")
    WebDriverWait(browser, PATIENCE).until(
        lambda _: any("Set budgets" in own.text for own in shadow.find_elements("css selector", "[role=option]"))
    )
    browser.save_screenshot(str(PICTURES / "docs_search.png"))
