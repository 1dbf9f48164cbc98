"""The real PostgreSQL server, for the time of a test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy

from tests.support.mlflow_server import free_port
from tests.support.processes import wait_for

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql/bin"))
PASSWORD = "p@ss/w0rd!Geheim"
QUOTED = "p%40ss%2Fw0rd%21Geheim"


class Server:
    """A PostgreSQL server with an empty database `explorer`, on 127.0.0.1 alone; a user other than root runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"postgresql://explorer:{QUOTED}@127.0.0.1:{self.port}/explorer"
        self.process: subprocess.Popen[bytes] | None = None
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        files = [f"--pgdata={folder}/data", f"--pwfile={folder}/password"]
        self._command("initdb", "--username=explorer", "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", *files)
        self.start()
        url = sqlalchemy.make_url(self.url).set(drivername="postgresql+psycopg", database="postgres")
        engine = sqlalchemy.create_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sqlalchemy.text("CREATE DATABASE explorer"))
        engine.dispose()

    def start(self) -> None:
        options = [f"-p{self.port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={self.folder}"]
        self.process = subprocess.Popen(
            [str(BINARIES / "postgres"), f"-D{self.folder}/data", *options],
            user=self.user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        ready = [str(BINARIES / "pg_isready"), "--quiet", "--host=127.0.0.1", f"--port={self.port}"]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, 60)

    def stop(self) -> None:
        """At once: open connections are thrown out."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)

    def _command(self, name: str, *words: str) -> None:
        subprocess.run([str(BINARIES / name), *words], user=self.user, cwd=self.folder, check=True, capture_output=True)


@contextmanager
def postgresql() -> Iterator[Server]:
    """A new server; skips where none is installed, and says why."""
    if not (BINARIES / "initdb").exists():
        pytest.skip(f"no PostgreSQL server: {BINARIES} is absent; on Debian: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'explorer[postgres]'")
    folder = Path("/tmp") / f"explorer-pg-{os.getpid()}-{free_port()}"
    folder.mkdir()
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
