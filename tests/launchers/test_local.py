"""What is the local launcher's own: where its sockets lie."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, tempfile
from contextlib import closing
from multiprocessing import util
from explorer.launchers.local import LocalLauncher

with closing(LocalLauncher(["cpu"])) as launcher:
    folder = launcher.submit(0, util.get_temp_dir).result()
print(folder, tempfile.gettempdir())
"""


@pytest.mark.slow
def test_sockets_lie_in_a_short_place_where_tmpdir_is_long(tmp_path: Path) -> None:
    long = tmp_path / ("long" * 25)
    long.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=os.environ | {"TMPDIR": str(long)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder, temporary = done.stdout.split()
    assert len(folder) < 75
    assert temporary == str(long)
    assert not Path(folder).exists()
