"""The command, its words, its page and its figures: on made-up studies and on a search."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from shutil import copy

import pytest

from explorer.analysis.statistics import space_statistics
from explorer.plots import distribution as distribution_plot
from explorer.plots import importance as importance_plot
from explorer.reporting import document, statistics
from explorer.results.record import StudyRecord, TrialRecord
from explorer.tracking import add_files, mirror
from explorer.tracking.client import connect
from tests.support import warm
from tests.support.processes import SHORT, SPACE, run
from tests.support.sample import finished_study, study, trial
from tests.support.survey_sample import planted, uniform

# MLflow 3.17's own use of SQLAlchemy and pydantic.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:mlflow", "ignore:.*noload.*")


def random_study(count: int, name: str = "one", worse: float = 0.0) -> StudyRecord:
    record = planted(count, lambda point: -worse)
    return replace(record, name=name, config=record.config | {"sampler": {"name": "random"}})


@pytest.mark.slow
def test_two_spaces_are_told_apart_in_words() -> None:
    one, other = random_study(60), random_study(60, "other", worse=0.15)
    found = space_statistics(one, other)
    lines = statistics.sections(found)[0].lines
    assert any(line.startswith("as drawn: ") and line.endswith("one is the better space") for line in lines)
    assert any(line.startswith("at equal size: ") and line.endswith("one is the better space") for line in lines)
    same = statistics.sections(space_statistics(one, random_study(60)))[0]
    assert [line.rpartition(": ")[2] for line in same.lines] == ["cannot tell", "cannot tell"]
    assert [row[0] for row in same.rows] == ["one", "one (2)"]
    slower = replace(other, config=other.config | {"epochs": 40})
    assert any("epochs 20 and 40" in line for line in statistics.sections(space_statistics(one, slower))[0].lines)
    figure = distribution_plot.figure(found.as_drawn)
    assert [trace.name for trace in figure.data if trace.name] == ["one (60 networks)", "other (60 networks)"]


@pytest.mark.slow
def test_figures_show_what_was_found() -> None:
    found = space_statistics(random_study(60))
    bars = importance_plot.figure(found.importances).data[0]
    assert [name.split()[0] for name in bars.y] == [one.name for one in found.importances.ranked]
    effects = importance_plot.effects_figure(found.importances)
    assert len(effects.data[0].x) == sum(len(one.effects) for one in found.importances.ranked)
    text = document.html("<one>", "about", statistics.sections(found))
    assert "&lt;one&gt;" in text
    assert text.count("figures.push(") == 4 + len(found.traits)
    assert text == document.html("<one>", "about", statistics.sections(space_statistics(random_study(60))))


def test_chance_is_not_said_to_reach_more_than_everything() -> None:
    """Of networks that nothing but size tells apart, shuffled results weigh several times what the real ones do."""
    found = space_statistics(planted(24, lambda point: 0.0, noise=0.0))
    section = statistics.sections(found)[1]
    assert any(one.chance > 1 for one in found.importances.ranked)
    shown = [row[2] for row in section.rows]
    assert "more than all together" in shown
    assert all(int(words[:-2]) <= 100 for words in shown if words.endswith("%"))
    assert max(section.figures[0].data[1].x) <= 1
    assert statistics.NOTHING in section.lines


@pytest.mark.parametrize("trials", [[], [trial(0, state="FAIL")], [trial(2)], [trial(2)] * 3, uniform([trial(2)])])
def test_small_studies_are_described(trials: list[TrialRecord]) -> None:
    errors, importance, front = statistics.sections(space_statistics(study(trials), study(trials)))
    assert "10 at least" in errors.lines[0]
    assert "sampler=random" in errors.lines[0]
    assert (errors.figures, errors.rows, errors.note) == ((), (), ""), "intervals of what says nothing"
    assert "too few" in importance.lines[0]
    assert front.title
    assert document.html("small", "", [errors, importance, front])


@pytest.mark.slow
@pytest.mark.usefixtures("folder")  # an MLflow database
def test_files_are_added_to_the_studys_run(tmp_path: Path) -> None:
    record, uri = finished_study(2), f"sqlite:///{tmp_path}/mlflow.db"
    nowhere = tmp_path / "nowhere.db"
    assert not add_files(record, {"a.txt": "x"}, f"sqlite:///{nowhere}")
    assert not nowhere.exists()
    mirror(record, uri)
    assert add_files(record, {"a.txt": "x"}, uri)
    assert add_files(record, {"a.txt": "y"}, uri)
    client = connect(uri)
    experiment = client.get_experiment_by_name(record.name)
    everything = client.search_runs([experiment.experiment_id])
    (parent,) = (each.info.run_id for each in everything if "mlflow.parentRunId" not in each.data.tags)
    assert len(everything) == 1 + len(record.trials)
    assert Path(client.download_artifacts(parent, "a.txt")).read_text() == "y"
    assert not add_files(replace(record, name="other"), {"a.txt": "x"}, uri)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished search by uniform draws."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "small.yaml").write_text(SPACE)
    words = [word for word in SHORT if not word.startswith(("sampler", "epochs"))]
    run(folder, "explorer.search", *words, "sampler=random", "epochs=1", "n_trials=12")
    return folder


@pytest.mark.slow
def test_the_command_on_a_search(searched: Path) -> None:
    copy(searched / "study.db", searched / "other.db")
    printed = run(searched, "explorer.statistics", "small", "against=small", "against_storage=sqlite:///other.db")
    assert "How errors are spread in the space" in printed
    assert re.search(r"as drawn: mean error of small less that of small \(2\) \+0.00 points .*: cannot tell", printed)
    assert "finished networks of the space are too few to rank metaparameters by, 20 at least" in printed
    assert "in MLflow: statistics.html of the run small" in printed
    assert "small (11 networks)" in (searched / "statistics.html").read_text()
    client = connect(f"sqlite:///{searched}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    (parent,) = (each.info.run_id for each in runs if "mlflow.parentRunId" not in each.data.tags)
    files = {file.path for file in client.list_artifacts(parent)}
    assert {"pareto.html", "statistics.html", "statistics.json"} <= files


@pytest.mark.slow
def test_the_command_for_programs(searched: Path) -> None:
    done = warm.command("explorer.statistics", "small", "format=json", "tracking=null", "output=null", cwd=searched)
    found = json.loads(done.stdout)
    assert found["uniform_draws"] == {"small": 11}
    (plain, equal) = found["distributions"]
    assert (plain["at_equal_size"], equal["at_equal_size"]) == (False, True)
    assert plain["shares"][-1] == 1
    assert found["against"] is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["format=xml"], "format is 'xml', expected table or json"),
        (["small", "against=small"], "against is small, the study itself"),
        (["small", "against=smaller"], "study is 'smaller', expected one of small"),
        (["against_storage=sqlite:///b.db"], "against_storage is given, but no study: against=NAME"),
        (["output=small.yaml/page.html"], "output small.yaml: small.yaml is a file, expected a folder"),
    ],
)
def test_bad_input_is_one_line(searched: Path, words: list[str], message: str) -> None:
    assert message in run(searched, "explorer.statistics", *words, "tracking=null", code=2)
