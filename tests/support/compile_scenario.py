"""A folder to compile, for crashes and faults in its middle, and what must hold after them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import adbc_driver_sqlite.dbapi  # noqa: F401 - here, so that a run does not have to import it
import polars  # noqa: F401

from saltext_mip.data.database import compiler
from tests.support import cdes

CDE, DATABASE = "CDEsMetadata.json", "datasets.db"
KEPT = ("b", 2, "last good")
OLD = {("a", 1, "old"), KEPT, ("c", 3, "same")}
NEW = {("a", 7, "new"), ("a", 8, "new"), KEPT, ("c", 3, "same")}
FRESH = {("a", 7, "new"), ("a", 8, "new"), ("c", 3, "same")}


def folder(root: Path) -> Path:
    return root / "data" / "dementia"


def make(root: Path, *, compiled: bool = True, cde: bool = True) -> None:
    """``a.csv`` has changed since it was compiled, ``b.csv`` was good once; or nothing is yet."""
    shutil.rmtree(root, ignore_errors=True)
    here = folder(root)
    here.mkdir(parents=True)
    variables = [cdes.variable("x", "int"), cdes.variable("t")]
    (here / CDE).write_bytes(cdes.content(cdes.tree(variables=variables)))
    (here / "c.csv").write_text("dataset,x,t\nc,3,same\n")
    (here / "b.csv").write_text("dataset,x,t\nb,2,last good\n")
    (here / "a.csv").write_text("dataset,x,t\na,1,old\n")
    if compiled:
        assert run(root).status == "compiled"
    (here / "b.csv").write_text("dataset,x,t\nb,bad,\n")
    if compiled:
        assert run(root).files["b.csv"] == "kept"
    (here / "a.csv").write_text("dataset,x,t\na,7,new\na,8,new\n")
    if not cde:
        (here / CDE).unlink()


def run(root: Path) -> compiler.Compiled:
    return compiler.compile(folder(root), root / "state")


def rows(root: Path) -> set[tuple[object, ...]] | None:
    """What an engine would read; None where the database does not exist."""
    path = folder(root) / DATABASE
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM METADATA").fetchone()[0]
        return set(db.execute("SELECT * FROM DATA"))


def left(root: Path) -> set[str]:
    """What is in the folder beside data, CDE and database."""
    known = {"a.csv", "b.csv", "c.csv", CDE, DATABASE}
    return {path.name for path in folder(root).iterdir()} - known
