"""How the costs of a search grow with its trials: python -m benchmarks.scale. No training, made-up accuracies.

    ask and tell       the default sampler and stopping rule on 12 parameters, 2 objectives
    a result           a real controller on SQLite: store, decide, ask, create, for a result of one of 64 workers
    resume             the study of an SQLite file opened, the sampler told
    mirror             MLflow on SQLite: the run of one more trial, the study's run and its figure
    figure             front and figure drawn anew
    memory             of the process after the study is open

Mirror, figure and a result in CPU time, the others on the wall clock; resume in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks import simulated
from benchmarks.row import Row, versus, within
from explorer.results.budget import Budget
from explorer.samplers import Candidate, Proposal, Proposer
from explorer.samplers.distributions import distributions, from_distributions
from explorer.space.domain import Domain
from explorer.storage.study_store import StudyStore
from explorer.study import stopping
from explorer.study.controller import Controller
from explorer.study.loop import Loop

COMMAND = "python -m benchmarks.scale"
TRIALS = (100, 1_000, 10_000)
SLOTS, RATE = 64, 10.0


def twelve() -> Domain:
    """Eight whole numbers, two choices, two floats."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    whole = {f"x{i}": IntDistribution(0, 15) for i in range(8)}
    choices = {f"c{i}": CategoricalDistribution([0, 1, 2]) for i in range(2)}
    return from_distributions(whole | choices | {f"f{i}": FloatDistribution(0, 1) for i in range(2)})


def size(params: Any) -> float:
    """Between 1,000 and a million."""
    return float(10 ** (3 + 3 * sum(params[f"x{i}"] for i in range(8)) / 120))


def accuracy(params: Any) -> float:
    """The larger the better, and the better chosen."""
    return 0.5 + 0.4 * math.log10(size(params)) / 6 - 0.1 * abs(params["f0"] - 0.3) + 0.05 * (params["c0"] == 1)


def ask_and_tell(trials: int, repeats: int) -> list[float]:
    """Milliseconds of an ask, a decision at a rung and a tell, at so many trials."""
    domain, rng, epochs = twelve(), Random(0), simulated.EPOCHS
    proposer = Proposer(domain, {"name": "front"}, 0, uniform=0.05)
    loop, spent = Loop(proposer, stopping.make({"name": "pareto"}), epochs), []

    def end(number: int, own: float, of: float) -> None:
        curve = [of * (1 - 0.5 / epoch) for epoch in range(1, epochs + 1)]
        state = "PRUNED" if number % 3 else "COMPLETE"
        loop.end(number, state, (own,), curve[: simulated.RUNG] if number % 3 else curve)

    for number in range(trials):
        point = domain.sample(rng)
        loop.add(number, Proposal(point, distributions(domain, point)), (size(point),), ())
        end(number, size(point), accuracy(point))
    ask = partial(loop.ask, candidate=lambda params: Candidate(params, (size(params),)), taken=lambda candidate: False)
    ask(trials)  # it is told all that went before
    for number in range(trials + 1, trials + 1 + repeats):
        begun = time.perf_counter()
        chosen = ask(number)
        assert chosen is not None
        (own,), reached = chosen[1].sizes, accuracy(chosen[1].params)
        state = loop.settle(number, (own,), [reached * (1 - 0.5 / epoch) for epoch in range(1, simulated.RUNG + 1)])
        if state == "RUNNING":
            end(number, own, reached)
        spent.append(1000 * (time.perf_counter() - begun))
    return spent


def controller(store: StudyStore, launcher: simulated.Simulated, folder: Path) -> Controller:
    """As `explorer.search` makes it."""
    space = simulated.space()
    proposer = Proposer(space, {"name": "front"}, 0, uniform=0.05)
    rule = stopping.make({"name": "pareto"})
    return Controller(store, space, proposer, rule, launcher, Budget(10**9), folder / "runs")


def resume(path: Path) -> tuple[float, float]:
    """Seconds until a study is open and ready to go on, and megabytes of the process then."""
    begun = time.perf_counter()
    store = simulated.opened(path)
    controller(store, simulated.Simulated(1, 1.0), path.parent)
    took = time.perf_counter() - begun
    store.release()
    return took, _peak_megabytes()


