"""Where sockets of `multiprocessing` lie: their paths are short by the system's rule, and TMPDIR may be long."""

from __future__ import annotations

import os
import tempfile
from multiprocessing import util

LONGEST = 103 - len("/listener-01234567")
"""Bytes that the path of multiprocessing's folder may have: a socket's has 103 on macOS, 107 on Linux."""


class SocketError(ValueError):
    """No folder is short enough."""


def place_sockets() -> None:
    """Has multiprocessing make its folder, in a short place if TMPDIR is long. Processes it starts inherit the folder.

    Raises:
        SocketError: if there is no place that is short enough.
    """
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) + len("/pymp-01234567") > LONGEST:
        tempfile.tempdir = next((place for place in ("/tmp", "/var/tmp") if os.access(place, os.W_OK | os.X_OK)), usual)
    try:
        folder = util.get_temp_dir()
    finally:
        tempfile.tempdir = usual
    if len(os.fsencode(folder)) > LONGEST:
        raise SocketError(
            f"TMPDIR is {usual}, too long for the path of a socket, and neither /tmp nor /var/tmp can be used"
        )
