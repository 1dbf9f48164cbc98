"""What must not depend on how many trials there are: checked against what it replaces, never against a clock."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from optuna.storages import RDBStorage
from sqlalchemy import event

from benchmarks import simulated
from benchmarks.scale import controller
from explorer.arch import cost, totals
from explorer.cli.config import load_space, space_files
from explorer.plots import front
from explorer.plots.markers import MOST
from explorer.results.budget import Budget
from explorer.results.pareto import GrowingHypervolume, front_trials, hypervolume
from explorer.results.reading import read_trial
from explorer.storage.patient import open_storage
from explorer.storage.study_store import StudyStore
from explorer.study.loop import Rows
from tests.support.sample import study, trial

EXTRA = {"architecture": "{}", "seeds": [0], "uniform": False}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study of 40 trials in an SQLite file, all but two of them copied there."""
    simulated.fill(tmp_path / "study.db", 40)
    return tmp_path / "study.db"


@pytest.mark.slow
def test_a_study_is_read_as_optuna_reads_it(path: Path) -> None:
    store = simulated.opened(path)
    store.create(None, {"anchor": "squeezenet_v1_0", "identity": "x", "params": 1, "bytes": 4, "macs": 1} | EXTRA)
    store.release()
    bulk = store.storage.get_all_trials(store.study_id)
    plain = RDBStorage(f"sqlite:///{path}").get_all_trials(store.study_id)
    assert bulk == plain
    assert [list(one.params) for one in bulk] == [list(one.params) for one in plain]
    assert {one.state.name for one in bulk} == {"COMPLETE", "PRUNED", "RUNNING"}


@pytest.mark.slow
@pytest.mark.parametrize("queries", range(6))
def test_a_trial_made_while_its_study_is_read_is_whole_or_absent(path: Path, queries: int) -> None:
    store, sent = simulated.opened(path), []
    reader = open_storage(f"sqlite:///{path}")
    (own,) = reader.get_all_studies()

    @event.listens_for(reader.engine, "before_cursor_execute")
    def create(*_: object) -> None:
        if len(sent) == queries:
            sent.append("")
            store.create(
                None, {"anchor": "squeezenet_v1_0", "identity": "x", "params": 1, "bytes": 4, "macs": 1} | EXTRA
            )
            store.flush()
        sent.append("")

    trials = [read_trial(trial) for trial in reader.get_all_trials(own._study_id)]
    store.release()
    assert len(trials) == (41 if queries == 0 else 40)
    assert len(sent) > queries


@pytest.mark.slow
def test_what_is_spent_is_kept_up(path: Path) -> None:
    store: StudyStore = simulated.opened(path)
    number = store.create(None, {"anchor": None, "identity": "y", "params": 1, "bytes": 4, "macs": 1} | EXTRA).number
    for epochs in (2, 4, 8):
        store.save_curve(number, 0, simulated.curve(1000, "y", epochs), "cpu", devices=2)
    store.release()
    everything = store.trials.values()
    assert store.spent.epochs == sum(len(curve) for one in everything for curve in one.curves)
    assert store.spent.device_seconds == pytest.approx(sum(one.seconds * one.devices for one in everything))
    assert simulated.opened(path).spent.epochs == store.spent.epochs


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(space_files()))
def test_totals_are_the_costs(name: str) -> None:
    space, rng = load_space(name), Random(name)
    for _ in range(30):
        network = space.architecture(space.sample(rng), (3, 32, 32), 10)
        whole = cost(network)
        for _ in range(2):  # counted, then looked up
            assert (totals(network).params, totals(network).macs) == (whole.params, whole.macs)
        assert totals(network).bytes == whole.bytes


@example([(number, number / 60) for number in range(60)], 60, 0)  # the arrays have doubled twice
@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 1)), max_size=80), st.integers(-1, 60), st.integers(0, 60))
def test_rows_are_those_of_a_dictionary(put: list[tuple[int, float]], last: int, without: int) -> None:
    rows, oracle = Rows(2), dict[int, tuple[float, float]]()
    for number, value in put:
        rows.put(number, (number, value))
        oracle[number] = (number, value)
    everything = [list(row) for number, row in oracle.items() if number != without]
    assert rows.of(None, without).tolist() == everything
    assert rows.of(last, without).tolist() == [row for row in everything if row[0] <= last]


@given(st.lists(st.tuples(st.integers(1, 50).map(float), st.integers(0, 20).map(lambda a: a / 20)), max_size=40))
def test_what_is_covered_is_the_hypervolume_of_all(points: list[tuple[float, float]]) -> None:
    covered = GrowingHypervolume((60.0, 0.0))
    for count, point in enumerate(points, start=1):
        assert covered.add(point) == pytest.approx(hypervolume(points[:count], (60.0, 0.0)))


@pytest.mark.slow
@pytest.mark.parametrize(("stopped", "shown"), [(0, 0), (50, 50), (700, None)])
def test_a_figure_shows_the_front_and_a_bounded_part_of_the_rest(stopped: int, shown: int | None) -> None:
    anchor = trial(0, anchor="squeezenet_v1_0", accuracy=0.5)
    rest = [trial(i % 200 + 1, accuracy=0.3 + 1e-5 * i) for i in range(MOST + 500)]
    rest += [trial(i % 200 + 1, accuracy=0.2, state="PRUNED", epochs=2) for i in range(stopped)]
    numbered = [replace(one, number=i) for i, one in enumerate([anchor, *rest])]
    record = study(numbered)
    info = front.info(record)
    expected = {one.number for one in front_trials(record)}
    assert {marker.trial for marker in info.markers if marker.on_front} == expected
    assert len(info.markers) == MOST
    assert info.markers[0].anchor
    assert info.networks == MOST + 501 + stopped
    others = sum(not (marker.on_front or marker.anchor) for marker in info.markers)
    assert sum(marker.stopped for marker in info.markers) == (others // 2 if shown is None else shown)
    left_out = info.networks - len(info.markers)
    assert f"{left_out:,} of the others left out" in json.dumps(front.figure(info).to_plotly_json()["layout"]["title"])


@pytest.mark.slow
def test_a_simulated_search_keeps_its_workers_busy_and_ends(path: Path) -> None:
    store = simulated.opened(path)
    launcher = simulated.Simulated(8, 0.02)
    at_work = controller(store, launcher, path.parent)
    at_work.budget = Budget(len(store.trials) + 12)
    seen: list[int] = []
    at_work.run(lambda record: None, lambda now: seen.append(len(now.record.trials)))
    launcher.close()
    ended = [one for one in at_work.record.trials if one.state in ("COMPLETE", "PRUNED")]
    assert len(ended) >= 50
    assert seen[-1] == len(at_work.record.trials)
    assert np.isfinite([one.accuracy for one in ended]).all()
    assert len({one.identity for one in at_work.record.trials}) == len(at_work.record.trials)
