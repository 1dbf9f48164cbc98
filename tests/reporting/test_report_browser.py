"""What a reader of the report sees, in a real browser. Screenshots land in .artifacts/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from explorer.reporting import page
from explorer.tracking import mirror
from explorer.tracking.client import connect
from tests.support.browser import MARKS, PICTURES, PREFERENCES, luminance, wait_for
from tests.support.mlflow_server import free_port, server
from tests.support.reported import subject
from tests.support.sample import finished_study

pytestmark = MARKS
PACKAGE = Path(page.__file__).parents[1]
STYLES = sorted(PACKAGE.rglob("*.css"))


def opened(browser: Any, path: Path, names: list[str], width: int, scheme: str) -> dict[str, Any]:
    """A page of made-up studies, shown at a width."""
    text = page.html([subject(finished_study(30 + 4 * i, name)) for i, name in enumerate(names)], {"explorer": "1"})
    file = path / "report.html"
    file.write_text(text, encoding="utf-8")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(file.as_uri())
    wait_for(browser, ".panel h3", "trial")
    return size


def picture(browser: Any, size: dict[str, Any], name: str) -> None:
    """The whole page, however long."""
    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size | {"height": height})
    browser.save_screenshot(str(PICTURES / name))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "width"), [("desktop", 1280), ("phone", 390)])
def test_one_study(browser: Any, tmp_path: Path, device: str, width: int, scheme: str) -> None:
    size = opened(browser, tmp_path, ["one"], width, scheme)
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    for box in browser.find_elements("css selector", ".figure"):
        drawn = box.find_element("css selector", ".main-svg").rect
        assert drawn["x"] >= 0
        assert drawn["x"] + drawn["width"] <= width

    # Nothing of the legend lies on the axis' title, and every drawing fits.
    title = browser.find_element("css selector", "#figure_pareto0 .xtitle").rect
    legend = browser.find_element("css selector", "#figure_pareto0 .legend").rect
    assert title["y"] + title["height"] <= legend["y"] + 2
    for drawing in browser.find_elements("css selector", "svg.network"):
        assert drawing.rect["x"] + drawing.rect["width"] <= width

    # Names stand within the figure, that of the canonical network once.
    names = browser.find_elements("css selector", "#figure_pareto0 .annotation-text")
    assert [name.text for name in names].count("SqueezeNet v1.0") == 1
    assert all(0 <= name.rect["x"] <= name.rect["x"] + name.rect["width"] <= width for name in names)

    ground = luminance(browser, "body", "backgroundColor")
    assert (ground < 0.2) == (scheme == "dark")
    for selector, style in (
        ("body", "color"),
        ("#figure_pareto0 .xtick text", "fill"),
        ("svg.network text", "fill"),
        (".command", "color"),
    ):
        assert abs(luminance(browser, selector, style) - ground) > 0.5, selector
    picture(browser, size, f"report_{device}_{scheme}.png")


def test_a_click_shows_the_network(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.ui import Select

    opened(browser, tmp_path, ["one"], 1280, "light")
    panel = browser.find_element("css selector", ".panel")
    first = panel.find_element("css selector", "h3").text

    # On a point: that of the smallest network on the front, which stands alone.
    mark_id, *place = browser.execute_script(
        "const box = document.getElementById('figure_pareto0');"
        "const trace = box._fullData.find(each => each.name === 'Pareto front');"
        "const area = box.getBoundingClientRect(), {xaxis, yaxis} = box._fullLayout;"
        "return [trace.ids[0], area.x + xaxis._offset + xaxis.d2p(trace.x[0]), "
        "area.y + yaxis._offset + yaxis.d2p(trace.y[0])];"
    )
    clicked = mark_id.partition("|")[2]
    browser.execute_script("window.scrollTo(0, 0)")
    pointer = ActionChains(browser)
    pointer.w3c_actions.pointer_action.move_to_location(*map(round, place))
    pointer.pause(0.5).click().perform()
    assert first != wait_for(browser, ".panel h3", f"trial {clicked}:").text
    assert f"python -m explorer.retrain {clicked} study=one" in panel.text
    assert panel.find_elements("css selector", "svg.network title")
    assert panel.find_elements("css selector", ".curve polyline")

    # In the table, and by the list: a network that was stopped has its layers, and no command.
    row = browser.find_elements("css selector", "button.trial")[3]
    number = row.text
    browser.execute_script("arguments[0].click()", row)
    assert panel.find_element("css selector", "h3").text.startswith(f"trial {number}:")
    Select(panel.find_element("css selector", "select")).select_by_value("12")
    assert "stopped at epoch 5 of 20" in panel.text
    assert "python -m explorer.retrain" not in panel.text
    assert "conv10" in panel.find_element("css selector", "table").text


def test_two_studies(browser: Any, tmp_path: Path) -> None:
    size = opened(browser, tmp_path, ["one", "other"], 1280, "light")
    assert not [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert len(browser.find_elements("css selector", ".panel h3")) == 2
    legend = browser.find_element("css selector", "#figure_both .legend").text
    assert "one: front" in legend
    assert "other: front" in legend
    picture(browser, size, "report_two.png")


def test_on_paper(browser: Any, tmp_path: Path) -> None:
    import base64

    opened(browser, tmp_path, ["one"], 1280, "dark")
    done = browser.execute_cdp_cmd(
        "Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
    )
    paper = base64.b64decode(done["data"])
    (PICTURES / "report.pdf").write_bytes(paper)
    assert paper.startswith(b"%PDF")
    assert 3 <= paper.count(b"/Type /Page\n") <= 15
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": []})
    assert luminance(browser, "body", "backgroundColor") > 0.9
    assert luminance(browser, "svg.network text", "fill") < 0.3


def test_mlflows_description_leads_to_the_runs(browser: Any, tmp_path: Path) -> None:
    record = finished_study(40)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    mirror(record, uri)
    client = connect(uri)
    experiment = client.get_experiment_by_name(record.name).experiment_id
    runs = client.search_runs([experiment])
    parent = next(run.info.run_id for run in runs if "mlflow.parentRunId" not in run.data.tags)
    child = next(run for run in runs if run.data.tags.get("trial") == "36")
    with server(tmp_path, free_port()) as address:
        browser.get(address)
        browser.execute_script(PREFERENCES)
        browser.get(f"{address}/#/experiments/{experiment}/runs/{parent}")
        described = wait_for(browser, "li", "0.76x the parameters")
        assert "within the error" in described.text
        browser.save_screenshot(str(PICTURES / "mlflow_description.png"))
        address_of_child = described.find_element("css selector", "a").get_attribute("href")
        assert address_of_child.endswith(f"#/experiments/{experiment}/runs/{child.info.run_id}")
        browser.get(address_of_child)
        wait_for(browser, "h1, h2, h3, span", child.info.run_name)
        browser.get(f"{address}/#/experiments/{experiment}/runs/{parent}/artifacts/search.html")
        browser.switch_to.frame(wait_for(browser, "iframe"))
        wait_for(browser, "#figure_parallel_0 .main-svg")
        browser.switch_to.default_content()
        browser.save_screenshot(str(PICTURES / "mlflow_search.png"))


@pytest.mark.parametrize("file", STYLES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_rule_of_a_style_sheet_is_understood(browser: Any, file: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert text.count("{") == text.count("}")
    rules = [(selector.strip(), block) for selector, block in re.findall(r"([^{};]*)\{([^{}]*)\}", text)]
    assert rules
    browser.get("about:blank")
    wrong = browser.execute_script(
        """
        const wrong = [];
        for (const [selector, block] of arguments[0]) {
          try { document.querySelector(selector); } catch { wrong.push(selector); }
          for (const declaration of block.split(';').map(one => one.trim()).filter(one => one)) {
            const [, name, value] = declaration.match(/^([^:]*):(.*)$/s) || [null, declaration, ''];
            if (!CSS.supports(name.trim(), value.replace('!important', '').trim())) wrong.push(declaration);
          }
        }
        return wrong;
        """,
        rules,
    )
    assert wrong == []
