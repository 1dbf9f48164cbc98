"""Tracking URIs: which are possible, where their files lie, how they and their failures are shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
HIDDEN = "***"


class TrackingError(ValueError):
    """A tracking server that cannot be written to; one line, without credentials."""


@contextmanager
def tracking_errors(uri: str) -> Iterator[None]:
    """Whatever MLflow, its database or its network raise inside becomes a TrackingError."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - they raise whatever they like
        raise TrackingError(f"tracking={redact(uri)}: {reason(error, uri)}") from None


def check_uri(uri: str) -> None:
    """Refuses what can be no tracking URI, without asking any server.

    Raises:
        TrackingError: saying what was expected.
    """
    scheme = _scheme(uri)
    if scheme not in SCHEMES:
        expected = "expected sqlite:///mlflow.db, http://HOST:PORT or a database URL"
        raise TrackingError(f"tracking={redact(uri)}: MLflow has no store for {scheme or 'a plain path'!r}, {expected}")
    if scheme in ("http", "https") and not urlsplit(uri).hostname:
        raise TrackingError(f"tracking={redact(uri)}: no host, expected {scheme}://HOST:PORT")


def resolve(uri: str) -> str:
    """A SQLite file's URI with the whole path, so that it stays the same file wherever the process goes."""
    path = sqlite_path(uri)
    return f"sqlite:///{path}" if path else uri


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite URI; None for other URIs and for databases in memory."""
    if _scheme(uri) != "sqlite":
        return None
    path = uri.partition("///")[2].partition("?")[0]
    return None if path in ("", ":memory:") else Path(path).absolute()


def artifact_location(uri: str) -> str | None:
    """Where an experiment's files go: `mlartifacts` beside a SQLite file; a server decides for itself (None).

    With any other database MLflow's client decides, and `mlartifacts` in the current folder is where it looks as well.
    """
    path = sqlite_path(uri)
    if path:
        return str(path.parent / "mlartifacts")
    return str(Path("mlartifacts").absolute()) if _scheme(uri) in DATABASES else None


def redact(text: str) -> str:
    """The text with the credentials of every URL in it hidden: user:password@, and passwords and keys in a query."""
    text = re.sub(r"(?<=://)[^/\s'\"]*@", f"{HIDDEN}@", text)
    return re.sub(
        r"(?i)([?&][^=&\s]*(?:password|passwd|pwd|token|secret|key)[^=&\s]*=)[^&\s'\"]+", rf"\1{HIDDEN}", text
    )


def reason(error: BaseException, uri: str) -> str:
    """One line saying why a tracking server could not be written to: the innermost cause, without credentials."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        inner = inner if isinstance(inner, BaseException) else next(filter(_is_error, error.args), None)
        error = inner if isinstance(inner, BaseException) else error
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return redact(_without_secrets(line, uri))[:240]


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


def _without_secrets(line: str, uri: str) -> str:
    """Hides the URI's own password wherever a library repeats it."""
    password = urlsplit(uri).password if "://" in uri else None
    for secret in filter(None, (password, unquote(password or ""))):
        line = line.replace(secret, HIDDEN)
    return line


def _scheme(uri: str) -> str:
    scheme, found, _ = uri.partition(":")
    return scheme.partition("+")[0].lower() if found else ("databricks" if uri == "databricks" else "")
