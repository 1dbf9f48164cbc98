"""Tracking URIs: which are possible, where their files lie, how they and their failures are shown without secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from explorer.redaction import redact as redact

SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
ARTIFACTS = "mlartifacts"
"""Folder of an experiment's files, beside a database file."""


QUOTED = str.maketrans({"%": "%25", "?": "%3F", "#": "%23"})
"""What would be read otherwise in the URI of a SQLite file."""


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
    """A SQLite file's URI with the whole path, so that it stays the same file wherever the process goes.

    Raises:
        TrackingError: if it is no database URL.
    """
    import sqlalchemy

    path = sqlite_path(uri)
    if path is None:
        return uri
    options = sqlalchemy.make_url(uri).set(database=None).render_as_string(hide_password=False).partition("?")[2]
    return sqlite_uri(path) + (f"?{options}" if options else "")


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite URI, as SQLAlchemy reads it; None for other URIs and for databases in memory.

    Raises:
        TrackingError: if it is no database URL.
    """
    if _scheme(uri) != "sqlite":
        return None
    import sqlalchemy

    try:
        path = sqlalchemy.make_url(uri).database
    except sqlalchemy.exc.ArgumentError:
        raise TrackingError(f"tracking={redact(uri)}: no database URL, expected sqlite:///mlflow.db") from None
    return None if path in (None, "", ":memory:") else Path(str(path)).absolute()


def sqlite_uri(path: Path) -> str:
    """The URI of a SQLite file, whatever characters its path has.

    No more is quoted than has to be: MLflow makes the folder that a URI names without taking the quoting out of it.
    """
    return f"sqlite:///{str(path.absolute()).translate(QUOTED)}"


def artifact_location(uri: str) -> str | None:
    """Where an experiment's files go: `mlartifacts` beside a SQLite file; a server decides for itself (None).

    With any other database MLflow's client decides, and `mlartifacts` in the current folder is where it looks as well.
    It is a URL, because MLflow takes the quoting out of plain paths too.
    """
    path = sqlite_path(uri)
    if path:
        return (path.parent / ARTIFACTS).as_uri()
    return Path(ARTIFACTS).absolute().as_uri() if _scheme(uri) in DATABASES else None


def local_path(location: str) -> Path | None:
    """The folder that MLflow takes an artifact location for; None if it is none of this machine."""
    if location.startswith("/"):
        return Path(url2pathname(location))
    return Path(url2pathname(urlsplit(location).path)) if location.startswith("file:") else None


def where_to_look(uri: str, place: str | None) -> str:
    """How a person sees a run in MLflow: a server's page; for a database the command that serves it, then the page.

    Args:
        uri: of the tracking server.
        place: what follows the server's address; None: not known, so the start page.
    """
    page = f"/{place}" if place else ""
    if _scheme(uri) in ("http", "https"):
        return redact(uri).replace("***@", "").rstrip("/") + page
    serve = f"mlflow ui --backend-store-uri {shlex.quote(redact(uri))}"
    return f"{serve}\nthen open http://127.0.0.1:5000{page}" if page else serve


def reason(error: BaseException, uri: str) -> str:
    """One line saying why a tracking server could not be written to: the innermost cause, without credentials."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = error.__cause__ or error.__context__ or getattr(error, "reason", None)
        inner = inner if isinstance(inner, BaseException) else next(filter(_is_error, error.args), None)
        error = inner if isinstance(inner, BaseException) else error
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return redact(line, uri)[:240]


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


def _scheme(uri: str) -> str:
    scheme, found, _ = uri.partition(":")
    return scheme.partition("+")[0].lower() if found else ("databricks" if uri == "databricks" else "")
