"""Files of a database file that was moved or copied: MLflow keeps their whole paths, so these are made to follow it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from explorer.tracking.address import ARTIFACTS, artifact_location, local_path, sqlite_path

if TYPE_CHECKING:
    from mlflow.entities import Experiment

PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's database that hold places of files."""


def follow(uri: str, experiment: Experiment) -> bool:
    """Makes the files of an experiment of ours, and of those that share its folder, lie beside the database in use.

    Paths are changed, files are not touched: where the folder was moved or copied they are there already.

    Args:
        uri: of the tracking server; only a SQLite file is ever moved.
        experiment: as the server gives it.

    Returns:
        Whether anything had to be changed.
    """
    path, here, there = sqlite_path(uri), artifact_location(uri), experiment.artifact_location
    old = local_path(there)
    if path is None or here is None or old is None or old.name != ARTIFACTS:  # somebody chose another place
        return False
    new = path.parent / ARTIFACTS
    if old == new or (old.exists() and new.exists() and old.samefile(new)):  # the same by another name
        return False
    with closing(sqlite3.connect(path, timeout=60)) as database, database:
        for table, column in PLACES:
            inside = f"{column} = :there or substr({column}, 1, length(:there) + 1) = :there || '/'"
            moved = f"update {table} set {column} = :here || substr({column}, length(:there) + 1) where {inside}"
            database.execute(moved, {"here": here, "there": there})
    return True
