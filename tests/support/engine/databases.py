"""The databases below a data path, read as an engine reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote


class Refused(Exception):
    """The data path is not fit for an engine: it does not start."""


@dataclass(frozen=True)
class Metadata:
    """A pathology's variables as METADATA had them when it was read."""

    variables: tuple[str, ...]
    datasets: tuple[str, ...]  # the codes that the variable `dataset` may have


@contextmanager
def _open(database: Path) -> Iterator[sqlite3.Connection]:
    # a path may hold any character; a missing file is not to be made
    address = f"file:{quote(str(database))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
        yield connection


def pathologies(data: Path) -> dict[str, Path]:
    """Every folder of the data path, hidden ones too, with its database; Refused without one."""
    if not data.is_dir():
        raise Refused(f"there is no data path {data}")
    found = {}
    for folder in sorted(data.iterdir()):
        if folder.is_dir():
            database = folder / "datasets.db"
            if not database.is_file():
                raise Refused(f"the folder {folder.name!r} has no datasets.db")
            found[folder.name] = database
    return found


def metadata(pathology: str, database: Path) -> Metadata:
    """Reads METADATA; Refused where the file has none, as one of 0 bytes."""
    try:
        with _open(database) as connection:
            rows = connection.execute("SELECT code, enumerations FROM METADATA").fetchall()
    except sqlite3.Error as error:
        raise Refused(f"datasets.db of {pathology!r} cannot be read: {error}") from None
    codes = dict(rows)
    listed = codes.get("dataset") or ""
    return Metadata(tuple(codes), tuple(code for code in listed.split(",") if code))


def rows(database: Path) -> dict[str, int]:
    """How many rows each dataset has now; the database is opened for each question."""
    with _open(database) as connection:
        counted = connection.execute("SELECT dataset, count(*) FROM DATA GROUP BY dataset")
        return {str(dataset): count for dataset, count in counted}
