"""Where sockets lie. What cannot be made short is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from explorer.data.sockets import SocketError, place_sockets


def test_no_short_place_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = str(tmp_path / ("long" * 25))
    monkeypatch.setattr("tempfile.tempdir", long)
    monkeypatch.setattr("multiprocessing.util.get_temp_dir", lambda: f"{long}/pymp-01234567")
    with pytest.raises(SocketError, match="too long for the path of a socket"):
        place_sockets()


CODE = """
import sys
from explorer.data import load
data = load({"name": "image_folder", "dir": sys.argv[1], "side": 8, "crop": 8, "workers": 2})
print(sum(len(labels) for _, labels in data.val_dataloader()))
"""


@pytest.mark.slow
def test_images_are_read_by_workers_where_tmpdir_is_long(tmp_path: Path) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (8, 8), (i, i, i)).save(tmp_path / "photos" / name / f"{i}.png")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "photos")],
        env=os.environ | {"TMPDIR": str(long)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "4", done.stderr
