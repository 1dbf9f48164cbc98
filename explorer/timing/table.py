"""Networks that were measured, in a SQLite file that can be carried to another machine."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import astuple
from pathlib import Path

from explorer.arch import Architecture, ArchitectureError
from explorer.timing.conditions import Conditions, LatencyError
from explorer.timing.measure import Measured

PATIENCE = 30.0
"""Seconds to wait for another program that writes."""
COLUMNS = "device, runtime, version, precision, threads"


class Table:
    """A table of latencies.

    Args:
        path: of the file; made if need be.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, conditions: Conditions, network: Measured) -> None:
        """Keeps what a network took."""
        architecture = network.architecture
        row = (
            *astuple(conditions), architecture.identity, architecture.to_json(), network.took,
            json.dumps(network.operators), json.dumps(network.nodes),
        )  # fmt: skip
        with self._open() as file:
            file.execute(f"INSERT INTO networks VALUES (NULL{', ?' * len(row)})", row)

    def networks(self, conditions: Conditions, first: int | None = None) -> list[Measured]:
        """What was measured under these conditions, in that order.

        Args:
            conditions: under which.
            first: how many; None: all.

        Raises:
            LatencyError: if the file is no such table.
        """
        if not self.path.is_file():
            return []
        with self._open() as file:
            rows = file.execute(
                "SELECT architecture, microseconds, operators, nodes FROM networks "
                f"WHERE ({COLUMNS}) = (?, ?, ?, ?, ?) ORDER BY id LIMIT ?",
                (*astuple(conditions), -1 if first is None else first),
            ).fetchall()
        try:
            return [
                Measured(Architecture.from_json(text), float(spent), tuple(json.loads(each)), tuple(json.loads(nodes)))
                for text, spent, each, nodes in rows
            ]
        except (ArchitectureError, ValueError, TypeError) as error:
            raise LatencyError(f"latency.table {self.path}: {error}; measure anew in another file") from None

    def of(self, networks: Iterable[Architecture], conditions: Conditions) -> list[Measured]:
        """What these networks took, as far as they were measured."""
        wanted = {network.identity for network in networks}
        return [each for each in self.networks(conditions) if each.architecture.identity in wanted]

    def conditions(self) -> list[tuple[Conditions, int]]:
        """What the table is of, and how many networks it has of each."""
        if not self.path.is_file():
            return []
        with self._open() as file:
            rows = file.execute(f"SELECT {COLUMNS}, count(*) FROM networks GROUP BY {COLUMNS}").fetchall()
        return [(Conditions(*row[:-1]), row[-1]) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as file, file:
                file.execute(
                    "CREATE TABLE IF NOT EXISTS networks (id INTEGER PRIMARY KEY, device TEXT, runtime TEXT, "
                    "version TEXT, precision TEXT, threads INTEGER, identity TEXT, architecture TEXT, "
                    "microseconds REAL, operators TEXT, nodes TEXT)"
                )
                yield file
        except sqlite3.Error as error:
            raise LatencyError(f"latency.table {self.path}: {error}; expected a table that this program made") from None
