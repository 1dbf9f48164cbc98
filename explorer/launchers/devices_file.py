"""The devices of a search that runs, changed from outside by a file in its folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from explorer.launchers import Launcher, LauncherError
from explorer.launchers.local import LocalLauncher, check_devices

NAME = "devices.json"


def write(folder: Path, devices: list[int | str]) -> None:
    """Asks the search that is at work in a folder to train on these devices.

    Raises:
        LauncherError: if one of them is not there.
    """
    check_devices(devices)
    new = folder / f"{NAME}.new"
    new.write_text(json.dumps(devices), encoding="utf-8")
    new.replace(folder / NAME)


class DevicesFile:
    """Watches the file.

    Args:
        folder: of the search.
        launcher: whose devices change.
    """

    def __init__(self, folder: Path, launcher: Launcher) -> None:
        self.file, self.launcher = folder / NAME, launcher
        self.file.unlink(missing_ok=True)  # of an earlier search

    def look(self) -> None:
        """Takes over what the file says, if somebody has written one."""
        if not self.file.exists():
            return
        try:
            devices = json.loads(self.file.read_text(encoding="utf-8"))
            self.file.unlink()
            if not isinstance(self.launcher, LocalLauncher):
                raise LauncherError("only launcher=local can change its devices")
            self.launcher.use(devices)
        except (LauncherError, OSError, ValueError) as error:
            print(f"{self.file}: {error}; the search goes on as before", file=sys.stderr, flush=True)
