"""The databases below a data path, read as an engine reads them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DROPPED = re.compile(r'[^A-Za-z0-9._~*+><=&|(){}:"\[\]-]')
DATABASE = "datasets.db"


def kept(code: str) -> str:
    """What an engine keeps of a code before it looks for it."""
    return DROPPED.sub("", code)


@dataclass(frozen=True)
class Metadata:
    """METADATA of each pathology, and the folders that have none."""

    variables: dict[str, tuple[str, ...]]
    broken: tuple[str, ...]


@contextmanager
def _open(database: Path) -> Iterator[sqlite3.Connection]:
    # a path may hold any character; a missing file is not to be made
    address = f"file:{quote(str(database))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
        yield connection


def folders(data: Path) -> list[Path]:
    """Every folder of the data path, hidden ones too."""
    return sorted(folder for folder in data.iterdir() if folder.is_dir()) if data.is_dir() else []


def metadata(data: Path) -> Metadata:
    """The variables of each pathology, as its database has them now."""
    found, broken = {}, []
    for folder in folders(data):
        try:
            with _open(folder / DATABASE) as connection:
                rows = connection.execute("SELECT code FROM METADATA").fetchall()
        except sqlite3.Error:
            broken.append(folder.name)
        else:
            found[folder.name] = tuple(code for (code,) in rows)
    return Metadata(found, tuple(broken))


def announced(data: Path) -> dict[str, list[str]]:
    """The datasets of each pathology that a worker announces."""
    found = {}
    for folder in folders(data):
        found[folder.name] = []
        if folder.name != kept(folder.name):
            continue  # the shell that looks for it does not find it
        try:
            with _open(folder / DATABASE) as connection:
                rows = connection.execute("SELECT DISTINCT dataset FROM DATA").fetchall()
        except sqlite3.Error:
            continue
        found[folder.name] = sorted(str(code) for (code,) in rows)
    return found


def list_dataset(data: Path) -> dict[str, list[str]]:
    """LIST_DATASET's part on one node, with what it leaves behind: a database where none was."""
    found = {}
    for folder in folders(data):
        with closing(sqlite3.connect(folder / DATABASE, timeout=5)) as connection:
            rows = connection.execute("SELECT DISTINCT dataset FROM DATA").fetchall()
        found[folder.name] = sorted(str(code) for (code,) in rows)
        for code in found[folder.name]:
            code.encode("ascii")
    return found