def _peak_megabytes() -> float:
    """The most memory that this process has had; Linux counts in ru_maxrss what the process that started it had."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def workers(path: Path, seconds: float) -> tuple[float, float, float]:
    """64 workers that give RATE results a second between them.

    Returns:
        The share of the time in which they were busy once all had begun; results a second; milliseconds of CPU a
        result.
    """
    store = simulated.opened(path)
    launcher = simulated.Simulated(SLOTS, SLOTS / RATE)
    at_work = controller(store, launcher, path.parent)
    marks: list[tuple[float, float, float, int]] = []

    def seen(_: Controller) -> None:
        now = time.monotonic()
        if len(at_work.in_flight) >= SLOTS - 1 or marks:
            marks.append((now, launcher.idle_seconds(now), time.process_time(), launcher.results))
        if marks and now - marks[0][0] > seconds:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        at_work.run(lambda record: None, seen)
    launcher.close()
    (t0, idle0, cpu0, n0), (t1, idle1, cpu1, n1) = marks[0], marks[-1]
    done = max(n1 - n0, 1)
    return 1 - (idle1 - idle0) / (SLOTS * (t1 - t0)), done / (t1 - t0), 1000 * (cpu1 - cpu0) / done


def mirror(path: Path, folder: Path, repeats: int) -> list[float]:
    """Milliseconds to bring one more trial, the front and its figure into MLflow."""
    from explorer.tracking.mirror import open_mirror

    store = simulated.opened(path)
    store.release()
    record = store.record
    early, late = record.trials[:-repeats], record.trials[-repeats:]
    uri = f"sqlite:///{folder}/mlflow.db"
    first = open_mirror(uri, replace(record, trials=early[:2]))
    first.sync(replace(record, trials=early[:2]), ended=False)
    simulated.copy_runs(folder / "mlflow.db", [first.run_of(0), first.run_of(1)], early[2:])
    mirrored = open_mirror(uri, replace(record, trials=early))
    mirrored.sync(replace(record, trials=early), ended=False)
    spent: list[float] = []
    for count in range(1, repeats + 1):
        now = replace(record, trials=early + late[:count])
        begun = time.process_time()
        mirrored.sync(now, ended=False)
        spent.append(1000 * (time.process_time() - begun))
    return spent


def figure(path: Path, repeats: int) -> list[float]:
    """Milliseconds to take the front with one more trial and draw its figure."""
    from explorer.plots import front
    from explorer.results.trial_index import TrialIndex

    store = simulated.opened(path)
    store.release()
    record, spent = store.record, list[float]()
    index = TrialIndex(replace(record, trials=record.trials[:-repeats]))
    front.html(front.figure(front.info(record, index)))  # imports what it needs
    for count in reversed(range(repeats)):
        now = replace(record, trials=record.trials[: len(record.trials) - count])
        begun = time.process_time()
        index.update(now)
        front.html(front.figure(front.info(now, index)))
        spent.append(1000 * (time.process_time() - begun))
    return spent


def _fresh(measure: Callable[[Path], tuple[float, float]], path: Path) -> tuple[float, float]:
    """Measured in a process of its own, whose memory holds nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(measure, path).result()


def measured(counts: tuple[int, ...], quick: bool = False) -> dict[str, dict[int, Any]]:
    """Every cost at every number of trials."""
    repeats = 3 if quick else 10
    found: dict[str, dict[int, Any]] = {}

    def note(name: str, count: int, measure: Callable[[], Any]) -> None:
        found.setdefault(name, {})[count] = measure()
        print(f"{name} at {count:,} trials", file=sys.stderr)

    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for count in counts:
            own = folder / str(count)
            own.mkdir()
            path = own / "study.db"
            simulated.fill(path, count)
            note("ask and tell", count, lambda count=count: ask_and_tell(count, 20 if quick else 200))
            note("resume", count, lambda path=path: [_fresh(resume, path) for _ in range(1 if quick else 3)])
            note("figure", count, lambda path=path: figure(path, repeats))
            note("mirror", count, lambda path=path, own=own: mirror(path, own, repeats))
            note("workers", count, lambda path=path: workers(path, 3.0 if quick else 20.0))
    return found


