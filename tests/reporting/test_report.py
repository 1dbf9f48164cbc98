"""The report: its numbers, its words, its page, its commands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from explorer.arch import cost
from explorer.cli.config import space_files
from explorer.plots import curves, history, parallel
from explorer.report import name_the_other
from explorer.reporting import page, presets
from explorer.reporting.baseline import best_trade_offs
from explorer.reporting.commands import GROUPS, Commands
from explorer.reporting.front_section import canonical
from explorer.reporting.network_details import details
from explorer.reporting.page import Subject
from explorer.results.record import StudyRecord
from explorer.results.spent import duration, spent, within
from tests.support import warm
from tests.support.reported import PRESETS, subject
from tests.support.sample import finished_study, study, trial

SCRIPTS = sorted(Path(page.__file__).parents[1].rglob("*.js"))


def report(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return warm.command("explorer.report", *arguments, cwd=cwd)


# Scripts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: str(file.name))
def test_the_syntax_of_a_script_is_right(file: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to check it")
    done = subprocess.run([node, "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# What it took ---------------------------------------------------------------------------------------------------------


def test_epochs_spent_and_saved() -> None:
    stopped = replace(trial(2, state="PRUNED", epochs=5, seeds=(0, 1)), reason="stopped at epoch 5 of 20")
    took = spent(study([trial(0, anchor="squeezenet_v1_0"), trial(1), stopped, trial(3, state="FAIL", epochs=3)]))
    assert (took.epochs, took.saved, took.lost) == (20 + 20 + 10 + 3, 2 * 15, 3)
    assert took.states == {"COMPLETE": 2, "PRUNED": 1, "FAIL": 1}
    assert (
        took.words()[1] == "30 epochs saved by stopping 1 trial early: 36 % of the 83 that full length would have taken"
    )
    assert "no epoch was saved" in spent(study([trial(1)])).words()[1]
    assert [duration(seconds) for seconds in (59.6, 600, 9_000)] == ["60 s", "10 min", "2.5 h"]


# Against SqueezeNet ---------------------------------------------------------------------------------------------------


def test_a_study_as_it_stood() -> None:
    whole = study([trial(0), trial(1, state="PRUNED", epochs=5), trial(2), trial(3, state="RUNNING", epochs=3)])
    ends = sorted(one.ended for one in whole.trials if one.ended)
    for epochs, left in ((4, 0), (25, 2), (44, 2), (45, 3), (1000, 3)):
        stood = within(whole, epochs)
        assert [one.ended for one in sorted(stood.trials, key=lambda one: one.ended)] == ends[:left]
        assert sum(spent(stood).states.values()) == left
        assert spent(stood).epochs <= epochs


@pytest.mark.slow
def test_two_studies_are_compared_after_as_many_epochs() -> None:
    long, short = finished_study(), replace(study([trial(0), trial(1)]), name="short")
    text = page.html([subject(long), subject(short)], {})
    assert f"Both after 40 epochs; what {long.name} found later is below." in text


def test_advantages_are_the_smallest_of_the_same_accuracy_and_the_best() -> None:
    anchor = trial(0, anchor="squeezenet_v1_0", accuracy=0.95)
    shares = {2: (0.10, 0.90), 3: (0.30, 0.94), 4: (0.50, 0.96), 5: (0.70, 0.999), 6: (2.0, 1.0)}
    others = [replace(trial(n, accuracy=a), params=int(s * anchor.params)) for n, (s, a) in shares.items()]
    found = best_trade_offs(study([anchor, *others]))
    assert [(one.trial.number, one.same) for one in found] == [(3, True), (4, True), (5, False)]
    assert "within the error" in found[0].words()
    assert found[2].words() == "more accurate at 0.70x the parameters (+4.9 ± 1.3 points)"
    assert best_trade_offs(study(others)) == []
    assert best_trade_offs(study([anchor, others[0]])) == []


# Figures --------------------------------------------------------------------------------------------------------------


def test_curves_of_stopped_trials_are_told_apart() -> None:
    record = finished_study(20)
    drawn = curves.info(record)
    assert [one.number for one in drawn.stopped] == [12]
    figure = curves.figure(drawn)
    by_name = {trace.name: trace for trace in figure.data}
    assert by_name["stopped early (x)"].line.dash == "dot"
    assert [value for value in by_name["stopped early (x)"].x if value] == [1, 2, 3, 4, 5]
    assert by_name["SqueezeNet v1.0"].y[19] == pytest.approx(0.981, abs=1e-4)
    assert sum(value is None for value in by_name["front"].x) == len(drawn.front)


@pytest.mark.slow
def test_many_curves_are_thinned_and_said() -> None:
    record = study([trial(n) for n in range(500)])
    drawn = curves.info(record)
    assert len(drawn.dominated) == curves.MOST
    assert drawn.left_out + len(drawn.dominated) + len(drawn.front) == 500


def test_history_counts_the_epochs_of_stopped_trials_too() -> None:
    record = study([trial(0), replace(trial(1, state="PRUNED", epochs=5), ended=trial(1).ended), trial(2)])
    (line,) = history.histories([record])
    assert line.epochs == (20, 45)
    assert line.volumes[1] >= line.volumes[0] > 0
    assert history.histories([study([])]) == ()


def test_two_histories_have_one_corner() -> None:
    small = study([trial(1)])
    large = replace(study([replace(trial(1), params=10 * trial(1).params)]), name="large")
    one, other = history.histories([small, large])
    assert one.volumes[0] > other.volumes[0]


def test_ticks_of_parallel_axes_are_beyond_their_ends_or_apart() -> None:
    networks = [replace(trial(n), metaparameters={"freq": value}) for n, value in enumerate((1, 2, 2.2, 3, 9), 2)]
    words = [note for note in parallel.figure(parallel.info(study(networks))).layout.annotations if note.x == 0]
    assert {(note.text, note.yanchor) for note in words if note.y in (0, 1)} == {("1", "top"), ("9", "bottom")}
    between = sorted(note.y for note in words if note.y not in (0, 1))
    assert len(between) == 2, "2.2 has no room beside 2"
    assert all(note.bgcolor for note in words if note.y in between)


def test_parallel_axes_hold_every_finished_network() -> None:
    record = finished_study(30)
    drawn = parallel.info(record)
    networks = [one for one in record.finished if one.metaparameters]
    assert [axis.name for axis in drawn.axes] == [*networks[0].metaparameters, "params", "val_acc"]
    assert sorted(i for _, members in drawn.shares for i in members) == list(range(len(networks)))
    assert all(0 <= place <= 1 for axis in drawn.axes for place in axis.places if place is not None)
    freq = next(axis for axis in drawn.axes if axis.name == "freq")
    assert [words for _, words in freq.ticks] == ["1", "2", "3", "4"]
    mixed = replace(networks[0], metaparameters={"bypass": "simple", "flag": True})
    words = parallel.info(study([mixed, replace(networks[1], metaparameters={"bypass": "none"})]))
    assert {axis.name: axis.places for axis in words.axes[:2]} == {"bypass": (0.0, 1.0), "flag": (0.0, None)}


# Commands -------------------------------------------------------------------------------------------------------------


def searched(record: StudyRecord) -> list[str]:
    """The words of the search command."""
    how = subject(record).commands
    return shlex.split(next(line for what, line in how.steps if what == "the search"))


def real_config(**changes: Any) -> dict[str, Any]:
    spaces = presets.spaces(space_files())
    names = {"data": "digits", "recipe": "fast", "sampler": "front", "stopping": "pareto"}
    settings = {group: dict(PRESETS[group][name]) for group, name in names.items()}
    return {"space": spaces["fire_micro"], "epochs": 16, "seed": 0, "seeds": 1, "uniform": 0.05, **settings, **changes}


def test_the_search_command_is_the_shortest_that_says_it() -> None:
    record = replace(study([trial(1)], "fire_micro"), config=real_config())
    assert searched(record) == ["python", "-m", "explorer.search", "+space=fire_micro", "n_trials=1"]
    recipe = {**PRESETS["recipe"]["fast"], "lr": 0.01, "extra": "x y", "phases": None}
    del recipe["clip"]
    record = replace(
        record, name="mine", config=real_config(recipe=recipe, sampler={"name": "random"}, seed=3, epochs=2)
    )
    words = searched(record)
    assert {"study=mine", "sampler=random", "seed=3", "epochs=2", "recipe.lr=0.01", "~recipe.clip"} <= set(words)
    assert '+recipe.extra="x y"' in words


@pytest.mark.slow
def test_the_search_command_composes_to_the_studys_config(tmp_path: Path) -> None:
    """Hydra itself reads the words back, a space of its own in a file beside them."""
    recipe = {**PRESETS["recipe"]["dsd"], "lr": 0.01, "batch_size": 16}
    space = {**presets.spaces(space_files())["fire_micro"], "limits": {"params": 50_000}}
    config = real_config(recipe=recipe, space=space, stopping={"name": "none", "rung": 4}, seeds=2, epochs=5)
    config |= {"metric": "own.scores:Kappa", "size": "0.5*params/1e6 + 0.5*macs/1e8"}
    record = replace(study([trial(1)], "own"), config=config)
    how = subject(record).commands
    assert how.space
    assert dict(how.steps)["the smallest within one point of it"].endswith(" study=own 'metric=\"own.scores:Kappa\"'")
    seen = subject(record.by_size("macs")).commands
    assert seen.steps[-1][1].endswith(" study=own size=macs")
    assert {step for step in how.steps if "search" in step[1]} == {step for step in seen.steps if "search" in step[1]}
    (tmp_path / "own_space.yaml").write_text(how.space)
    code = (
        "import json; from explorer.cli import config, search_options; "
        "shown = lambda c: print(json.dumps(search_options.read(c).config, default=str)) or 0; "
        "config.command('search', shown, added=('space',))"
    )
    words = searched(record)[3:]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    for key in ("space", *GROUPS, "metric", "size", "epochs", "seed", "seeds", "uniform"):
        assert found[key] == json.loads(json.dumps(config[key])), key


def test_a_second_bare_word_is_the_other_study() -> None:
    assert name_the_other(["one", "two", "output=x"]) == ["one", "other=two", "output=x"]
    assert name_the_other(["--config-dir", "here", "one"]) == ["--config-dir", "here", "one"]
    assert name_the_other(["one", "text=true"]) == ["one", "text=true"]


# The page -------------------------------------------------------------------------------------------------------------


def embedded(text: str) -> dict[str, Any]:
    found = re.search(r"<script>const details = (\{.*?\});\n", text, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


@pytest.mark.slow
def test_the_page_is_one_file_of_its_own() -> None:
    record = finished_study(30)
    text = page.html([subject(record)], {"explorer": "1", "python": "3"})
    assert len(text.encode()) < 8e6
    assert text.count("plotly.js v") <= 2  # once, in its own comment
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
    assert embedded(text).keys() == {"0"}
    assert text == page.html([subject(record)], {"explorer": "1", "python": "3"})
    for fact in (
        "15 saved by stopping",
        "cb17646",
        "python -m explorer.retrain best",
        "torch 2.14.1",
        "1 trial failed",
    ):
        assert fact in text


def test_a_click_finds_every_network_that_is_drawn() -> None:
    record = finished_study(30)
    found = details(record, "study=x")
    assert sorted(map(int, found)) == [one.number for one in record.trials if one.accuracy is not None]
    one = found["15"]
    assert one["command"] == "python -m explorer.retrain 15 study=x"
    assert len(one["curves"]) == 3
    assert sum(int(row[3].replace(",", "")) for row in one["layers"]) == record.trials[15].params
    assert found["12"]["command"] == ""
    assert "stopped at epoch 5 of 20" in found["12"]["facts"][0][1]


def test_details_stay_within_their_room_and_keep_the_front() -> None:
    record = finished_study(30)
    whole = details(record, "")
    some = details(record, "", room=len(json.dumps(whole)) // 2)
    assert 0 < len(some) < len(whole)
    assert list(some) == list(whole)[: len(some)]
    assert len(json.dumps(some)) <= len(json.dumps(whole)) // 2 + 100 * len(some)


def test_names_cannot_break_out_of_the_page() -> None:
    evil = replace(trial(1), reason="</script><b>x", device="<i>gpu</i>")
    record = replace(study([evil]), name="<u>me</u>")
    text = page.html([Subject(record, "study=x", Commands(()))], {})
    assert "<u>me" not in text
    assert "</script><b>x" not in text
    assert "<i>gpu" not in text


def test_an_empty_study_has_a_page() -> None:
    text = page.html([subject(study([]))], {})
    assert "No trial has finished yet" in text


def test_canonical_is_drawn_even_where_it_was_not_trained() -> None:
    assert cost(canonical(study([trial(1)]))).output_shape[0] == 10


@pytest.mark.slow
def test_two_studies_that_were_trained_differently_say_so() -> None:
    one = finished_study(12)
    other = replace(finished_study(14, "other"), config={**one.config, "epochs": 40})
    text = page.html([subject(one), subject(other)], {})
    assert "trained differently (epochs)" in text
    assert set(embedded(text)) == {"0", "1"}
    assert 'id="pareto0"' in text
    assert 'id="pareto1"' in text
    assert len(set(re.findall(r' id="([^"]+)"', text))) == len(re.findall(r' id="([^"]+)"', text))


@pytest.mark.slow
def test_compressed_networks_have_their_section(tmp_path: Path) -> None:
    from explorer.report import subject as subject_of
    from explorer.results.compressed import Compressed
    from explorer.samplers.shadow import directions
    from explorer.storage.patient import open_storage

    record, url = finished_study(12), f"sqlite:///{tmp_path}/study.db"
    storage = open_storage(url, create=True)
    number = storage.create_new_study(directions(1), record.name)
    assert subject_of(record, url).more == ()
    one = record.trials[3]
    small = (one.bytes // 10, one.bytes // 11)
    found = Compressed(
        record.name, 3, one.identity, "rate 0.1", one.params, (0, 1), small, (0.9, 0.92), (0.89, 0.92), (9, 9), 360
    )
    storage.set_study_user_attr(number, f"compressed:3:{found.plan}", found.plain())
    (section,) = subject_of(record, url).more
    assert section.lines[1].startswith(f"trial 3, rate 0.1: {found.size:,.0f} bytes")
    text = page.html([replace(subject(record), more=(section,))], {})
    assert 'id="compressed0"' in text
    assert "figure_compressed0_0" in text


# The command ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_command_errors_are_one_line(tmp_path: Path) -> None:
    for arguments, said in ((["text=maybe"], "text is 'maybe'"), (["absent"], "study")):
        done = report(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
    assert list(tmp_path.iterdir()) == []
