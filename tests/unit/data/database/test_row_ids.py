"""Columns that hide SQLite's row id: no row is lost, doubled or given to another file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from saltext_mip.data.database import compare, compiler, ingest, rows
from saltext_mip.data.database.sqlite import NotWritten
from saltext_mip.storage.beneath import File
from tests.support import cdes
from tests.unit.data.database.independent import csv_rows, database_rows
from tests.unit.data.database.test_compiler import DATABASE, Folder

HIDING = [
    ("rowid",),
    ("RowID",),
    ("oid",),
    ("_ROWID_", "oid"),
    ("rowid", "oid"),
    ("rowid", "oid", "_rowid_"),
    ("ROWID", "Oid", "_RowId_"),
]
KINDS = ("int", "text", "real")


def columns(names: tuple[str, ...], kind: str) -> dict[str, str]:
    return {"dataset": "text", **dict.fromkeys(names, kind), "t": "text"}


def folder_of(root: Path, names: tuple[str, ...], kind: str) -> Folder:
    return Folder(root, *(cdes.variable(name, kind) for name in names), cdes.variable("t"))


def file(dataset: str, names: tuple[str, ...], cells: dict[int, str]) -> str:
    lines = [f"{dataset},{','.join([str(id_)] * len(names))},{t}" for id_, t in cells.items()]
    return "\n".join([f"dataset,{','.join(names)},t", *lines, ""])


def assert_whole(folder: Folder, of: dict[str, str]) -> None:
    expected: Counter[tuple[object, ...]] = Counter()
    for path in folder.path.glob("*.csv"):
        expected += csv_rows(path, of)
    assert database_rows(folder.path / DATABASE) == expected
    assert folder.current() == (True, None)
    assert compare.verify(folder.path, folder.state) == ()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", HIDING, ids="+".join)
def test_a_corrected_cell_changes_its_own_row_alone(tmp_path, names, kind):
    folder = folder_of(tmp_path, names, kind)
    folder.write("a.csv", file("ra", names, {1: "a", 2: "b", 5: "c", 6: "d"}))
    folder.write("b.csv", file("rb", names, {3: "e", 4: "f"}))
    assert folder.compile().status == "compiled"
    folder.write("b.csv", file("rb", names, {3: "e", 4: "corrected"}))
    done = folder.compile()
    assert (done.status, done.rows, done.problems) == ("compiled", 6, ())
    assert_whole(folder, columns(names, kind))


@pytest.mark.parametrize("names", HIDING, ids="+".join)
def test_a_file_that_went_bad_keeps_its_own_rows(tmp_path, names):
    folder = folder_of(tmp_path, names, "int")
    folder.write("a.csv", file("ra", names, {7: "a", 2: "b", 5: "c", 6: "d"}))
    folder.write("b.csv", file("rb", names, {3: "e", 1: "f"}))
    folder.compile()
    before = database_rows(folder.path / DATABASE)
    folder.write("b.csv", "not a table\n")
    done = folder.compile()
    assert (done.files["b.csv"], done.rows) == ("kept", 6)
    assert database_rows(folder.path / DATABASE) == before
    # a new CDE: copied row by row now, b.csv's from the old database
    folder.cde(*(cdes.variable(name, "int") for name in names), cdes.variable("t", label="T2"))
    assert folder.compile(force=True).rows == 6
    assert database_rows(folder.path / DATABASE) == before
    rules = {finding.problem.rule for finding in compare.verify(folder.path, folder.state)}
    assert rules
    assert not rules & {"RowsMissing", "RowsForeign", "CellsDiffer", "TablesDiffer"}
    (folder.path / "b.csv").unlink()
    folder.compile()
    assert_whole(folder, columns(names, "int"))


@pytest.mark.parametrize("names", HIDING, ids="+".join)
def test_a_large_file_that_is_bad_at_its_end_leaves_the_others_alone(tmp_path, names, monkeypatch):
    monkeypatch.setattr(ingest.Ingest.__init__, "__kwdefaults__", _large(ingest.Ingest))
    folder = folder_of(tmp_path, names, "int")
    folder.write("a.csv", file("ra", names, {1: "a", 2: "b", 5: "c"}))
    folder.write("b.csv", file("rb", names, {3: "e", 4: "f"}) + "rb,no number,g,h,i,j\n")
    folder.write("c.csv", file("rc", names, {3: "e", 4: "f"}))
    done = folder.compile()
    assert dict(done.files) == {"a.csv": "compiled", "b.csv": "out", "c.csv": "compiled"}
    assert (done.rows, dict(done.datasets)) == (5, {"ra": 3, "rc": 2})
    (folder.path / "b.csv").unlink()
    folder.compile()
    assert_whole(folder, columns(names, "int"))


def _large(of: type[ingest.Ingest]) -> dict[str, object]:
    return {**(of.__init__.__kwdefaults__ or {}), "large": 1}


# -- what a build checks before it is put in place


def spoil(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    """Some fault changes rows behind the build's back."""
    finish = rows.finish

    def spoiled(path: File, *args: object, **more: object) -> None:
        with closing(sqlite3.connect(path.path)) as db, db:
            for statement in statements:
                db.execute(statement)
        finish(path, *args, **more)

    monkeypatch.setattr("saltext_mip.data.database.rows.finish", spoiled)


