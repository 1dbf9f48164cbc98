"""Names from outside are shown as they are, whatever terminal markup they look like."""

import io
import shlex
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from explorer.cli import retrained, search_summary
from explorer.cli.console import open_console, tell
from explorer.cli.progress import steps, working
from explorer.report import name_the_other
from explorer.reporting import quoting
from explorer.reporting.commands import commands
from explorer.results.retrained import Retrained
from tests.support import warm
from tests.support.sample import finished_study
from tests.support.stored import stored

NAMES = ("a[/b]", "[final] b", "[red]c", ":smile: [link=x]d", "e\\")


@pytest.mark.parametrize("name", NAMES)
def test_what_searching_and_retraining_print(name: str) -> None:
    record = finished_study()
    trial = record.finished[3]
    result = Retrained(
        study=record.name,
        trial=trial.number,
        identity=trial.identity,
        params=trial.params,
        recorded=(0.5,),
        again=(0.25,),
        recorded_device=name,
        device="another",
        same_params=True,
        same_identity=True,
        seeds=(7,),
        test_acc=(0.5,),
        metric="acc",
        test=(0.5,),
        test_errors=(None,),
        test_images=360,
        confusion=((3, 1), (0, 2)),
        class_names=(name, "other"),
    )
    console = open_console(200)
    console.file = out = io.StringIO()
    search_summary.show(console, record, f"ended in {name}", f"sqlite:////{name}/mlflow.db")
    tell(console, f"not logged to {name}", False)
    retrained.show(console, record, trial, result, Path(name), 1e-7)
    # The device is named twice, as it was and as what would reproduce; the class as the commonest, and as mistaken.
    assert out.getvalue().replace(repr(name), name).count(name) == 8


def test_progress(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, to rich
    for name in NAMES:
        with working(name), steps(name, 2) as done:
            done(2)
    shown = capsys.readouterr().err
    assert all(name in shown for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["report", "statistics", "describe"])
def test_every_command_prints_its_path(command: str, tmp_path: Path) -> None:
    stored(finished_study(4), f"sqlite:///{tmp_path}/study.db")
    folder = tmp_path / "a[" / "b][final], ü^"
    folder.mkdir(parents=True)
    key = "svg" if command == "describe" else "output"
    words = [f"explorer.{command}", f"{key}={folder}/x.html"]
    words += [] if command == "describe" else ["tracking=null"]
    done = warm.command(*words, cwd=tmp_path, timeout=200, COLUMNS="400")
    assert done.returncode == 0, done.stderr
    assert (folder / "x.html").is_file()
    if command != "describe":
        assert f"{folder}/x.html shows all of this" in done.stdout


VALUES: list[Any] = [
    "m_ü", "a b", "a,b", 'a"b', "a'b", "a\\", 'a\\"b', "a^b", "${x}", "1e3", "2024_01_31", "007", "[final]", "[/b]",
    "{a:b}", "null", "True", "~", "a=b", "(x", "%2F?", "", " x ", "None", "-x", "a:b", "choice(a,b)",
    ["a b", 1, None, True, 1.5, "ü"],
    1.5, True, None, 1e-7, float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_a_suggested_command_means_the_value(value: Any) -> None:
    (word,) = shlex.split(quoting.word("data.dir", value))
    read = OmegaConf.create({"dir": OverridesParser.create().parse_override(word).value()})
    assert OmegaConf.to_container(read, resolve=True) == {"dir": value}


def test_what_the_report_suggests_can_be_pasted() -> None:
    folder = "/data/ä b, c's [x]"
    record = finished_study(3, name="m_ü")
    record.config["data"] = {"name": "image_folder", "dir": folder}
    presets = {"data": {"image_folder": {"name": "image_folder", "dir": "images"}, "digits": {"name": "digits"}}}
    search = commands(record, quoting.word("study", record.name), presets, {}).steps[1][1]
    words = shlex.split(search)[3:]
    overrides = OverridesParser.create().parse_overrides([word for word in words if "=" in word])
    given = {one.key_or_group: one.value() for one in overrides}
    assert (given["study"], given["data.dir"]) == ("m_ü", folder)
    assert given["space"] == "m_ü_space"


def test_the_value_of_an_option_is_no_study() -> None:
    for option in ("--cfg", "-c", "--package", "--config-dir", "-cd"):
        assert name_the_other(["x", option, "job"]) == ["x", option, "job"]
    assert name_the_other(["x", "--cfg", "job", "y"]) == ["x", "--cfg", "job", "other=y"]
