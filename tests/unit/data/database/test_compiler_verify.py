"""A database against its sources, whoever made it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from saltext_mip.data.database import compare as comparison
from tests.support import cdes
from tests.unit.data.database.test_compiler import BAD, CDE, DATABASE, Folder

X, T, R = cdes.variable("x", "int"), cdes.variable("t"), cdes.variable("r", "real")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path, X, T, R)
    made.write("a.csv", "dataset,x,t\na,1,one\na,2,two\na,2,two\n\n" + 'a,,"three\nlines"\na,4,\n')
    made.write("b.csv", "r,t,dataset\n0.1,it's,b\n1e5,,b\n")
    made.compile()
    return made


def verified(folder: Folder) -> list[tuple[Any, ...]]:
    found = comparison.verify(folder.path, folder.state)
    assert not any("canary" in repr(finding.problem) for finding in found)
    return [
        (of.problem.rule, of.problem.file, of.problem.column, of.problem.count, of.problem.lines)
        for of in found
    ]


def change(folder: Folder, *statements: str) -> None:
    with closing(sqlite3.connect(folder.path / DATABASE)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_what_was_compiled_is_what_the_sources_hold(folder):
    assert verified(folder) == []


def test_the_order_of_rows_is_nobodys(folder):
    change(
        folder,
        "CREATE TABLE other AS SELECT * FROM DATA ORDER BY random()",
        "DELETE FROM DATA",
        "INSERT INTO DATA SELECT * FROM other",
        "DROP TABLE other",
    )
    assert verified(folder) == []


def test_cells_that_differ_are_told_by_column_and_line(folder):
    change(
        folder,
        "UPDATE DATA SET dataset = ' a' WHERE dataset = 'a' AND x > 1",
        "UPDATE DATA SET t = 'canary' WHERE x = 4",
    )
    assert verified(folder) == [
        ("CellsDiffer", "a.csv", "dataset", 3, (3, 4, 8)),
        ("CellsDiffer", "a.csv", "t", 1, (8,)),
    ]
    [_, cell] = comparison.verify(folder.path, folder.state)
    assert cell.examples == ((8, "'canary'"),)


def test_null_is_not_the_empty_text_nor_zero(folder):
    change(folder, "UPDATE DATA SET t = NULL WHERE t = ''", "UPDATE DATA SET x = 0 WHERE x IS NULL")
    assert verified(folder) == [
        ("CellsDiffer", "a.csv", "x", 1, (6,)),
        ("CellsDiffer", "a.csv", "t", 1, (8,)),
        ("CellsDiffer", "b.csv", "x", 2, (2, 3)),
        ("CellsDiffer", "b.csv", "t", 1, (3,)),
    ]


def test_a_number_that_differs_in_its_last_bit_differs(folder):
    change(folder, "UPDATE DATA SET r = 0.10000000000000002 WHERE r = 0.1")
    assert verified(folder) == [("CellsDiffer", "b.csv", "r", 1, (2,))]


def test_rows_that_are_not_there_are_told_by_line(folder):
    change(folder, "DELETE FROM DATA WHERE x = 2 AND rowid = 2", "DELETE FROM DATA WHERE x = 4")
    assert verified(folder) == [("RowsMissing", "a.csv", None, 2, (3, 8))]


def test_rows_that_no_file_has_are_counted(folder):
    change(folder, "INSERT INTO DATA (dataset, t) VALUES ('z', 'canary')")
    assert verified(folder) == [("RowsForeign", None, None, 1, ())]


def test_tables_are_compared_with_the_cde(folder):
    folder.cde(X, T, R, cdes.variable("new", label="New one"))
    assert verified(folder) == [("TablesDiffer", None, "new", 1, ())] * 2
    folder.cde(X, R)
    (folder.path / "a.csv").write_text("dataset,x\n")
    (folder.path / "b.csv").unlink()
    assert verified(folder)[:3] == [
        ("TablesDiffer", None, "t", 1, ()),
        ("TablesDiffer", None, "t", 1, ()),
        ("RowsForeign", None, None, 7, ()),
    ]


def test_another_ones_database_is_compared_likewise(folder, tmp_path):
    (folder.path / DATABASE).unlink()
    change(
        folder,
        "CREATE TABLE METADATA AS SELECT 'dataset' AS code",
        "CREATE TABLE DATA(dataset text, x int, t text, r real)",
        "INSERT INTO DATA VALUES ('a', 1, 'one', NULL)",
    )
    found = comparison.verify(folder.path, folder.state)
    said = {(of.problem.rule, of.problem.column, of.problem.about) for of in found}
    assert ("TablesDiffer", "x", "has no CHECK of its type") in said
    assert ("TablesDiffer", "r", "METADATA differs from the CDE") in said
    missing = [of.problem.lines for of in found if of.problem.rule == "RowsMissing"]
    assert missing == [(3, 4, 6, 8), (2, 3)]


@pytest.mark.parametrize("content", [None, b"", b"not a database"])
def test_no_database_at_all_is_told(folder, content):
    (folder.path / DATABASE).unlink()
    if content is not None:
        (folder.path / DATABASE).write_bytes(content)
    assert {rule for rule, *_ in verified(folder)} == {"TablesDiffer"}
    assert (folder.path / DATABASE).exists() is (content is not None)


def test_rows_that_were_kept_of_a_bad_file_are_left_alone(folder):
    folder.write("a.csv", BAD)
    folder.compile()
    assert [of[:3] for of in verified(folder)] == [("NotANumber", "a.csv", "x")]


def test_without_a_cde_there_is_nothing_to_compare_with(folder):
    (folder.path / CDE).unlink()
    assert verified(folder) == [("CdeMissing", None, None, 1, ())]


def test_real_data_compares_equal(shared, tmp_path):
    folder = Folder(tmp_path)
    for name in (CDE, "dummy_tbi.csv"):
        shutil.copyfile(shared / "data" / "tbi" / name, folder.path / name)
    folder.compile()
    assert verified(folder) == []


@pytest.mark.parametrize("columns", [1_999, 2_000])
@pytest.mark.parametrize("kept", [False, True])
def test_a_table_as_wide_as_can_be_is_verified(tmp_path, columns, kept):
    variables = [cdes.variable(f"v{number}", "int") for number in range(columns - 1)]
    wide = Folder(tmp_path, *variables)
    wide.write("a.csv", "dataset,v0,v7\na,1,2\n")
    wide.write("b.csv", "dataset,v0,v7\nb,1,2\n")
    assert wide.compile().rows == 2
    if kept:
        wide.write("b.csv", 'dataset\n"')
        assert dict(wide.compile().files) == {"a.csv": "compiled", "b.csv": "kept"}
    assert verified(wide) == ([("UnclosedQuote", "b.csv", None, 1, (2,))] if kept else [])
    if kept:  # whose rows they are is only known of a database that nobody else changed
        return
    change(wide, "UPDATE DATA SET v7 = 3 WHERE dataset = 'a'")
    assert ("CellsDiffer", "a.csv", "v7", 1, (2,)) in verified(wide)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ('dataset text CHECK (typeof(dataset) IN ("text", "null")), {rest}', ["x", "r"]),
        ("dataset text CHECK (dataset <> x'00'), {rest}, CHECK (typeof(x) <> 'blob')", "r"),
        ("dataset text, -- a comment, with (\n {rest}", ["dataset", "x", "r"]),
    ],
)
def test_checks_are_tried_whoever_wrote_the_table(tmp_path, table, columns):
    folder = Folder(tmp_path, X, T, R)
    folder.write("a.csv", "dataset,x\na,1\n")
    folder.compile()
    rest = "x int, \"t\" text CHECK ((typeof(t) = 'text' OR t IS NULL) AND ',(' <> ''), r real"
    change(folder, "DROP TABLE DATA", f"CREATE TABLE DATA ({table.format(rest=rest)})")
    found = [of[2] for of in verified(folder) if of[0] == "TablesDiffer"]
    assert found == list(columns)
