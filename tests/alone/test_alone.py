"""Where locks lie: in the folder for temporary files, in which everybody may put what he likes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from explorer.alone import LockError, alone


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def test_locks_lie_in_a_folder_of_the_user_alone(shared: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "study.db") as held:
        assert not alone(tmp_path / "another.db").is_locked
        lock = Path(held.lock_file)
    assert lock.parent.parent == shared
    assert stat.S_IMODE(lock.parent.stat().st_mode) == 0o700


def test_a_link_in_the_place_of_locks_is_not_followed(shared: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "study.db") as held:
        lock = Path(held.lock_file)
    lock.unlink(missing_ok=True)
    precious = tmp_path / "precious"
    precious.write_text("mine")
    lock.symlink_to(precious)
    with pytest.raises(OSError, match="Too many levels of symbolic links"), alone(tmp_path / "study.db"):
        pass
    lock.unlink()
    lock.parent.rmdir()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    lock.parent.symlink_to(theirs)
    with pytest.raises(LockError, match="no folder of this user alone; remove it, or set TMPDIR"):
        alone(tmp_path / "study.db")
    assert (precious.read_text(), list(theirs.iterdir())) == ("mine", [])


def test_a_folder_that_others_can_write_to_is_refused(shared: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "study.db") as held:
        folder = Path(held.lock_file).parent
    folder.chmod(0o777)
    with pytest.raises(LockError, match="no folder of this user alone"):
        alone(tmp_path / "study.db")
