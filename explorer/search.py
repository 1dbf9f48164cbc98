"""python -m explorer.search +space=NAME: searches a design space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.console import Console

    from explorer.launchers import Launcher
    from explorer.study.controller import Controller
    from explorer.study.options import SearchOptions


LIST = "list"
"""The board that shows the boards."""


def main(config: DictConfig) -> int:
    """Runs the command; returns its exit code."""
    from explorer import launchers
    from explorer.arch.tflite import board as boards
    from explorer.arch.tflite.board import listing
    from explorer.cli.config import known_boards
    from explorer.cli.console import open_console
    from explorer.cli.search_options import read
    from explorer.storage.lock import BusyError, sole_controller
    from explorer.storage.stopping import stop_on_signals
    from explorer.tracking.address import check_uri

    if (config.get("board") or {}).get("name") == LIST:
        print(listing({name: boards.read(board) for name, board in known_boards().items() if name != LIST}))
        return 0
    options = read(config)
    check_uri(options.tracking)
    launcher = launchers.make(options.launcher)
    console = open_console()
    stop_on_signals()
    try:
        with sole_controller(options.folder), closing(launcher):
            return search(options, launcher, console)
    except BusyError:
        points = [each for each in options.tries if not isinstance(each, str)]
        if not points or len(points) < len(options.tries):
            raise
        return enqueue(options, points)


def enqueue(options: SearchOptions, points: Sequence[Mapping[str, Any]]) -> int:
    """Hands points to the search that is at work on the study."""
    from explorer.storage import requests

    for point in points:
        number = requests.enqueue(options.storage, options.study, point)
        print(f"try: the search at work on study {options.study} trains it next, as trial {number}")
    return 0


def search(options: SearchOptions, launcher: Launcher, console: Console) -> int:
    """Searches, then shows the front and how to look at it; returns the exit code."""
    launcher.warm_up()  # importing what training needs takes seconds, so it begins before our own imports
    from explorer.cli.progress import counting, working

    with counting("starting the workers, reading the data", "pictures") as counted:
        from explorer.study.latencies import in_words as latency_words
        from explorer.study.setup import controller as make_controller
        from explorer.tracking import Tracker
        from explorer.training.precision import in_words

        controller = make_controller(options, launcher, counted)
        tracker = Tracker(options.tracking, lambda line: console.print(line, style="yellow", highlight=False))
    if controller.record.facts.get("summary"):
        console.print(controller.record.facts["summary"], highlight=False, markup=False)
    if "precision" in controller.record.facts:
        console.print(in_words(controller.record.facts["precision"]), highlight=False, markup=False)
    if "latency" in controller.record.facts:
        console.print(latency_words(controller.record.facts["latency"]), highlight=False, markup=False)
    for line in controller.record.changes_in_words:
        console.print(line, style="yellow", highlight=False, markup=False, soft_wrap=True)
    from explorer.cli import search_summary
    from explorer.cli.live_view import LiveView
    from explorer.launchers.devices_file import DevicesFile
    from explorer.storage.stopping import INTERRUPTED
    from explorer.study.recovery import CommonError
    from explorer.tracking.address import where_to_look

    ending, code, devices = "", 0, DevicesFile(options.folder, launcher)
    try:
        with LiveView(console) as view:

            def seen(controller: Controller) -> None:
                devices.look()
                view(controller)

            controller.run(tracker.update, seen)
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
    if controller.ending == ending and "latency" in controller.record.facts:
        from explorer.study.latencies import TIMED, confirmed

        with counting("", TIMED) as counted:  # the workers are gone: nothing runs beside
            lines = confirmed(controller.record, options.latency_table, counted)
        for line in lines:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    search_summary.show(console, controller.record, ending, where_to_look(options.tracking, tracker.place))
    return code


if __name__ == "__main__":
    from explorer.cli.config import command

    command("search", main, added=("space",))
