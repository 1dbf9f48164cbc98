"""Optuna's storage by URL: its driver, patience while a database is locked or away, no credentials in messages."""

from __future__ import annotations

import functools
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import DuplicatedStudyError, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.storages._base import BaseStorage
from optuna.storages._rdb.models import StudyModel, TrialModel, TrialUserAttributeModel
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from explorer.alone import alone
from explorer.redaction import redact
from explorer.storage.bulk_read import batches, read_batch, read_trials, trial_rows
from explorer.storage.stopping import uninterrupted

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds that a call goes on trying."""
OPENING_PATIENCE = 60.0
"""The same for the opening of a locked SQLite file."""
STOPPING_PATIENCE = 10.0
"""The same once a signal has come."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts: twice as long each time."""
UNNOTICED = 2.0
"""Seconds of waiting before a line is printed."""
OPENING_RACES = 3
DATABASE_ERRORS = (sqlalchemy.exc.SQLAlchemyError, StorageInternalError)


class StudyError(ValueError):
    """A study that is absent, cannot be read, or was made with other settings."""


def open_storage(url: str, create: bool = False) -> PatientStorage:
    """Opens Optuna's storage.

    A call of the storage that is opened waits, up to PATIENCE seconds, for a database that is locked or away.

    Args:
        url: of a database, such as sqlite:///study.db or postgresql://user@host/name.
        create: whether an SQLite file may be made.

    Raises:
        StudyError: if there is none, or if it is no Optuna storage.
    """
    parsed = _parsed(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    if not create and not there(url):
        raise StudyError(
            f"no study database {parsed.database} here; run explorer.search first, or name one with storage=URL"
        )
    parsed = _with_driver(parsed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with alone(Path(parsed.database or "")) if sqlite else nullcontext():
            storage = _made(parsed)
            storage.studies()  # fails on a database that is not Optuna's
    except (*DATABASE_ERRORS, ImportError, RuntimeError) as error:
        what = f"storage {shown(parsed)} cannot be opened: {why(error, parsed)}"
        raise StudyError(f"{what}; move it away or name another with storage=URL") from None
    storage.patience, storage.opened = PATIENCE, True
    return storage


def there(url: str) -> bool:
    """Whether there is a database: the file of an SQLite URL; a server is taken to have one.

    Raises:
        StudyError: if the URL is none, or names a file in a folder that is not there.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return True
    file = Path(parsed.database or "")
    if not file.parent.is_dir():
        raise StudyError(f"storage {shown(parsed)}: there is no folder {file.parent}")
    return file.is_file()


def _parsed(url: str) -> URL:
    try:
        return sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise StudyError("storage is no database URL, expected one such as sqlite:///study.db") from None


def shown(url: URL) -> str:
    """The URL without its credentials."""
    return redact(url.render_as_string())


def why(error: BaseException, url: str | URL) -> str:
    """What the database said: one line, without the SQL around it and without the credentials of the URL."""
    cause = _cause(error)
    line = (str(getattr(cause, "orig", None) or cause).strip().splitlines() or [type(cause).__name__])[0].strip()
    return redact(line, url if isinstance(url, str) else url.render_as_string(hide_password=False))


class PatientStorage(RDBStorage):
    """Optuna's storage, whose calls are repeated while its database is locked or away.

    The first attempt of a call may have been carried out although its answer was lost with the connection. So a call
    that must not be carried out twice checks that first.

    Attributes:
        patience: seconds that a call goes on trying; 0 after a call has given up, so that the end is not delayed again.
        opened: whether the database has answered before.
    """

    def __init__(self, url: URL, options: dict[str, Any]) -> None:
        self.patience = OPENING_PATIENCE if url.get_backend_name() == "sqlite" else 0.0
        self.opened = False
        self._shown, self._why = shown(url), functools.partial(why, url=url)
        self._nested = threading.local()
        address = url.render_as_string(hide_password=False)
        self.patiently(functools.partial(super().__init__, address, options))
        weakref.finalize(self, self.engine.dispose)  # a server allows few open connections

    def patiently(self, call: Callable[[], T], again: Callable[[], T] | None = None) -> T:
        """Makes a call.

        Args:
            call: the first attempt.
            again: the others, if they differ.

        Raises:
            StudyError: if the database does not answer within `patience`.
        """
        if getattr(self._nested, "inside", False):
            return call()
        self._nested.inside = True
        try:
            return self._repeat(call, again or call)
        except KeyboardInterrupt:
            self.patience = min(self.patience, STOPPING_PATIENCE)
            raise
        finally:
            self._nested.inside = False

    def _repeat(self, call: Callable[[], T], again: Callable[[], T]) -> T:
        began, pause, warned = time.monotonic(), SHORTEST_PAUSE, False
        while True:
            try:
                with uninterrupted():
                    result = call()
            except DATABASE_ERRORS as error:
                waited = time.monotonic() - began
                if "disk is full" in str(_cause(error)):  # what SQLite says
                    what = f"the disk of storage {self._shown} is full"
                    raise StudyError(f"{what}; free some space, then the same command goes on") from None
                if not self.opened and (not passing(error) or waited >= self.patience):
                    raise
                if not passing(error):
                    raise StudyError(f"storage {self._shown} cannot be used: {self._why(error)}") from None
                if waited >= self.patience:
                    self.patience = 0.0
                    raise StudyError(f"storage {self._shown} does not answer: {self._why(error)}") from None
                if waited > UNNOTICED and not warned:
                    warned = True
                    self._say(f"does not answer ({self._why(error)}), trying again; trainings go on meanwhile")
            else:
                if warned:
                    self._say("answers again")
                return result
            time.sleep(pause)
            pause, call = min(2 * pause, LONGEST_PAUSE), again

    def _say(self, what: str) -> None:
        print(f"storage {self._shown} {what}", file=sys.stderr, flush=True)

    def studies(self) -> dict[str, int]:
        """The studies' names and ids. Their attributes are not read: one that is broken concerns its study alone."""

        def read() -> dict[str, int]:
            table = StudyModel.__table__
            with self.engine.connect() as connection:
                found = connection.execute(select(table.c.study_name, table.c.study_id).order_by(table.c.study_id))
                return {row.study_name: row.study_id for row in found}

        return self.patiently(read)

    def has_trial_user_attr(self, trial_id: int, name: str) -> bool:
        """Whether a trial has an attribute. The others, curves among them, are not read."""

        def read() -> bool:
            table = TrialUserAttributeModel.__table__
            with self.engine.connect() as connection:
                of_trial = select(table.c.key).where(table.c.trial_id == trial_id, table.c.key == name)
                return connection.execute(of_trial).first() is not None

        return self.patiently(read)

    def get_n_trials(self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None) -> int:
        """Counts a study's trials, all or those in a state; Optuna reads them for that."""
        if state is not None:
            return self.patiently(functools.partial(RDBStorage.get_n_trials, self, study_id, state))

        def read() -> int:
            of_study = select(func.count()).select_from(TrialModel).where(TrialModel.study_id == study_id)
            with self.engine.connect() as connection:
                return int(connection.execute(of_study).scalar_one())

        return self.patiently(read)

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        create = functools.partial(RDBStorage.create_new_study, self, directions, study_name)

        def again() -> int:
            try:
                return create()
            except DuplicatedStudyError:
                return RDBStorage.get_study_id_from_name(self, str(study_name))

        return self.patiently(create, again)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        create = functools.partial(RDBStorage.create_new_trial, self, study_id, template_trial)

        def again() -> int:
            for trial in RDBStorage.get_all_trials(self, study_id, deepcopy=False):
                if template_trial is not None and _same(trial, template_trial):
                    return trial._trial_id
            return create()

        return self.patiently(create, again)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        tell = functools.partial(RDBStorage.set_trial_state_values, self, trial_id, state, values)

        def again() -> bool:
            try:
                return tell()
            except UpdateFinishedTrialError:
                return True

        return self.patiently(tell, again)

    def trials_in_batches(self, study_id: int) -> Iterator[list[FrozenTrial]]:
        """All trials of a study, some at a time."""
        rows = self.patiently(functools.partial(trial_rows, self.engine, study_id))
        for batch in batches(rows):
            yield self.patiently(functools.partial(read_batch, self.engine, study_id, batch))

    def _get_trials(
        self, study_id: int, states: Any, included_trial_ids: set[int], trial_id_greater_than: int
    ) -> list[FrozenTrial]:
        # All of Optuna's reading ends here; a whole study is read in bulk.
        if states is None and not included_trial_ids and trial_id_greater_than < 0:
            return read_trials(self.engine, study_id)
        return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)


def _repeated(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: PatientStorage, *arguments: Any, **options: Any) -> Any:
        return self.patiently(functools.partial(method, self, *arguments, **options))

    return call


for _name in vars(BaseStorage):  # the other methods read or overwrite, so they can simply be repeated
    if not _name.startswith("_") and _name not in vars(PatientStorage) and _name != "remove_session":
        setattr(PatientStorage, _name, _repeated(getattr(RDBStorage, _name)))


def passing(error: BaseException) -> bool:
    """Whether a database may answer if it is asked again: it is locked, or away, or it threw the connection out."""
    cause = _cause(error)
    if not isinstance(cause, sqlalchemy.exc.DBAPIError):
        return isinstance(cause, sqlalchemy.exc.TimeoutError | sqlalchemy.exc.PendingRollbackError)
    if type(cause.orig).__module__.startswith("sqlite3"):
        return "locked" in str(cause.orig) or "busy" in str(cause.orig)
    return cause.connection_invalidated or isinstance(
        cause, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError
    )


def _made(url: URL) -> PatientStorage:
    if url.get_backend_name() == "sqlite":
        return PatientStorage(url, {"connect_args": {"timeout": 1}})  # Ctrl-C does not interrupt a wait in there
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.get_backend_name() == "postgresql":
        options["connect_args"] = {"connect_timeout": 10, "client_encoding": "utf8"}
    for attempt in range(OPENING_RACES):
        try:
            return PatientStorage(url, options)
        except (sqlalchemy.exc.IntegrityError, sqlalchemy.exc.ProgrammingError):
            # Another machine makes the tables in the same moment; SQLite's are made by one process at a time.
            if attempt == OPENING_RACES - 1:
                raise
            time.sleep(1)
    raise AssertionError


def _with_driver(url: URL) -> URL:
    """Names psycopg 3 as the driver for a PostgreSQL URL that names none, where SQLAlchemy would take psycopg2."""
    if url.drivername not in ("postgresql", "postgres"):
        return url
    if find_spec("psycopg") is None and find_spec("psycopg2") is None:
        raise StudyError("storage=postgresql://... needs psycopg: pip install 'explorer[postgres]'")
    return url.set(drivername="postgresql+psycopg" if find_spec("psycopg") else "postgresql+psycopg2")


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _same(trial: FrozenTrial, template: FrozenTrial) -> bool:
    return trial.datetime_start == template.datetime_start and trial.user_attrs == template.user_attrs
