"""A plotly figure as a picture, taken by a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any


def png(figure: Any, path: Path) -> None:
    """Takes a picture of a figure that has a width and a height; without a browser its page is left instead."""
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
    if browser is None:
        page = path.with_suffix(".html")
        figure.write_html(page, include_plotlyjs=True)
        print(f"no Chromium found, so {page} instead of {path.name}")
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        figure.write_html(page, include_plotlyjs=True, config={"displayModeBar": False})
        window = f"--window-size={figure.layout.width + 20},{figure.layout.height + 20}"
        flags = ["--headless", "--no-sandbox", "--hide-scrollbars", window, "--virtual-time-budget=4000"]
        subprocess.run(
            [browser, *flags, f"--screenshot={path.resolve()}", page.as_uri()], check=True, capture_output=True
        )