def rows(quick: bool) -> list[Row]:
    """For the table of `make bench`: the largest study against the one a tenth of its size, or against a limit."""
    counts = (30, 100) if quick else TRIALS
    found = measured(counts, quick)
    small, large = counts[-2:]
    device = "cpu (1 thread)"

    def p99(values: list[float]) -> float:
        return sorted(values)[math.ceil(0.99 * len(values)) - 1]

    def grown(name: str, against: int, least: float) -> Row:
        ours, peer = found[name][large], found[name][against]
        title = f"{name}, one more of {large:,}"
        return versus(title, f"of {against:,}", ours, peer, "ms", device, COMMAND, bar=1 / least)

    asks = found["ask and tell"]
    return [
        within(
            f"ask and tell at {large:,} trials, median", [statistics.median(asks[large])], 50, "ms", device, COMMAND
        ),
        within(f"ask and tell at {large:,} trials, p99", [p99(asks[large])], 50, "ms", device, COMMAND),
        grown("ask and tell", small, 1.5),
        within(f"resume of {large:,} trials", [took for took, _ in found["resume"][large]], 3, "s", device, COMMAND),
        within(
            f"memory, {large:,} trials open", [size for _, size in found["resume"][large]], 300, "MB", device, COMMAND
        ),
        grown("mirror", counts[0], 1.2),
        grown("figure", small, 1.0),
        within(
            f"{SLOTS} workers at {RATE:g} results/s and {large:,} trials: busy",
            [found["workers"][large][0]],
            0.95,
            "of their time",
            device,
            COMMAND,
            less=False,
        ),
    ]


def main() -> None:
    """Prints every cost; draws them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=list(TRIALS))
    parser.add_argument("--json", type=Path, help="write what was measured here")
    parser.add_argument("--figure", type=Path, help="draw it here, a .png")
    arguments = parser.parse_args()
    found = measured(tuple(arguments.trials))
    if arguments.json:
        arguments.json.write_text(json.dumps(found))
    print("| trials | ask and tell | p99 | resume | memory | mirror one more | figure | workers busy | CPU a result |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for count in arguments.trials:
        asks, resumes = found["ask and tell"][count], found["resume"][count]
        busy, rate, cpu = found["workers"][count]
        cells = [
            f"{count:,}",
            f"{statistics.median(asks):.1f} ms",
            f"{sorted(asks)[math.ceil(0.99 * len(asks)) - 1]:.1f} ms",
            f"{statistics.median(took for took, _ in resumes):.2f} s",
            f"{resumes[-1][1]:,.0f} MB",
            f"{statistics.median(found['mirror'][count]):.0f} ms",
            f"{statistics.median(found['figure'][count]):.0f} ms",
            f"{busy:.1%} at {rate:.1f}/s",
            f"{cpu:.1f} ms",
        ]
        print(f"| {' | '.join(cells)} |")
    if arguments.figure:
        draw(found, arguments.figure)


def draw(found: dict[str, dict[int, Any]], path: Path) -> None:
    """Each cost over the number of trials, both axes logarithmic."""
    import plotly.graph_objects as go

    from benchmarks.picture import png
    from explorer.plots.style import AXIS, BLUE, FONT, GREEN, GREY, INK, VERMILLION

    middle = statistics.median
    lines = {
        "resume": (GREY, {n: 1000 * middle(t for t, _ in v) for n, v in found["resume"].items()}),
        "mirror one more trial": (GREEN, {n: middle(v) for n, v in found["mirror"].items()}),
        "front and figure": ("#8c6bb1", {n: middle(v) for n, v in found["figure"].items()}),
        "ask and tell": (BLUE, {n: middle(v) for n, v in found["ask and tell"].items()}),
        "a result, CPU of the controller": (VERMILLION, {n: v[2] for n, v in found["workers"].items()}),
    }
    figure = go.Figure()
    for name, (color, line) in lines.items():
        figure.add_scatter(x=[*line], y=[*line.values()], name=name, mode="lines+markers", line={"color": color})
    figure.update_xaxes(**AXIS, type="log", title_text="trials in the study", dtick=1)
    figure.update_yaxes(**AXIS, type="log", title_text="milliseconds", dtick=1)
    figure.update_layout(font={"family": FONT, "size": 14, "color": INK}, plot_bgcolor="#fff", width=900, height=520)
    png(figure, path)


if __name__ == "__main__":
    main()
