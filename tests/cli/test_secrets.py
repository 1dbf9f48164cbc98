"""No secret of the command line leaves the program, whoever writes the line."""

from pathlib import Path

import pytest

from explorer.redaction import redact
from explorer.storage.patient import shown, why
from tests.support import warm

SECRET = "hunter2"
SEARCH = ["explorer.search", "+space=fire_micro"]
AWAY = "127.0.0.1:1/x"


@pytest.mark.slow
@pytest.mark.parametrize(
    "word",
    [
        f"storag=postgresql://me:{SECRET}@{AWAY}",
        f"tracker=postgresql://me:pa/{SECRET}@{AWAY}",
        f"storage=postgresql://me:{SECRET},more@{AWAY}",
        f"storage=postgresql://me:{SECRET}ü@{AWAY}",
        f"storage=postgresql://me:{SECRET}^^@{AWAY}",
        f"storage=postgresql://me:two {SECRET}@{AWAY}",
        f"storag=postgresql://{AWAY}?apikey={SECRET}",
        f"+storag=postgresql://{AWAY}?sslkey={SECRET}&sslmode=(",
        f"+api_key=({SECRET}",
        f"recipe.api_key={SECRET}",
        f"n_trials=postgresql://me:{SECRET}@{AWAY}",
        f"tracking=htpp://me:pa/{SECRET}@{AWAY}",
        f"--storag=postgresql://me:{SECRET}@{AWAY}",
        f"sampler=postgresql://me:{SECRET}@{AWAY}",
    ],
)
def test_a_secret_is_never_shown(word: str, tmp_path: Path) -> None:
    done = warm.command(*SEARCH, word, cwd=tmp_path, timeout=120)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert SECRET not in done.stderr


@pytest.mark.slow
def test_nor_in_a_printed_config_or_a_traceback(tmp_path: Path) -> None:
    word = f"storage=postgresql://me:pa/{SECRET}@{AWAY}"
    printed = warm.command(*SEARCH, word, "--cfg", "job", cwd=tmp_path, timeout=120)
    assert "storage: postgresql://***@127.0.0.1:1/x" in printed.stdout
    assert SECRET not in printed.stdout
    traced = warm.command(*SEARCH, f"+{word}", "n_trials=0", cwd=tmp_path, timeout=120, HYDRA_FULL_ERROR="1")
    assert "Traceback" in traced.stderr
    assert SECRET not in traced.stderr


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("http://me:a/b@host:5000/x", "http://***@host:5000/x"),
        ("no viable alternative at input 'postgresql://me:pw'", "no viable alternative at input 'postgresql://me:***'"),
        ("http://host:5000/x and http://host:5000", "http://host:5000/x and http://host:5000"),
        ("sqlite:////home/a@b/study.db", "sqlite:////home/a@b/study.db"),
        ("x://h/d?apikey=1&b=2&api_key=3", "x://h/d?apikey=***&b=2&api_key=***"),
        ("use key=[value1,value2]", "use key=[value1,value2]"),
    ],
)
def test_text(text: str, hidden: str) -> None:
    assert redact(text) == hidden


def test_a_secret_that_a_library_repeats() -> None:
    assert redact("login with a%2Fb and a/b failed", "http://me:a%2Fb@host") == "login with *** and *** failed"
    url = "postgresql://me:a%2Fb@host/x?sslkey=mine"
    assert why(ValueError("key mine, password a/b"), url) == "key ***, password ***"
    from sqlalchemy import make_url

    assert shown(make_url(url)) == "postgresql://***@host/x?sslkey=***"
