"""One rule of where commands write: what is ours, what is empty, or overwrite=true; whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from explorer.cli.claimed_folder import claimed
from explorer.cli.options import ConfigError


def write(folder: Path, text: str = "new", **options: bool) -> None:
    with claimed(folder, **options) as staging:  # type: ignore[arg-type]
        (staging / "weights").write_text(text)


def fill(folder: Path) -> None:
    with claimed(folder) as staging:
        (staging / "weights").write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device", str(staging / "weights"))


def test_an_error_about_something_else_is_no_error_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), claimed(tmp_path / "out"):
        (tmp_path / "absent").read_text()
    assert not (tmp_path / "out").exists()


def test_into_what_is_absent_empty_or_ours(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a/b"):
        for text in ("one", "two"):
            write(folder, text)
            assert (folder / "weights").read_text() == text
            assert sorted(path.name for path in folder.iterdir()) == [".explorer", "weights"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds files of others, such as weights; .* or set overwrite=true"):
        write(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("weights", "mine")]
    write(tmp_path, overwrite=True)
    assert (tmp_path / "weights").read_text() == "new"


def test_a_folder_of_an_earlier_version_is_ours(tmp_path: Path) -> None:
    (tmp_path / "outcome.json").write_text("{}")
    with claimed(tmp_path, earlier=("outcome.json",)) as staging:
        (staging / "outcome.json").write_text("[]")
    assert (tmp_path / "outcome.json").read_text() == "[]"


def test_two_commands_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with (
        claimed(tmp_path / "out"),
        pytest.raises(ConfigError, match=r"another command is at work there \(process \d+\)"),
        claimed(tmp_path / "out"),
    ):
        pass


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_way(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match=r"output .*file.*: (Not a directory|File exists), expected a folder"):
        write(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_failure_leaves_what_was_there_and_nothing_new(tmp_path: Path) -> None:
    write(tmp_path / "out", "before")
    for folder in (tmp_path / "out", tmp_path / "other/new"):
        with pytest.raises(ConfigError, match="the disk is full; free some space"):
            fill(folder)
    assert (tmp_path / "out/weights").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