FAULTS = {
    "another file's row is gone, one is doubled": [
        "DELETE FROM DATA WHERE rowid = 1",
        "INSERT INTO DATA SELECT * FROM DATA WHERE dataset = 'b' LIMIT 1",
    ],
    "a row became another dataset's": ["UPDATE DATA SET dataset = 'b' WHERE rowid = 1"],
    "a row became no dataset's": ["UPDATE DATA SET dataset = NULL WHERE rowid = 1"],
    "a row is gone": ["DELETE FROM DATA WHERE rowid = 2"],
    "a row too many": ["INSERT INTO DATA SELECT * FROM DATA LIMIT 1"],
}


@pytest.mark.parametrize("statements", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("names", [(), ("rowid", "oid", "_rowid_")], ids=["plain", "hidden"])
def test_a_database_in_which_a_file_has_not_its_rows_is_not_put_in_place(
    tmp_path, monkeypatch, statements, names
):
    folder = folder_of(tmp_path, names, "int") if names else Folder(tmp_path, cdes.variable("t"))
    for dataset in "ab":
        lines = "".join(f"{dataset},{t}\n" for t in ("one", "two"))
        folder.write(f"{dataset}.csv", "dataset,t\n" + lines)
    folder.compile()
    before = database_rows(folder.path / DATABASE)
    folder.write("b.csv", "dataset,t\nb,one\nb,changed\n")
    if names:
        statements = [
            line.replace("WHERE rowid", "WHERE dataset = 'a' OR 0") for line in statements
        ]
    spoil(monkeypatch, *statements)
    done = folder.compile()
    assert done.status == "failed"
    assert [problem.rule for problem in done.problems] == ["DatabaseUnwritten"]
    assert database_rows(folder.path / DATABASE) == before
    monkeypatch.undo()
    assert folder.compile().status == "compiled"
    assert compare.verify(folder.path, folder.state) == ()


@pytest.mark.parametrize("datasets", [1, 3, 30])
def test_rows_are_counted_by_dataset_however_many_a_file_has(tmp_path, monkeypatch, datasets):
    folder = Folder(tmp_path, cdes.variable("t"))
    lines = "".join(f"d{number},t\n" for number in range(datasets))
    folder.write("a.csv", "dataset,t\n" + 2 * lines)
    folder.write("b.csv", "dataset,t\nz,t\n")
    assert folder.compile(min_count=0).rows == 2 * datasets + 1
    spoil(monkeypatch, "UPDATE DATA SET dataset = 'other' WHERE rowid = 1")
    folder.write("a.csv", "dataset,t\n" + 3 * lines)
    compiled = folder.compile(min_count=0)
    assert [problem.rule for problem in compiled.problems] == ["DatabaseUnwritten"]


def test_a_build_that_fails_in_a_new_folder_leaves_a_database_that_an_engine_can_read(
    tmp_path, monkeypatch
):
    folder = Folder(tmp_path, cdes.variable("rowid", "int"))
    folder.write("a.csv", "dataset,rowid\na,1\n")

    def fail(*_: object, **__: object) -> None:
        raise NotWritten("some fault")

    monkeypatch.setattr("saltext_mip.data.database.builder.Build.make", fail)
    assert folder.compile().status == "failed"
    assert folder.select() == []
    codes = folder.select("SELECT code FROM METADATA")
    assert codes == [("dataset",), ("rowid",)]
    assert folder.current()[0] is False
    monkeypatch.undo()
    assert folder.compile().rows == 1
    assert compiler.current(folder.path, folder.state) == (True, None)


def test_a_folder_of_the_system_gets_a_database_that_an_engine_can_read(tmp_path):
    assert compiler.serve_nothing(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert db.execute("SELECT * FROM DATA").fetchall() == []
        assert db.execute("SELECT code FROM METADATA").fetchall() == [("dataset",)]
    assert not compiler.serve_nothing(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"")
    assert compiler.serve_nothing(tmp_path)
