"""python -m explorer.search +space=NAME: searches a design space."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.launchers import Launcher
    from explorer.study.options import SearchOptions


INTERRUPTED = 130


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer import launchers
    from explorer.cli.console import open_console
    from explorer.cli.search_options import read
    from explorer.storage.lock import sole_controller
    from explorer.tracking.address import check_uri

    options = read(config)
    check_uri(options.tracking)
    launcher = launchers.make(options.launcher)
    console = open_console()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    with sole_controller(options.folder), closing(launcher):
        return search(options, launcher, console)


def _stop(number: int, frame: object) -> None:
    """The first signal stops cleanly; a second one ends at once, and the workers end with their controller."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, frame: os._exit(INTERRUPTED))
    raise KeyboardInterrupt


def search(options: SearchOptions, launcher: Launcher, console: Console) -> int:
    """Searches, then shows the front and how to look at it; returns the exit code."""
    launcher.warm_up()  # importing what training needs takes seconds, so it begins before our own imports
    from explorer.cli.progress import counting, working

    with counting("starting the workers, reading the data", "pictures") as counted:
        from explorer.study.setup import controller as make_controller
        from explorer.tracking import Tracker

        controller = make_controller(options, launcher, counted)
        tracker = Tracker(options.tracking, lambda line: console.print(line, style="yellow", highlight=False))
    if controller.record.facts.get("summary"):
        console.print(controller.record.facts["summary"], highlight=False, markup=False)
    from explorer.cli import search_summary
    from explorer.cli.live_view import LiveView
    from explorer.study.recovery import CommonError
    from explorer.tracking.address import where_to_look

    ending, code = "", 0
    try:
        with LiveView(console) as view:
            controller.run(tracker.update, view)
        ending, code = controller.ending, int(search_summary.all_failed(controller.record))
    except KeyboardInterrupt:
        ending, code = "stopped; the same command goes on", INTERRUPTED
    except CommonError as error:
        ending, code = f"stopped: {error}; once that is put right, the same command goes on", 1
    finally:
        launcher.close()
        with working("completing MLflow", plain=False):
            tracker.update(controller.record)
            tracker.close(timeout=60)
    search_summary.show(console, controller.record, ending, where_to_look(options.tracking, tracker.place))
    return code


if __name__ == "__main__":
    from explorer.cli.config import command

    command("search", main, added=("space",))
